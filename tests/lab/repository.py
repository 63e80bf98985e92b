# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local apt repository that guests install kernels from."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError


def compose(directory: Path, debs: Sequence[Path]) -> None:
    """Write a flat repository of these packages: hard links of the files, and the indexes that apt reads."""
    directory.mkdir(parents=True)
    for deb in debs:
        _link(deb, directory / deb.name)
    packages = _apt_ftparchive(directory, "packages", ".")
    (directory / "Packages").write_bytes(packages)
    release = _apt_ftparchive(directory, "-o", "APT::FTPArchive::Release::Origin=kho-kexec-lab", "release", ".")
    (directory / "Release").write_bytes(release)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file, place)
    except OSError:  # another file system
        shutil.copyfile(file, place)


def _apt_ftparchive(directory: Path, *arguments: str) -> bytes:
    done = subprocess.run(["apt-ftparchive", *arguments], cwd=directory, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"apt-ftparchive {' '.join(arguments)} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
