# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where in a run's folder, and who holds the run."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.cache import take
from lab.errors import LabError
from lab.paths import run_dir, runs_dir

_GUEST_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# Ansible gives these names a meaning of their own.
_RESERVED = frozenset({"all", "ungrouped", "localhost", "lab"})


@dataclass(frozen=True)
class GuestFolder:
    """The files of one guest. QEMU is started inside `path`, so its control sockets are named relative to it."""

    path: Path

    @classmethod
    def of(cls, path: str) -> Self:
        """The folder at this path."""
        return cls(Path(path))

    @property
    def console(self) -> Path:
        """Everything that the guest wrote to its serial port."""
        return self.path / "console.log"

    @property
    def events(self) -> Path:
        """QEMU's events, see `lab.events`."""
        return self.path / "events.jsonl"

    @property
    def errors(self) -> Path:
        """What QEMU itself wrote."""
        return self.path / "qemu.log"

    @property
    def overlay(self) -> Path:
        """The disk; its name is gone as soon as QEMU has opened it, so it dies with QEMU."""
        return self.path / "overlay.qcow2"

    @property
    def firmware_variables(self) -> Path:
        """This guest's firmware variables; its name goes like the overlay's."""
        return self.path / "firmware-variables.qcow2"

    @property
    def memory(self) -> Path:
        """Leads to the memory of the snapshot that the guest went on from."""
        return self.path / "memory.zst"

    @property
    def again(self) -> Path:
        """Who makes this file and ends QEMU asks the supervisor to start it again, from the snapshot."""
        return self.path / "again"

    @property
    def credentials(self) -> Path:
        """The folder of what the guest learns at its start; removed when nobody needs it any more."""
        return self.path / "credentials"

    @property
    def host_key(self) -> Path:
        """The guest's private SSH host key."""
        return self.path / "ssh_host_ed25519_key"

    @property
    def public_host_key(self) -> Path:
        """The guest's public SSH host key, as ssh-keygen writes it."""
        return self.path / "ssh_host_ed25519_key.pub"

    @property
    def supervisor_socket(self) -> Path:
        """QMP for the supervisor."""
        return self.path / "supervisor.qmp"

    @property
    def control_socket(self) -> Path:
        """QMP for everybody else."""
        return self.path / "control.qmp"


class SnapshotFolder(GuestFolder):
    """The files of a snapshot: those of the guest that it was made of, as they were then, and how to reach it."""

    @property
    def key(self) -> Path:
        """The private SSH key that the guest accepts until it is given those of its run."""
        return self.path / "id_ed25519"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    name: str
    path: Path

    @classmethod
    def of(cls, name: str) -> RunFolder:
        """The folder of the run called `name`, whether it exists or not.

        Raises:
            LabError: not a name for a run.
        """
        return cls(name, run_dir(name))

    @property
    def state(self) -> Path:
        """What the supervisor knows, see `lab.state`."""
        return self.path / "state.json"

    @property
    def plan(self) -> Path:
        """What the supervisor shall start, see `lab.state`."""
        return self.path / "plan.json"

    @property
    def log(self) -> Path:
        """What the supervisor said."""
        return self.path / "supervisor.log"

    @property
    def inventory(self) -> Path:
        """For Ansible; there only while every guest is up."""
        return self.path / "inventory.yml"

    @property
    def known_hosts(self) -> Path:
        """The guests' SSH host keys."""
        return self.path / "known_hosts"

    @property
    def key(self) -> Path:
        """The private SSH key that every guest of the run accepts."""
        return self.path / "id_ed25519"

    @property
    def repository(self) -> Path:
        """The apt repository that the guests install kernels from."""
        return self.path / "repository"

    @property
    def guests(self) -> Path:
        """The folder that holds a folder for each guest."""
        return self.path / "guests"

    def guest(self, name: str) -> GuestFolder:
        """The folder of one guest."""
        return GuestFolder(self.guests / name)

    def clear(self) -> None:
        """Remove everything that an earlier run of this name left, and make the folder. Only while the run is held."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(mode=0o700)
        self.guests.mkdir(mode=0o700)

    def take(self) -> int | None:
        """Hold the run: a descriptor, or None when somebody else holds it.

        The run is held until every copy of the descriptor is closed, however its owners end: the supervisor inherits
        one and keeps it as long as it lives. So "is the run alive?" needs no process numbers.
        """
        # Beside the folder: a lock inside would vanish with it, and two runs could each hold one of the name.
        return take(runs_dir() / f".{self.name}.lock")

    def is_held(self) -> bool:
        """Whether a supervisor lives, or somebody is just starting or clearing the run."""
        lock = self.take()
        if lock is None:
            return True
        os.close(lock)
        return False


def all_runs() -> list[RunFolder]:
    """Every run that has a folder, alive or not, by name."""
    return [RunFolder(entry.name, entry) for entry in sorted(runs_dir().iterdir()) if entry.is_dir()]


def check_guest_name(name: str) -> None:
    """Refuse what is not a host name, or means something else to Ansible.

    Raises:
        LabError: says which names are good.
    """
    if not _GUEST_NAME.fullmatch(name) or name in _RESERVED:
        raise LabError(
            f"a guest is called {name!r}, but a guest's name is its host name and its name in the inventory: "
            f"1 to 31 of a-z 0-9 -, a letter first, none of {', '.join(sorted(_RESERVED))}"
        )
