# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Debian package has of a kernel."""

from __future__ import annotations

import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lab import bzimage
from lab.errors import LabError

_IMAGE = re.compile(r"boot/vmlinuz-(?P<boot>[^/]+)|(?:usr/)?lib/modules/(?P<modules>[^/]+)/vmlinuz")
_CONFIG = re.compile(r"boot/config-[^/]+|(?:usr/)?lib/modules/[^/]+/config")
_NAME = re.compile(r"(?<![\w(.+~:-])[a-z][a-z0-9+.-]+")  # and no version, which stands in brackets
_LARGEST = 1 << 30  # bytes
_ARCHITECTURES = ("amd64", "all")


@dataclass(frozen=True)
class Package:
    """``release`` and ``image`` are those of the kernel in it, None without one; ``config`` its configuration.

    ``depends`` are the names of the packages that it wants, or could have in their place.
    """

    path: Path
    name: str
    depends: frozenset[str]
    release: str | None
    image: bytes | None
    config: str | None


def read(path: Path) -> Package:
    """Read a package.

    Raises:
        LabError: it is none, or not for the lab's guests, or has more than one kernel.
        ImageError: what it has as vmlinuz is not one for x86_64.
    """
    if not path.is_file():
        raise LabError("there is no such file" if not path.exists() else "this is no file")
    name, architecture, depends = _fields(path)
    if architecture not in _ARCHITECTURES:
        raise LabError(f"the package is for {architecture}, and the lab's guests are x86_64 (amd64)")
    images, config = _kernels(path)
    if len(images) > 1:
        raise LabError(f"the package has {len(images)} kernels ({', '.join(sorted(images))}): give one in a package")
    release, image = next(iter(images.items()), (None, None))
    if image is not None and (says := bzimage.header(image).release) != release:
        raise LabError(
            f"its vmlinuz is called {release} and says that it is {says} (uname -r): one of both would not be found"
        )
    return Package(path, name, depends, release, image, config)


def _fields(path: Path) -> tuple[str, str, frozenset[str]]:
    # One field at a time is printed without its name.
    values = []
    for field in ("Package", "Architecture", "Depends", "Pre-Depends"):
        done = subprocess.run(["dpkg-deb", "--field", str(path), field], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"this is no Debian package: {done.stderr.strip()}")
        values.append(" ".join(done.stdout.split()))
    name, architecture, *wanted = values
    return name, architecture, frozenset(found[0] for word in wanted for found in _NAME.finditer(word))


def _kernels(path: Path) -> tuple[dict[str, bytes], str | None]:
    """The images in a package by their releases, and the configuration."""
    images: dict[str, bytes] = {}
    config = None
    argv = ["dpkg-deb", "--fsys-tarfile", str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacking:
        assert unpacking.stdout is not None
        try:
            with tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar:
                for member in tar:
                    place = member.name.removeprefix("./")
                    if not member.isfile():
                        continue
                    if found := _IMAGE.fullmatch(place):
                        images[found["boot"] or found["modules"]] = _content(tar, member)
                    elif _CONFIG.fullmatch(place):
                        config = _content(tar, member).decode("ascii", "replace")
        except tarfile.TarError as error:
            raise LabError(f"the package's files cannot be read: {error}") from error
    return images, config


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _LARGEST:
        raise LabError(f"its {member.name} has {member.size >> 20} MiB, which nothing of a kernel has")
    file = tar.extractfile(member)
    assert file is not None
    return file.read()
