# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run looks like: for a person, for a program, and in detail when it failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from lab import events, history, owner
from lab.console import last_lines
from lab.events import Event
from lab.history import Boot
from lab.layout import GuestFolder, RunFolder
from lab.state import GuestState, read_state

_CONSOLE_LINES = 40


def boots_of(folder: GuestFolder) -> list[Boot]:
    """The guest's boots since it was switched on."""
    console = folder.console.read_bytes() if folder.console.exists() else b""
    return history.boots(console, events.read(folder.events))


def tell_failure(folder: RunFolder) -> None:
    """Print to standard error what is known of each guest: console, events, boots, QEMU's own words."""
    for guest in sorted(folder.guests.iterdir()) if folder.guests.exists() else ():
        for line in failure_lines(guest.name, GuestFolder(guest)):
            print(line, file=sys.stderr)


def failure_lines(name: str, folder: GuestFolder) -> Iterator[str]:
    """What helps to find out why a guest did not do what it should."""
    yield f"=== {name}: the last lines of {folder.console}"
    yield from last_lines(folder.console, _CONSOLE_LINES)
    yield f"=== {name}: QEMU's events"
    yield from (event_line(event) for event in events.read(folder.events))
    yield f"=== {name}: boots"
    yield from (f"{number} {boot}" for number, boot in enumerate(boots_of(folder)))
    yield f"=== {name}: what QEMU said"
    yield from last_lines(folder.errors, _CONSOLE_LINES)


def event_line(event: Event) -> str:
    """An event for a person."""
    data = " ".join(f"{key}={value}" for key, value in event.data.items())
    return f"{event.time} at {event.console_offset}: {event.event} {data}".rstrip()


@dataclass(frozen=True)
class GuestStatus:
    """A guest as it is now; `release` is the kernel that was last seen starting, `boots` counts every start."""

    name: str
    kind: str
    status: str
    problem: str | None
    pid: int | None
    ssh_port: int | None
    release: str | None
    boots: int
    console: str

    def __str__(self) -> str:
        where = f"127.0.0.1:{self.ssh_port}" if self.ssh_port else "-"
        seen = f"{self.release or 'no kernel seen'}, boots: {self.boots}"
        return f"{self.name:<16} {self.kind:<10} {self.status:<9} {where:<16} {seen} {self.problem or ''}".rstrip()


@dataclass(frozen=True)
class RunStatus:
    """A run as it is now. `up`: its supervisor lives and every guest was reached when it was started."""

    run: str
    up: bool
    phase: str
    folder: str
    ended_because: str | None = None
    accelerator: str | None = None
    supervisor_pid: int | None = None
    repository: str | None = None
    inventory: str | None = None
    owner_pid: int | None = None
    owner_name: str | None = None
    guests: tuple[GuestStatus, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The status in JSON's types."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The status for a person."""
        why = f" ({self.ended_because})" if self.ended_because else ""
        yield f"run {self.run}: {self.phase}{why}"
        yield from (f"  {guest}" for guest in self.guests)
        if self.owner_pid is not None:
            yield f"  belongs to: process {self.owner_pid} ({self.owner_name or 'which has ended'}), and ends with it"
        for label in ("inventory", "repository", "accelerator", "folder"):
            if getattr(self, label):
                yield f"  {label}: {getattr(self, label)}"


def status(folder: RunFolder) -> RunStatus:
    """What is known of the run.

    Raises:
        LabError: its state cannot be read.
    """
    # The lock first: a supervisor writes its last state before it lets go.
    alive = folder.is_held()
    if not folder.state.exists():
        return RunStatus(folder.name, False, "starting" if alive else "ended", str(folder.path))
    state = read_state(folder.state)
    running = alive and state.phase != "ended"
    return RunStatus(
        run=folder.name,
        up=running and state.phase == "up",
        # A supervisor that was killed could not write that it ended.
        phase=state.phase if running else "ended",
        folder=str(folder.path),
        ended_because=None if running else state.ended_because or "the supervisor was killed",
        accelerator=state.accelerator,
        supervisor_pid=state.supervisor_pid if running else None,
        repository=state.repository_url if running else None,
        inventory=str(folder.inventory) if running and folder.inventory.exists() else None,
        owner_pid=state.owner if running else None,
        owner_name=owner.name(state.owner) if running and state.owner else None,
        guests=tuple(_guest_status(name, guest, running) for name, guest in state.guests.items()),
    )


def _guest_status(name: str, guest: GuestState, running: bool) -> GuestStatus:
    folder = GuestFolder.of(guest.folder)
    boots = boots_of(folder)
    status = guest.status if running else "ended"
    return GuestStatus(
        name=name,
        kind=guest.kind,
        status=status,
        problem=guest.problem,
        pid=None if status == "ended" else guest.pid,
        ssh_port=None if status == "ended" else guest.ssh_port,
        release=boots[-1].release,
        boots=len(boots),
        console=str(folder.console),
    )
