# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a thing once, under a lock, beside its place, and move it there when it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.paths import cache_dir
from lab.progress import say

Ingredients = dict[str, object]


def key_of(ingredients: Ingredients) -> str:
    """A short name for everything that a thing is made from; it differs when any of it differs."""
    text = json.dumps(ingredients, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build_once(kind: str, name: str, ingredients: Ingredients, build: Callable[[Path], None]) -> Path:
    """Return the folder of the thing, which ``build(folder)`` fills when it is not there yet.

    Two runs that need the same thing do not build it twice: the second waits. What a killed build left is removed by
    the next one.
    The folder has the file ``made-from.json`` with the ingredients.
    """
    identity = f"{name}-{key_of(ingredients)}"
    place = cache_dir() / kind / identity
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(f"{kind}-{identity}", f"{kind} {name}"):
        if place.exists():
            return place
        for leftover in place.parent.glob(f".unfinished-{identity}-*"):
            shutil.rmtree(leftover)
        unfinished = Path(tempfile.mkdtemp(prefix=f".unfinished-{identity}-", dir=place.parent))
        build(unfinished)
        describe(unfinished / "made-from.json", ingredients)
        unfinished.rename(place)
    return place


def age(file: Path) -> float:
    """Seconds since the file was written; infinite when there is none."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def describe(file: Path, ingredients: Ingredients) -> None:
    """Write down what a thing was made from."""
    file.write_text(json.dumps(ingredients, indent=2, sort_keys=True, default=str) + "\n")


def take(lock: Path) -> int | None:
    """Hold this file's lock: a descriptor, or None when somebody else has it.

    It is held until every copy of the descriptor is closed, however its owners end.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def locks() -> Path:
    """The folder of the cache's locks; made when it is not there."""
    folder = cache_dir() / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def locked(name: str, what: str) -> Iterator[None]:
    """Hold the lock ``name`` of the cache; the kernel frees it when this process ends, however it ends."""
    with (locks() / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{what}: another run is making it, waiting for that one")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
