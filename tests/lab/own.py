# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels that somebody else has built: read, refused with the reason, or taken into the lab.

A kernel is given as a Debian package, or as ``IMAGE`` or ``IMAGE:MODULES``: a bzImage, and the folder of its modules.
What belongs to the package of a kernel, as packages of modules do, is given beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import bzimage, deb, kernels, needs
from lab.cache import build_once
from lab.errors import LabError

VARIABLE = "KHO_LAB_DEBS"
MOST = 8
"""As many kernels as have a place on a guest's disk; the pairs are the square of it."""
NOTHING = (
    f"no kernel is given, and there is nothing to try: name packages or images, or set {VARIABLE} to them, as in "
    'DEBS="linux-image-a.deb linux-image-b.deb" or DEBS="bzImage:lib/modules/RELEASE"'
)
_INITRAMFS = ("initramfs-tools", "dracut", "linux-initramfs-tool")
_POSTINST = """#!/bin/sh
set -e
mkdir -p /etc/kernel/postinst.d
[ ! -e /lib/modules/{release} ] || depmod {release}
export DEB_MAINT_PARAMS="$*"
run-parts --arg={release} --arg=/boot/vmlinuz-{release} /etc/kernel/postinst.d
"""


@dataclass(frozen=True)
class Own:
    """A kernel that can be taken in: its release, its configuration if that is known, and the files as given.

    ``packages`` are those to install; of an image there are none, and ``modules`` may be the folder of its modules.
    """

    release: str
    config: str | None
    files: tuple[Path, ...]
    packages: tuple[str, ...] = ()
    modules: Path | None = None
    wants_initramfs: bool = False

    @property
    def given(self) -> str:
        """How it was given, for messages."""
        return str(self.files[0])

    def lacks(self) -> list[str]:
        """What a guest would miss, a line each; none when the configuration is not known."""
        has_modules = bool(self.packages) or self.modules is not None
        return [] if self.config is None else needs.lacks(self.config, has_modules)


def read(words: Sequence[str]) -> list[Own]:
    """The kernels that these words name, in their order; no guest is needed for it.

    Raises:
        LabError: names all that is wrong with all of them.
    """
    if not words:
        raise LabError(NOTHING)
    problems: list[str] = []
    found: list[Own] = []
    packages = [word for word in words if word.endswith(".deb")]
    for word in [word for word in words if word not in packages]:
        try:
            found.append(_image(word))
        except (LabError, bzimage.ImageError) as error:
            problems.append(f"{word}: {error}")
    found += _from_packages(packages, problems)
    problems += [*_twice(found), *_missing(found)]
    if len(found) > MOST:
        problems.append(f"{len(found)} kernels are given, and a guest has a place for {MOST}: try them in turns")
    if problems:
        raise LabError("these kernels cannot be tried, and no guest was started:\n" + "\n".join(problems))
    return sorted(found, key=lambda own: _place(own, words))


def _place(own: Own, words: Sequence[str]) -> int:
    return min(place for place, word in enumerate(words) if _file_of(word)[0] in own.files)


def _file_of(word: str) -> tuple[Path, Path | None]:
    """The file that a word names, which may have a colon in its name, and the folder of modules."""
    name, _colon, folder = word.partition(":")
    if word.endswith(".deb") or Path(word).is_file():
        return Path(word), None
    return Path(name), Path(folder) if folder else None


def _image(word: str) -> Own:
    image, modules = _file_of(word)
    if not image.is_file():
        raise LabError("there is no such file" if not image.exists() else "this is no file")
    data = image.read_bytes()
    release = bzimage.header(data).release
    if modules is not None and not (modules / "modules.dep").is_file():
        raise LabError(
            f"{modules} has no modules.dep: it is not what `make modules_install` makes (lib/modules/RELEASE)"
        )
    if modules is not None and modules.resolve().name != release:
        raise LabError(f"the kernel is {release}, and would load no modules of {modules.resolve().name}")
    return Own(release, bzimage.configuration(data), (image,), modules=modules)


def _from_packages(words: Sequence[str], problems: list[str]) -> Iterator[Own]:
    read_ones = []
    for word in dict.fromkeys(words):
        try:
            read_ones.append(deb.read(Path(word)))
        except (LabError, bzimage.ImageError) as error:
            problems.append(f"{word}: {error}")
    left = [package for package in read_ones if package.release is None]
    for package in [package for package in read_ones if package.release is not None]:
        group = _group(package, left)
        left = [other for other in left if other not in group]
        config = next((one.config for one in group if one.config), None)
        yield Own(
            package.release or "",
            config or (bzimage.configuration(package.image) if package.image else None),
            tuple(one.path for one in group),
            tuple(one.name for one in group),
            wants_initramfs=any(name in _INITRAMFS for one in group for name in one.depends),
        )
    problems += [
        f"{package.path}: the package {package.name} has no vmlinuz (boot/vmlinuz-RELEASE), and no kernel that is "
        "given belongs to it: give the package of the image (linux-image-RELEASE, not its headers or debug information)"
        for package in left
    ]


