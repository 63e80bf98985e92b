# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where kernels are seen by the boot loaders: entries of the Boot Loader Specification, and GRUB's configuration."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import Iterator, Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._image.header import ImageError
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.plugins.module_utils._image.uki import read_uki
from ansible_collections.kho.kexec.plugins.module_utils._installed.bls import BlsEntry, parse_bls_entry
from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import MenuEntry, parse_grub_config
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import (
    BOOT,
    IMAGE_LIMIT,
    KernelFile,
    Modules,
    is_kdump_initrd,
    label_of,
    leftover,
    names_in,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_release

# Where the partitions with entries are mounted: XBOOTLDR or a plain /boot, and the EFI system partition.
PARTITIONS = (BOOT, "/efi", "/boot/efi")
GRUB_CONFIGS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
ENTRIES_LIMIT = 512
UKIS_LIMIT = 32  # they are read, and have some 100 MiB
ENTRY_BYTES_LIMIT = 1 << 16
GRUB_BYTES_LIMIT = 4 << 20
PATH_LIMIT = 1024

# The name of a unified kernel image, with the counter of boots that are left ("+3-1"):
# https://uapi-group.org/specifications/specs/boot_loader_specification/#boot-counting
_UKI = re.compile(r"(.+?)(?:\+[0-9]+(?:-[0-9]+)?)?\.efi", re.IGNORECASE)
# kernel-install(8) puts the machine's id or the distribution's name before the release.
_AT_RELEASE = re.compile(r"(?:^|-)([0-9]+\.[0-9].*)")


def bls_entries(host: Host) -> list[str]:
    """The paths of all entries of the Boot Loader Specification."""
    directories = [partition + "/loader/entries" for partition in PARTITIONS]
    return [
        posixpath.join(directory, name)
        for directory in directories
        for name in names_in(host, directory)[:ENTRIES_LIMIT]
        if name.endswith(".conf")
    ]


def seen_in_bls(host: Host, modules: Modules) -> Iterator[KernelFile]:
    """The kernels of all type 1 entries that can be read."""
    for partition in PARTITIONS:
        directory = partition + "/loader/entries"
        names = [name for name in names_in(host, directory) if name.endswith(".conf")]
        for name in names[:ENTRIES_LIMIT]:
            path = posixpath.join(directory, name)
            try:
                entry = parse_bls_entry(host.read_text(path, ENTRY_BYTES_LIMIT))
            except HostError:
                continue
            if entry.linux:
                yield _bls_kernel(host, modules, partition, path, entry, entry.linux)


def _bls_kernel(host: Host, modules: Modules, partition: str, path: str, entry: BlsEntry, linux: str) -> KernelFile:
    labels = (
        label_of(posixpath.basename(linux), modules),  # first: for OSTree the version is no release
        (entry.version or "").rpartition("@")[2],  # sdbootutil (SUSE) writes SNAPSHOT@RELEASE
        posixpath.basename(posixpath.dirname(linux)),  # kernel-install(8): /TOKEN/RELEASE/linux
    )
    label = next(filter(is_release, labels), "")
    bases = (partition, "", *PARTITIONS)
    seen = _kernel_file(host, "bls:" + path, linux, label, entry.initrds, bases)
    return replace(seen, options=entry.options)


def seen_as_uki(host: Host) -> Iterator[KernelFile]:
    """Unified kernel images."""
    for partition in PARTITIONS:
        directory = partition + "/EFI/Linux"
        names = [name for name in names_in(host, directory) if _UKI.fullmatch(name)]
        for name in names[:UKIS_LIMIT]:
            yield _uki_kernel(host, posixpath.join(directory, name))


def _uki_kernel(host: Host, path: str) -> KernelFile:
    """The release is that of the section .uname; the file's name, which anybody may choose, counts only without one."""
    named = _UKI.fullmatch(posixpath.basename(path))
    at_release = _AT_RELEASE.search(named.group(1)) if named else None
    label = _uname(host, path) or (at_release.group(1) if at_release else "")
    return KernelFile(path, "bls:" + path, label, uki=True)


def _uname(host: Host, path: str) -> Optional[str]:
    """The release in the section .uname; None without it, and when the image cannot be read."""
    try:
        image = memoryview(host.read_bytes(path, IMAGE_LIMIT))
        pe = parse_pe(image)
        return read_uki(image, pe).release if pe is not None else None
    except (HostError, ImageError):
        return None


def seen_in_grub(host: Host, modules: Modules) -> Iterator[KernelFile]:
    """The kernels of GRUB's menu."""
    for path in GRUB_CONFIGS:
        try:
            entries = parse_grub_config(host.read_text(path, GRUB_BYTES_LIMIT))
        except HostError:
            continue
        for entry in entries:
            yield kernel_file_in_grub(host, modules, path, entry)


def kernel_file_in_grub(host: Host, modules: Modules, path: str, entry: MenuEntry) -> KernelFile:
    """What an entry of the GRUB configuration ``path`` names, on this host."""
    label = label_of(posixpath.basename(entry.linux), modules)
    seen = _kernel_file(host, "grub:" + path, entry.linux, label, entry.initrds, ("", BOOT))
    return replace(seen, options=entry.options)


def _find(host: Host, path: str, bases: Sequence[str]) -> Optional[str]:
    """The file that a boot loader calls ``path``; None when none of the file systems known here has it.

    GRUB names a file by its place in its file system, so on btrfs and ZFS /boot is below a subvolume's name.
    """
    if ".." in path.split("/") or len(path) > PATH_LIMIT:
        return None
    path = posixpath.join("/", path)
    at_boot = path.find(BOOT + "/")
    paths = [base + path for base in bases] + ([path[at_boot:]] if at_boot > 0 else [])
    return next((posixpath.normpath(found) for found in paths if host.exists(found)), None)


def _kernel_file(
    host: Host, found_in: str, linux: str, label: str, initrds: Sequence[str], bases: Sequence[str]
) -> KernelFile:
    """What an entry names, on this host: its initrds only if all of them are there."""
    paths = [_find(host, path, bases) for path in initrds]
    found = tuple(path for path in paths if path is not None)
    image = _find(host, linux, bases)
    obstacle = _no_image(found_in, linux) if image is None else leftover(posixpath.basename(image), label)
    return KernelFile(
        image=image or posixpath.join("/", linux[:PATH_LIMIT]),
        found_in=found_in,
        label=label,
        initrds=found if len(found) == len(paths) else (),
        obstacle=obstacle or _for_kdump(found_in, found),
    )


def _for_kdump(found_in: str, initrds: Sequence[str]) -> Optional[Note]:
    initrd = next(filter(is_kdump_initrd, initrds), None)
    if initrd is None:
        return None
    return Note(
        "leftover",
        f"An entry in {_file_of(found_in)} starts a crash's capture kernel: {initrd} saves a dump, and does not start "
        "this system.",
    )


def _no_image(found_in: str, linux: str) -> Note:
    return Note(
        "no_image",
        f"An entry in {_file_of(found_in)} names the image {linux[:PATH_LIMIT]}, which is not on this host: its "
        "package was removed, its partition is not mounted, or it belongs to another system. Install the package "
        "again, or mount the partition.",
    )


def _file_of(found_in: str) -> str:
    """Return PATH of ``bls:PATH`` and ``grub:PATH``."""
    return found_in.partition(":")[2]
