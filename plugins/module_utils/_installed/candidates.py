# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed kernels, and the one among them that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import LATEST
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
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import (
    RELEASE_LIMIT,
    ReleaseKey,
    latest_release,
    release_key,
)

OPTIONS_LIMIT = 4096
SHOWN = 10  # releases and images that a message names


@dataclass(frozen=True)
class Candidate:
    """A kernel that is installed on the host, or what is left of one.

    ``release`` is what its name or its boot loader entry says, and empty when nothing does. ``image`` is the path that
    was looked at. ``initrds`` are in loading order. ``modules`` is the directory below /usr/lib/modules or /lib/modules
    that has a modules.dep, ``config`` the kernel's configuration; None when not there. ``found_in`` says who knows it:
    ``boot``, ``modules``, ``bls:PATH``, ``grub:PATH``. ``options`` is the command line of the boot loader's entry, for
    information only. ``obstacle`` says why it can never be chosen (leftover, no_image, release_not_named), or is None.
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


@dataclass(frozen=True)
class Rejected:
    """A candidate that was not chosen, and why."""

    candidate: Candidate
    why: Note

    @property
    def code(self) -> str:
        """Return the reason for machines."""
        return self.why.code

    @property
    def message(self) -> str:
        """Return the reason for people."""
        return self.why.message

    def as_dict(self) -> dict[str, Any]:
        """Return the candidate's release and image, and the reason, in the shape that modules return."""
        return {"release": self.candidate.release or None, "image": self.candidate.image, **self.why.as_dict()}


@dataclass(frozen=True)
class Choice:
    """The candidate that is meant, or the refusal that says why there is none; and all others, each with its reason.

    The refusal's code is ``target_not_found`` or ``target_ambiguous``.
    """

    chosen: Optional[Candidate]
    rejected: Tuple[Rejected, ...]
    refusal: Optional[Note]


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
        "snapshot or machine id than this system's, and another image of that release to this one's.",
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


def choose(candidates: Sequence[Candidate], wanted: str) -> Choice:
    """The candidate that ``wanted`` means: ``latest``, a release, or a glob (the newest release that matches).

    Releases hold no ``*``, ``?`` and ``[``, so that a text is either a release or a glob.
    """
    matching = [candidate for candidate in candidates if candidate.obstacle is None and _matches(candidate, wanted)]
    release = latest_release(candidate.release for candidate in matching)
    meant = [candidate for candidate in matching if candidate.release == release]
    rejected = [
        Rejected(candidate, _why_not(candidate, release, wanted)) for candidate in candidates if candidate not in meant
    ]
    if release is None:
        return Choice(None, tuple(rejected), _not_found(candidates, wanted))
    if len(meant) == 1:
        return Choice(meant[0], tuple(rejected), None)
    refusal = _ambiguous(meant)
    return Choice(None, (*(Rejected(candidate, refusal) for candidate in meant), *rejected), refusal)


def _matches(candidate: Candidate, wanted: str) -> bool:
    return wanted == LATEST or fnmatchcase(candidate.release, wanted)


def _why_not(candidate: Candidate, release: Optional[str], wanted: str) -> Note:
    if candidate.obstacle is not None:
        return candidate.obstacle
    if not _matches(candidate, wanted):
        return Note("not_wanted", f"{candidate.release} is not what is wanted, {_shown(wanted)}.")
    return Note("not_latest", f"{candidate.release} is older than {release}, and the newest is wanted.")


def _ambiguous(meant: Sequence[Candidate]) -> Note:
    images = " and ".join(printable(candidate.image) for candidate in meant[:SHOWN])
    return Note(
        "target_ambiguous",
        f"{meant[0].release} is the release of more than one image: {images}. They differ, and only one of them can be "
        "meant. Remove the one that is not (dpkg -S or rpm -qf tells whose it is), or name another release.",
    )


def _not_found(candidates: Sequence[Candidate], wanted: str) -> Note:
    """Say what is there instead, and what comes near to what is wanted."""
    releases = list(dict.fromkeys(candidate.release for candidate in candidates if candidate.obstacle is None))
    near = get_close_matches(wanted[:RELEASE_LIMIT], releases, 3)
    obstacles = [
        candidate.obstacle.message for candidate in candidates if candidate.obstacle and _is(candidate, wanted)
    ]
    what = "kernel" if wanted == LATEST else f"kernel {printable(wanted, RELEASE_LIMIT)}"
    parts = [
        f"No {what} is installed that could be started, so that there is nothing to plan for.",
        f"Found: {listed(releases, SHOWN) or 'nothing, in /boot, /usr/lib/modules, /efi and the menu of GRUB'}.",
        *([f"Nearest: {', '.join(near)}."] if near else []),
        *obstacles[:SHOWN],
        "Install the kernel's package, or name a release or a glob of what is there.",
    ]
    return Note("target_not_found", " ".join(parts))


def _is(candidate: Candidate, wanted: str) -> bool:
    return bool(candidate.release) and _matches(candidate, wanted)


def _shown(wanted: str) -> str:
    return "the latest" if wanted == LATEST else printable(wanted, RELEASE_LIMIT)
