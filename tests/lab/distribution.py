# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's own kernel, as its users have it: many modules, an initramfs, and no Kexec HandOver."""

from __future__ import annotations

from pathlib import Path

from lab.apt import KernelArchive
from lab.errors import LabError

# The small flavour: it has the drivers of virtual machines, and an initramfs that an emulated guest makes in time.
_FLAVOUR = "cloud-amd64"
_PARTS = ("image", "base", "binary", "modules")
# The kernel's packages want a newer one than the guests' suite has.
_COMMON = "linux-base"


def release_of(version: str, archive: KernelArchive) -> str:
    """The release of Debian's kernel that was made from the sources of this version.

    Raises:
        LabError: the suites do not offer it any more.
    """
    offered = archive.candidates(rf"^linux-image-7\..*-{_FLAVOUR}$")
    found = [package for package, newest in offered.items() if newest == version]
    if len(found) != 1:
        raise LabError(f"Debian offers {found or 'no kernel'} of the flavour {_FLAVOUR} with the version {version}")
    return found[0].removeprefix("linux-image-")


def fetch(release: str, version: str, archive: KernelArchive, folder: Path) -> None:
    """Download the packages that a guest needs to install this kernel."""
    for part in _PARTS:
        archive.download(f"linux-{part}-{release}", version, folder)
    archive.download(_COMMON, archive.candidates(f"^{_COMMON}$")[_COMMON], folder)
