# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading the target, so what is loaded is what was read and judged.

kexec(8) takes one kernel, which is no unified kernel image, and one initrd at most. For others, files are made in a
directory below /run that only root may enter, and removed as soon as the kernel has read them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import read_kexec_state
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._image.read import IMAGE_LIMIT
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Target
from ansible_collections.kho.kexec.plugins.module_utils._transition.load_errors import LOAD_FAILED, load_failure

LOAD_TIMEOUT = 120.0
DIRECTORY = "/run/kho-kexec"
INITRD_LIMIT = 1 << 30
# The kernel finds the next of several cpio archives where its start is a multiple of this (init/initramfs.c).
ALIGNMENT = 4


@timed("loading")
def load_target(host: Host, target: Target) -> None:
    """Load by kexec_file_load and by nothing else: only that hands anything over (``-s`` never falls back).

    Raises Refusal ``image_changed``, and KhoError ``load_failed`` or ``scratch_too_small``, or HostError.
    """
    _require_unchanged(host, target)
    with _loadable(host, target) as (kernel, initrd):
        argv = ["kexec", "-s", "-l", kernel]
        if initrd is not None:
            argv.append(f"--initrd={initrd}")
        argv.append(f"--command-line={target.command_line}")
        done = host.run(argv, LOAD_TIMEOUT)
    if done.rc != 0:
        raise load_failure(done)
    if not read_kexec_state(host).image_loaded:
        raise KhoError(
            LOAD_FAILED,
            f"kexec reported success, and yet the kernel says that no image is loaded ({target.candidate.image}). "
            "Somebody may have unloaded it at the same moment. Run this again.",
        )
    try:
        _require_unchanged(host, target)
    except Refusal:
        unload_image(host)
        raise


@timed("loading")
def unload_image(host: Host) -> Completed:
    """Unload whatever is loaded for the next kexec; whether that worked is to be read from the kernel."""
    return host.run(["kexec", "-s", "-u"])


def _require_unchanged(host: Host, target: Target) -> None:
    """Compare the files with what they were before they were read."""
    known = dict(target.files)
    for path in (target.candidate.image, *target.candidate.initrds):
        if path not in known or host.identity(path) != known[path]:
            raise Refusal(
                "image_changed",
                f"{printable(path)} was changed while it was looked at, so something else would be loaded than "
                "was judged. Nothing is loaded. Wait until the installation of kernels is done, and run this again.",
            )


@contextmanager
def _loadable(host: Host, target: Target) -> Iterator[tuple[str, str | None]]:
    """Paths of a kernel and an initrd (None: without) as kexec takes them."""
    candidate, uki = target.candidate, target.image.uki if target.image else None
    if uki is None and len(candidate.initrds) <= 1:
        yield candidate.image, next(iter(candidate.initrds), None)
        return
    kernel_path, initrd_path = DIRECTORY + "/linux", DIRECTORY + "/initrd"
    archives = [host.read_bytes(path, INITRD_LIMIT) for path in candidate.initrds]
    host.make_directories(DIRECTORY, 0o700)
    try:
        if uki is not None:
            image = host.read_bytes(candidate.image, IMAGE_LIMIT)
            host.write_atomically(kernel_path, _part(image, uki.linux))
            archives[:0] = [_part(image, uki.initrd)] if uki.initrd else []
        if archives:
            host.write_atomically(initrd_path, concatenate(archives))
        yield (candidate.image if uki is None else kernel_path), (initrd_path if archives else None)
    finally:
        _remove(host, kernel_path, initrd_path)


def concatenate(archives: list[bytes]) -> bytes:
    """One initrd from several; each but the first begins where the kernel looks for it."""
    return b"".join(archive + bytes(-len(archive) % ALIGNMENT) for archive in archives)


def _part(image: bytes, place: tuple[int, int]) -> bytes:
    offset, size = place
    return image[offset : offset + size]


def _remove(host: Host, *paths: str) -> None:
    """Remove what was made. The next run overwrites what stays behind, and a reboot forgets it."""
    for path in paths:
        try:
            host.remove(path)
        except HostError:
            continue