def _group(kernel: deb.Package, others: Sequence[deb.Package]) -> list[deb.Package]:
    """The package of a kernel and those that it needs, or that need it."""
    group = [kernel]
    for one in group:  # it grows meanwhile
        # What any kernel's packages need, such as linux-base, leads to no more of them.
        leads_back = one is kernel or str(kernel.release).lower() in one.name
        wanted = one.depends | {other.name for other in others if leads_back and one.name in other.depends}
        group += [other for other in others if other not in group and other.name in wanted]
    return group


def _twice(found: Sequence[Own]) -> Iterator[str]:
    seen: dict[str, Own] = {}
    for own in found:
        for key in (f"release {own.release}", *(f"package {name}" for name in own.packages)):
            if (other := seen.setdefault(key, own)) is not own:
                yield (
                    f"{own.given}: {other.given} has the {key} too, and a guest can have one only: build them with "
                    "different CONFIG_LOCALVERSION"
                )
                break


def _missing(found: Sequence[Own]) -> Iterator[str]:
    for own in found:
        if lacks := own.lacks():
            lines = "\n".join(f"    {line}" for line in lacks)
            yield f"{own.given}: the kernel {own.release} lacks what a guest of the lab needs:\n{lines}"


def kind_of_guest(owns: Sequence[Own]) -> str:
    """The kind of guest that can run all of them."""
    if any(own.wants_initramfs for own in owns):
        return needs.WITH_INITRAMFS
    return needs.kind_of_guest([own.config for own in owns])


def take_in(own: Own) -> kernels.Kernel:
    """Copy the kernel into the lab's cache, as a kernel with a name of its own; an image becomes a package."""

    def fill(folder: Path) -> None:
        if own.packages:
            # Files of two kernels may have one name, and the guest's repository has all of them in one folder.
            debs = [
                Path(shutil.copy(file, folder / f"{name}.deb"))
                for file, name in zip(own.files, own.packages, strict=True)
            ]
        else:
            debs = [_package(own, folder)]
        packages = own.packages or (_name_of_package(own.release),)
        facts = {"release": own.release, "package": " ".join(packages), "debs": [made.name for made in debs]}
        (folder / "kernel.json").write_text(json.dumps(facts) + "\n")

    made_from = {"recipe": 2, "release": own.release, "files": [_digest(file) for file in own.files]}
    if own.modules is not None:
        made_from["modules"] = _digest_of_folder(own.modules)
    folder = build_once("kernels", "own", made_from, fill)
    return kernels.own(folder.name)


def refuse_other_builds(owns: Sequence[Own], base: kernels.Kernel) -> None:
    """Refuse another build of the kernel that all guests boot first: one of them only can be installed.

    Raises:
        LabError: there is one.
    """
    for own in owns:
        if own.release == base.release and _digest(own.files[0]) != _digest(base.deb):
            raise LabError(
                f"{own.given}: the lab's guests boot a kernel {base.release} of the lab's own first, and a guest can "
                "have one of a release only: build yours with another CONFIG_LOCALVERSION"
            )


def _name_of_package(release: str) -> str:
    # Debian policy, section 5.6.1: such a name has no underscore, and a release of RHEL has one.
    return f"linux-image-{re.sub('[^a-z0-9.+-]', '-', release.lower())}"


def _package(own: Own, folder: Path) -> Path:
    """Make the package of an image."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "boot").mkdir()
    shutil.copyfile(own.files[0], tree / "boot" / f"vmlinuz-{own.release}")
    if own.config is not None:
        (tree / "boot" / f"config-{own.release}").write_text(own.config)
    if own.modules is not None:
        # The links to the sources lead to nowhere in a guest.
        leave_out = shutil.ignore_patterns("build", "source")
        shutil.copytree(own.modules, tree / "lib" / "modules" / own.release, symlinks=True, ignore=leave_out)
    control = {
        "Package": _name_of_package(own.release),
        "Version": "1",
        "Architecture": "amd64",
        "Maintainer": "The lab <lab@localhost>",
        "Description": "A kernel that somebody has built",
    }
    (tree / "DEBIAN" / "control").write_text("".join(f"{name}: {value}\n" for name, value in control.items()))
    script = tree / "DEBIAN" / "postinst"
    script.write_text(_POSTINST.format(release=own.release))
    script.chmod(0o755)
    made = folder / f"{control['Package']}.deb"
    argv = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(tree), str(made)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"dpkg-deb made no package of {own.given}: {done.stderr.strip()}")
    shutil.rmtree(tree)
    return made


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _digest_of_folder(folder: Path) -> str:
    whole = hashlib.sha256()
    for path, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not Path(path, name).is_symlink())
        for file in (Path(path, name) for name in sorted(files)):
            if not file.is_symlink():
                whole.update(f"{file.relative_to(folder)} {_digest(file)}\n".encode())
    return whole.hexdigest()
