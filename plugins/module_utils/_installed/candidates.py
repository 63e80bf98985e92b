# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed kernels."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import (
    of_this_system,
    seen_as_uki,
    seen_in_bls,
    seen_in_grub,
)
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import (
    BOOT,
    IMAGE_NAMES,
    MODULES,
    KernelFile,
    Modules,
    find_initrds,
    find_modules,
    seen_in_boot,
    seen_in_modules,
)
from ansible_collections.kho.kexec.plugins.module_utils._installed.same_image import same_images
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import ReleaseKey, release_key

OPTIONS_LIMIT = 4096


class Candidate(NamedTuple):
    """A kernel that is installed on the host, or what is left of one.

    ``release`` is what its name or its boot loader entry says, and empty when nothing does. ``image`` is the path that
    was looked at. ``initrds`` are in loading order. ``modules`` is the directory below /usr/lib/modules or /lib/modules
    that has a modules.dep, ``config`` the kernel's configuration; None when not there. ``found_in`` says who knows it:
    ``boot``, ``modules``, ``bls:PATH``, ``grub:PATH``. ``options`` is the command line of the boot loader's entry, for
    information only. ``obstacle`` says why it can never be chosen (leftover, no_image, release_not_named), or is None.
    ``only_named`` says that nothing but the name of a unified kernel image tells its release.
    """

    release: str
    image: str
    uki: bool
    initrds: Tuple[str, ...]
    modules: Optional[str]
    config: Optional[str]
    found_in: Tuple[str, ...]
    options: Optional[str]
    obstacle: Optional[Note] = None
    only_named: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the candidate in the shape that modules return."""
        return {
            "release": self.release or None,
            "image": self.image,
            "uki": self.uki,
            "initrds": list(self.initrds),
            "modules": self.modules,
            "config": self.config,
            "found_in": list(self.found_in),
            "options": None if self.options is None else printable(self.options, OPTIONS_LIMIT),
        }


def find_candidates(host: Host) -> Tuple[Candidate, ...]:
    """Every kernel that the host's files and boot loader entries name: newest first, then those with an obstacle.

    What cannot be read names no kernel.
    """
    modules = find_modules(host)
    kernel_files = [
        *seen_in_boot(host, modules),
        *seen_in_bls(host, modules),
        *seen_as_uki(host),
        *seen_in_grub(host, modules),
        *seen_in_modules(modules),
    ]
    images = same_images(host, kernel_files)
    others = _of_others(host, images)
    found = [_candidate(host, modules, image, _not_this_system(image) if image in others else None) for image in images]
    found += _without_image(modules, found)
    return tuple(sorted(found, key=_newest_first, reverse=True))


def _newest_first(candidate: Candidate) -> tuple[bool, ReleaseKey, str]:
    return candidate.obstacle is None, release_key(candidate.release), candidate.image


def _of_others(host: Host, images: Sequence[List[KernelFile]]) -> List[List[KernelFile]]:
    """The images that entries of another system start alone, where this one's entries start another of that release."""
    of_release: Dict[str, List[List[KernelFile]]] = {}
    for image in images:
        of_release.setdefault(image[0].release, []).append(image)
    found = []
    for same in of_release.values():
        entries = [seen for image in same for seen in image if seen.options or seen.machine_id]
        ours = of_this_system(host, entries) if len(same) > 1 else entries
        found += [image for image in same if all(seen in entries and seen not in ours for seen in image)]
    return found


def _not_this_system(kernel_files: Sequence[KernelFile]) -> Note:
    return Note(
        "leftover",
        f"{kernel_files[0].image} is started by {kernel_files[0].found_in.partition(':')[2]}, which belongs to another "
        "snapshot or machine id; another image of that release belongs to this system's.",
    )


def _candidate(host: Host, modules: Modules, kernel_files: Sequence[KernelFile], foreign: Optional[Note]) -> Candidate:
    """Put together what all files of one image say; the first one's word counts."""
    usable = [seen for seen in kernel_files if seen.obstacle is None]
    first = next((seen for seen in usable if seen.release), kernel_files[0])
    obstacle = foreign if first.is_usable else first.obstacle or _release_not_named(first)
    ours = of_this_system(host, [seen for seen in usable if seen.options or seen.machine_id])
    initrds = next((seen.initrds for seen in (*ours, *usable) if seen.initrds), ())
    if not (obstacle or initrds or first.uki):
        initrds = find_initrds(host, first.image, first.release)
    return Candidate(
        release=first.release,
        image=first.image,
        uki=first.uki,
        initrds=initrds,
        modules=modules.directories.get(first.release),
        config=_config(host, first.release),
        found_in=tuple(dict.fromkeys(seen.found_in for seen in kernel_files)),
        options=next((seen.options for seen in (*ours, *usable) if seen.options), None),
        obstacle=obstacle,
        only_named=all(seen.only_named for seen in usable) and bool(usable),
    )


def _config(host: Host, release: str) -> Optional[str]:
    paths = (BOOT + "/config-" + release, *(f"{parent}/{release}/config" for parent in MODULES))
    return next((path for path in paths if release and host.exists(path)), None)


def _release_not_named(seen: KernelFile) -> Note:
    return Note(
        "release_not_named",
        f"Nothing names the release of {seen.image}: neither its name, nor a boot loader's entry, nor a package "
        "below /usr/lib/modules. Without it, nobody can tell its modules, nor what the new kernel must report. Give "
        "the release in the file's name (vmlinuz-RELEASE, RELEASE.efi).",
    )


def _without_image(modules: Modules, found: Sequence[Candidate]) -> list[Candidate]:
    """Releases of which the modules are all that is there."""
    with_image = {candidate.release for candidate in found}
    return [
        Candidate(
            release=release,
            image=f"{BOOT}/{IMAGE_NAMES[0]}-{release}",
            uki=False,
            initrds=(),
            modules=directory,
            config=None,
            found_in=("modules",),
            options=None,
            obstacle=Note(
                "no_image",
                f"{directory} has the modules of {release}, but there is no image of it, neither in {BOOT} nor in "
                f"{directory}, nor in a boot loader's entry. Install the kernel's package again.",
            ),
        )
        for release, directory in modules.directories.items()
        if release not in with_image
    ]
