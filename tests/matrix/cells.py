# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which transitions are tried: from each way of running to each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Kinds of the lab's guests.
PLAIN, INITRAMFS, SYSTEMD_BOOT, UKI, LUKS, LVM, BTRFS = (
    "plain", "initramfs", "systemd-boot", "uki", "luks", "lvm", "btrfs",
)  # fmt: skip
WITH_INITRAMFS = (INITRAMFS, LUKS, LVM, BTRFS)
# A scratch area that no lab kernel fits into.
TINY_SCRATCH = "kho_scratch=4M,4M,8M"
KHO_OFF = "kho=off"


@dataclass(frozen=True)
class Kernel:
    """A kernel of the lab, what is put on its command line, and whether it is loaded with kexec_load(2)."""

    name: str
    options: tuple[str, ...] = ()
    old_call: bool = False

    def __str__(self) -> str:
        return " ".join((self.name, *self.options, *(["(kexec_load)"] if self.old_call else [])))


@dataclass(frozen=True)
class Cell:
    """One transition. ``guest`` is the kind of guest that can run both kernels."""

    running: Kernel
    target: Kernel

    @property
    def guest(self) -> str:
        """Only a guest with an initramfs boots Debian's kernel, and it is slower."""
        return INITRAMFS if "debian" in (self.running.name, self.target.name) else PLAIN

    def __str__(self) -> str:
        return f"{self.running} -> {self.target}"


RUNNING = (
    Kernel("new"),
    Kernel("old"),
    Kernel("new", ("liveupdate=on",)),
    Kernel("old", ("liveupdate=on",)),
    Kernel("new", (TINY_SCRATCH,)),
    Kernel("new", (KHO_OFF,)),
    Kernel("metadata-v2"),
    Kernel("kho-v9"),
    Kernel("luo-v9"),
    Kernel("luo-v9", ("liveupdate=on",)),
    Kernel("no-kho"),
    Kernel("debian"),
)
TARGETS = (
    Kernel("new"),
    Kernel("old"),
    Kernel("new", ("liveupdate=on",)),
    Kernel("new", (KHO_OFF,)),
    Kernel("metadata-v2"),
    Kernel("kho-v9"),
    Kernel("luo-v9"),
    Kernel("luo-v9", ("liveupdate=on",)),
    Kernel("no-kho"),
    Kernel("debian"),
    Kernel("new", old_call=True),
)


def _is_run(cell: Cell) -> bool:
    return cell.running.name != cell.target.name or cell.target.old_call


_ALL = tuple(Cell(running, target) for running in RUNNING for target in TARGETS)
CELLS = tuple(filter(_is_run, _ALL))
NOT_RUN = tuple(cell for cell in _ALL if not _is_run(cell))
WHY_NOT_RUN = "the target's release already runs, so the plan is to do nothing"

# The kinds of ending that no other test on guests sees together with its prediction.
REPRESENTATIVE = (
    Cell(Kernel("new"), Kernel("old")),
    Cell(Kernel("old"), Kernel("metadata-v2")),
    Cell(Kernel("new", (TINY_SCRATCH,)), Kernel("old")),
)


def shares(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Which guest runs which cells: two plain ones share theirs, and one has an initramfs. None without cells."""
    plain = [cell for cell in cells if cell.guest == PLAIN]
    middle = (len(plain) + 1) // 2
    given = {
        "plain-1": plain[:middle],
        "plain-2": plain[middle:],
        "initramfs": [cell for cell in cells if cell.guest == INITRAMFS],
    }
    return {guest: share for guest, share in given.items() if share}


def kernels_of(cells: Sequence[Cell]) -> list[str]:
    """The kernels that a guest needs for these cells, beside the one that is in its image."""
    names = {kernel.name for cell in cells for kernel in (cell.running, cell.target)}
    return sorted(names - {"old"})
