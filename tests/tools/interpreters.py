# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the Python interpreters of this machine that really run.

A command named python3.X on PATH is no proof: pyenv puts scripts there that fail for versions that are not selected.
"""

from __future__ import annotations

import functools
import glob
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

Version = tuple[int, int]

# The Python versions of managed hosts that the modules are tested on.
MODULE_VERSIONS: tuple[Version, ...] = ((3, 8), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13))


def spell(version: Version) -> str:
    """Return `(3, 8)` as `3.8`."""
    return f"{version[0]}.{version[1]}"


def probe(command: Path) -> tuple[Version, Path] | None:
    """Ask the interpreter `command` for its version and its real path; None if it does not run as one."""
    question = "import sys; print(*sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
    try:
        answer = subprocess.run(
            [command, "-I", "-c", question], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        major, minor, path = answer.strip().split(" ", 2)
        return (int(major), int(minor)), Path(path)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def candidates(version: Version) -> Iterator[Path]:
    """Yield the paths where an interpreter of this version may be, likeliest first."""
    name = f"python{spell(version)}"
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        yield Path(folder, name)
    pyenv = os.path.expanduser(os.environ.get("PYENV_ROOT", "~/.pyenv"))
    # Unlike Path.glob, glob.glob passes over folders that may not be read.
    yield from map(Path, sorted(glob.glob(f"{pyenv}/versions/{spell(version)}.*/bin/{name}"), reverse=True))


@functools.cache
def find(version: Version) -> Path | None:
    """Return the real path of an interpreter of this version, or None when the machine has none that runs."""
    for command in candidates(version):
        found = probe(command) if os.access(command, os.X_OK) else None
        if found and found[0] == version:
            return found[1]
    return None


def controller() -> tuple[Version, Path]:
    """Return version and real path of the python3 that runs this driver."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return sys.version_info[:2], Path(base)
