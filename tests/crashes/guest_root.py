# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root file system of a guest that has a handful of programs and no more, packed as an initramfs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

_LOADER = "/lib64/ld-linux-x86-64.so.2"
_LIBRARY = re.compile(r"(/\S+) \(0x")


def put_programs(archive: Path, programs: Iterable[str], root: Path) -> None:
    """Copy programs and the libraries that they need, from the archive of a Debian root, to the folder ``root``.

    Raises:
        FileNotFoundError: the archive does not have one of them.
    """
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name)
        subprocess.run(["tar", "-x", "--exclude=./dev/*", "-C", name, "-f", str(archive)], check=True)
        for program in programs:
            for file in dict.fromkeys([program, _LOADER, *_libraries(whole, program)]):
                place = root / file.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(whole / file.lstrip("/"), place)


def _libraries(whole: Path, program: str) -> list[str]:
    """Ask the dynamic loader (ld.so(8), --list) which files a program needs."""
    argv = ["chroot", str(whole), _LOADER, "--list", program]
    return _LIBRARY.findall(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout)


def pack(root: Path, to: Path) -> None:
    """Pack a folder as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    names = "\n".join(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
    with to.open("wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode(), stdout=file, check=True)
