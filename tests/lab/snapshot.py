# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots: guests that have booted and have their kernels installed, saved for those who need such a guest.

A snapshot belongs to everything that its guest was made of, but for what belongs to one run (ports, keys, names). Each
guest of a run has a snapshot of its own, a slot: the boot id is in the memory, and no two machines may have the same.
A run holds the slots of its guests until it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import cache, install, monitor, prepare, times
from lab.cache import Ingredients, describe, key_of
from lab.errors import LabError
from lab.image import Image
from lab.kernels import Kernel
from lab.layout import GuestFolder, RunFolder, SnapshotFolder
from lab.paths import cache_dir
from lab.progress import say
from lab.qemu import PROGRAM, command_line

SLOTS = 3
_RECIPE = 1  # raise it when the same ingredients are to be made in another way


@dataclass(frozen=True)
class Wish:
    """The guest that is wanted: its kernels are installed, beside the one that its image has."""

    image: Image
    kernels: tuple[Kernel, ...]
    hardware: prepare.Hardware

    @property
    def label(self) -> str:
        """What it is, for people."""
        names = "+".join(kernel.name for kernel in self.kernels)
        return f"{self.image.kind}-{self.hardware.processors}cpu" + (f"-{names}" if names else "")

    def ingredients(self) -> Ingredients:
        """Everything that a snapshot of it is made from."""
        machine = prepare.machine("guest", GuestFolder(Path("guest")), self.image, self.hardware, from_snapshot=False)
        return {
            "recipe": _RECIPE,
            "image": self.image.path.parent.name,
            "kernels": sorted(kernel.deb.parent.name for kernel in self.kernels),
            "files": [_fingerprint(Path(name)) for name in self._files()],
            "install": install.SCRIPT,
            "machine": command_line(machine),
        }

    def _files(self) -> Sequence[str]:
        program = shutil.which(PROGRAM)
        if program is None:
            raise LabError(f"{PROGRAM} is not there: install Debian's package qemu-system-x86")
        return [program, str(self.image.ovmf_code), str(self.image.ovmf_vars)]


def _fingerprint(file: Path) -> str:
    """What changes when a file is replaced."""
    real = file.resolve()
    seen = real.stat()
    return f"{real} {seen.st_size} {seen.st_mtime_ns}"


@dataclass(frozen=True)
class Seat:
    """A slot that this process holds by `lock`, until every copy of that descriptor is closed."""

    wish: Wish
    folder: SnapshotFolder
    lock: int

    @property
    def is_made(self) -> bool:
        """Whether the snapshot is there."""
        return self.folder.path.exists()


def take(wish: Wish) -> Seat | None:
    """Hold the first free slot of such guests; None when all are in use."""
    made_from = wish.ingredients()
    places = cache_dir() / "snapshots"
    places.mkdir(mode=0o700, exist_ok=True)
    for slot in range(1, SLOTS + 1):
        name = f"{wish.label}-{slot}-{key_of({**made_from, 'slot': slot})}"
        lock = _hold(name)
        if lock is not None:
            return Seat(wish, SnapshotFolder(places / name), lock)
    return None


def save(run: RunFolder, name: str, seat: Seat) -> None:
    """Make the snapshot of this guest, which ends."""
    guest = run.guest(name)
    with times.measured("snapshot", seat.wish.label):
        for stale in _stale(seat):
            shutil.rmtree(stale)
        unfinished = SnapshotFolder(
            Path(tempfile.mkdtemp(prefix=f".unfinished-{seat.folder.path.name}-", dir=seat.folder.path.parent))
        )
        try:
            monitor.save_memory(guest.control_socket, guest.memory.name)
            for file in (guest.overlay, guest.firmware_variables, guest.memory, guest.console, guest.events):
                file.chmod(0o600)
                shutil.move(file, unfinished.path / file.name)
            shutil.copy(guest.public_host_key, unfinished.public_host_key)
            shutil.copy(run.key, unfinished.key)
            describe(unfinished.path / "made-from.json", seat.wish.ingredients())
            unfinished.path.rename(seat.folder.path)
        except BaseException:
            shutil.rmtree(unfinished.path, ignore_errors=True)
            raise
    say(f"saved a guest as {seat.folder.path.name}")


def _stale(seat: Seat) -> Iterable[Path]:
    """Snapshots of such a guest that were made from something else and that nobody uses, or not to the end."""
    own = seat.folder.path
    yield from own.parent.glob(f".unfinished-{own.name}-*")
    for other in own.parent.glob(f"{own.name.rpartition('-')[0]}-*"):
        lock = _hold(other.name) if other != own else None
        if lock is not None:
            yield other
            os.close(lock)


def _hold(name: str) -> int | None:
    return cache.take(cache.locks() / f"snapshot-{name}")
