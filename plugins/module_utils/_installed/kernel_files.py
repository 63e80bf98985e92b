# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where kernels are seen by their files' names: /boot and /usr/lib/modules.

One kernel is usually seen several times: by its name, through links, and in boot loader entries (``entries``).
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_leftover, is_release, release_key

BOOT = "/boot"
MODULES = ("/usr/lib/modules", "/lib/modules")
NAMES_LIMIT = 1024  # of files in one directory that look like kernels
NAME_LIMIT = 255
IMAGE_LIMIT = 1 << 28  # bytes

# vmlinuz: Debian, Fedora, Arch and most others; Image and vmlinux: SUSE and arm64; kernel: Gentoo and Flatcar.
# vmlinux comes last: beside one of the others, it is the uncompressed kernel for debuggers.
IMAGE_NAMES = ("vmlinuz", "Image", "kernel", "vmlinux")
# The names that Debian and Ubuntu, Fedora, RHEL and Arch, SUSE, and ALT and Mageia give to an initrd.
_INITRDS = ("initrd.img-{}", "initramfs-{}.img", "initrd-{}", "initrd-{}.img")
_IMAGE = regex(r"({})(?:-(.+)|[.].+|)".format("|".join(IMAGE_NAMES)))
# Arch's packages name themselves in a file beside their modules (mkinitcpio's hook reads it).
_PACKAGE = regex(r"[A-Za-z0-9@_+][A-Za-z0-9@._+-]{0,63}")
_RESCUE = "0-rescue-"
_KDUMP = regex(r"kdump(\.img)?$")


class KernelFile(NamedTuple):
    """One place that names a kernel's image.

    ``label`` is the text where the release should stand, which may be something else or empty. ``initrds``
    and ``options`` are those of a boot loader's entry. ``obstacle`` says why this place names nothing to start.
    ``is_original`` tells the package's own image, from which those that boot loaders start are copied. ``machine_id``
    is that of the system that an entry belongs to; empty when the entry does not say. ``only_named`` says that nothing
    but the name of a unified kernel image tells its release.
    """

    image: str
    found_in: str
    label: str = ""
    uki: bool = False
    initrds: Tuple[str, ...] = ()
    options: Optional[str] = None
    obstacle: Optional[Note] = None
    is_original: bool = False
    machine_id: str = ""
    only_named: bool = False

    @property
    def release(self) -> str:
        """Return the release that this place names; empty when it names none."""
        return self.label if is_release(self.label) else ""

    @property
    def is_usable(self) -> bool:
        """Whether this place alone tells what to start, and which release that is."""
        return self.obstacle is None and bool(self.release)


@dataclass(frozen=True)
class Modules:
    """What is below /usr/lib/modules or /lib/modules.

    ``directories``: the directory of each release that has a modules.dep. ``images``: the package's own image of each
    release that has one there. ``packages``: the release of each package that names itself (Arch).
    """

    directories: Dict[str, str] = field(default_factory=dict)
    images: Dict[str, str] = field(default_factory=dict)
    packages: Dict[str, str] = field(default_factory=dict)


def find_modules(host: Host) -> Modules:
    """Look through both names of the modules' directory; /usr/lib/modules goes first."""
    found = Modules()
    for parent in MODULES:
        releases = [name for name in names_in(host, parent) if is_release(name)]
        for release in sorted(releases, key=release_key, reverse=True)[:NAMES_LIMIT]:
            _look_into(host, posixpath.join(parent, release), release, found)
    return found


def _look_into(host: Host, directory: str, release: str, found: Modules) -> None:
    if host.exists(directory + "/modules.dep"):
        found.directories.setdefault(release, directory)
    images = [f"{directory}/{name}" for name in IMAGE_NAMES[:2] if host.exists(f"{directory}/{name}")]
    if images:
        found.images.setdefault(release, images[0])
    package = _package(host, directory + "/pkgbase")
    if package:
        found.packages.setdefault(package, release)


def _package(host: Host, path: str) -> Optional[str]:
    name = line_of(host, path, 128)
    return name if name and _PACKAGE.fullmatch(name) else None


def seen_in_boot(host: Host, modules: Modules) -> Iterator[KernelFile]:
    """Images in /boot; those whose names say the release go first, so links to them are called by that name."""
    names = [name for name in names_in(host, BOOT) if _IMAGE.fullmatch(name)][:NAMES_LIMIT]
    labels = {name: label_of(name, modules) for name in names}
    started = {label for name, label in labels.items() if not name.startswith("vmlinux")}
    for name in sorted(names, key=lambda name: not is_release(labels[name])):
        label = labels[name]
        for_debuggers = name.startswith("vmlinux") and label in started
        obstacle = _for_debuggers(name) if for_debuggers else leftover(name, label)
        yield KernelFile(posixpath.join(BOOT, name), "boot", label, obstacle=obstacle)


def seen_in_modules(modules: Modules) -> Iterator[KernelFile]:
    """The packages' own images."""
    for release, image in modules.images.items():
        yield KernelFile(image, "modules", release, is_original=True)


def label_of(name: str, modules: Modules) -> str:
    """The part of an image's name that is its release; empty when nothing does."""
    match = _IMAGE.fullmatch(name)
    text = (match.group(2) or "") if match else ""
    return modules.packages.get(text, text)


def leftover(name: str, label: str) -> Optional[Note]:
    """Tell files that are not there to be started: rescue images, backups, compressed ELF files."""
    if label.startswith(_RESCUE):
        return Note(
            "leftover",
            f"{name} is a rescue image: a copy of some older kernel, which does not say which. A plan must know the "
            "release. Name an installed release instead.",
        )
    if is_leftover(name):
        return Note(
            "leftover",
            f"{name} is a backup, is left over, or goes with an image: its name does not end with a release. Modules "
            "and an initrd would not fit. Name an installed release instead.",
        )
    return None


def _for_debuggers(name: str) -> Note:
    return Note(
        "leftover",
        f"{name} is the uncompressed kernel, which debuggers read. The image that is started lies beside it.",
    )


def is_kdump_initrd(path: str) -> bool:
    """Whether the file is the initrd of a crash's capture kernel (initramfs-RELEASEkdump.img, initrd-RELEASE-kdump)."""
    return _KDUMP.search(path) is not None


def find_initrds(host: Host, image: str, release: str) -> Tuple[str, ...]:
    """The initrd that belongs to the image by its name: beside it, or in /boot; empty when there is none."""
    match = _IMAGE.fullmatch(posixpath.basename(image))
    labels: List[str] = [match.group(2)] if match and match.group(2) else []
    for label in dict.fromkeys([*labels, release]):
        for directory in dict.fromkeys([posixpath.dirname(image), BOOT]):
            for pattern in _INITRDS:
                path = posixpath.join(directory, pattern.format(label))
                if host.exists(path):
                    return (path,)
    return ()


def names_in(host: Host, directory: str) -> List[str]:
    """The sorted names in a directory that can be shown as they are; none when it cannot be read."""
    try:
        names = host.listdir(directory)
    except HostError:
        return []
    return [name for name in names if printable(name, NAME_LIMIT) == name]
