# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what runs left behind, and what the cache holds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.cache import locks, take
from lab.errors import LabError
from lab.layout import all_runs
from lab.paths import cache_dir
from lab.progress import say


def remove_ended_runs() -> None:
    """Remove the folders of the runs that are not up."""
    for run in all_runs():
        lock = run.take()
        if lock is None:
            say(f"run {run.name} is up and stays")
            continue
        try:
            shutil.rmtree(run.path)
        finally:
            os.close(lock)
        say(f"run {run.name}: removed {run.path}")


def remove_cache() -> None:
    """Remove everything that was built or downloaded.

    Raises:
        LabError: a run is up, or something is just being built.
    """
    up = [run.name for run in all_runs() if run.is_held()]
    if up:
        raise LabError(f"the guests of {', '.join(up)} use the images in the cache: end them with `lab down` first")
    busy = [lock.name for lock in sorted(locks().glob("*")) if _is_locked(lock)]
    if busy:
        raise LabError(f"another command is just building {', '.join(busy)} in the cache: wait for it or end it")
    for entry in cache_dir().iterdir():
        if entry == locks():  # a lock that is removed could be held twice
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    say(f"emptied {cache_dir()}")


def _is_locked(path: Path) -> bool:
    lock = take(path)
    if lock is None:
        return True
    os.close(lock)
    return False
