# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie in the work tree. Everything that is made lies under build/."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CACHE = BUILD / "cache"
COLLECTIONS = BUILD / "collections"
DIST = BUILD / "dist"
INSTALLED = BUILD / "installed"
LOGS = BUILD / "logs"
SANITY = BUILD / "sanity"
TIMES = BUILD / "times"
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
def locked(path: Path, awaited: str, say: Callable[[str], None], *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on the file `path`, which is made if absent; say what is awaited when somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with path.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {awaited}")
            fcntl.flock(file, kind)
        yield
