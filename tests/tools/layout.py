# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie in the work tree. Everything that is made lies under build/."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CACHE = BUILD / "cache"
COLLECTIONS = BUILD / "collections"
DIST = BUILD / "dist"
INSTALLED = BUILD / "installed"
LOGS = BUILD / "logs"
SANITY = BUILD / "sanity"
VENVS = BUILD / "venv"
REQUIREMENTS = ROOT / "tests" / "requirements"

COLLECTION = Path("ansible_collections", "kho", "kexec")


def link_collection() -> Path:
    """Make the work tree visible as a collection under build/collections, and return that path."""
    link = COLLECTIONS / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, link.parent)
    if not link.is_symlink() or os.readlink(link) != target:
        beside = link.with_name(f"{link.name}.{os.getpid()}")
        beside.symlink_to(target)
        beside.replace(link)
    return link


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is made if absent; say so when another run has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"(waiting for another run that holds {path.relative_to(ROOT)})", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
