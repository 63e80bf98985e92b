# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the starter tells the supervisor (the plan), and what the supervisor tells everybody (the state)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.errors import LabError

SCHEMA = 1
Phase = Literal["starting", "up", "ended"]
Status = Literal["starting", "running", "ended"]


@dataclass(frozen=True)
class GuestPlan:
    """A guest to start: `argv` is QEMU's, to be run inside `folder`; `forget` are files without use once it runs.

    `snapshot` is the folder of the snapshot that it goes on from, None when it is switched on.
    """

    name: str
    kind: str
    folder: str
    argv: list[str]
    forget: list[str] = field(default_factory=list)
    snapshot: str | None = None


@dataclass(frozen=True)
class RunPlan:
    """A run to start; `accelerator` is the name and the reason, `owner` the process that it ends with."""

    name: str
    accelerator: str
    repository_url: str
    guests: list[GuestPlan]
    owner: int | None = None


@dataclass
class GuestState:
    """One guest: `ssh_port` of 127.0.0.1 leads to its port 22; `problem` says why it ended although nobody asked.

    `snapshot` is where it went on from, None when it was switched on; `restored` counts how often it did.
    """

    kind: str
    folder: str
    status: Status = "starting"
    pid: int | None = None
    ssh_port: int | None = None
    problem: str | None = None
    snapshot: str | None = None
    restored: int = 0


@dataclass
class RunState:
    """The run as its supervisor sees it. `ended_because` is set with the phase `ended`."""

    name: str
    supervisor_pid: int
    accelerator: str
    repository_url: str
    guests: dict[str, GuestState]
    phase: Phase = "starting"
    ended_because: str | None = None
    owner: int | None = None


def planned(plan: RunPlan, supervisor_pid: int) -> RunState:
    """The state of a run that has only just been planned."""
    guests = {guest.name: GuestState(guest.kind, guest.folder, snapshot=guest.snapshot) for guest in plan.guests}
    return RunState(plan.name, supervisor_pid, plan.accelerator, plan.repository_url, guests, owner=plan.owner)


def write_plan(path: Path, plan: RunPlan) -> None:
    """Write the plan for the supervisor."""
    _write(path, asdict(plan))


def read_plan(path: Path) -> RunPlan:
    """Read the plan.

    Raises:
        LabError: it is not there or not whole.
    """
    fields = _read(path)
    try:
        guests = [GuestPlan(**guest) for guest in fields.pop("guests")]
        return RunPlan(guests=guests, **fields)
    except (KeyError, TypeError) as error:
        raise LabError(f"{path} is not a plan of this lab: {error}") from error


def write_state(path: Path, state: RunState) -> None:
    """Replace the state; a reader sees the old or the new one, never a part."""
    _write(path, asdict(state))


def read_state(path: Path) -> RunState:
    """Read the state.

    Raises:
        LabError: it is not there or not whole.
    """
    fields = _read(path)
    try:
        guests = {name: GuestState(**guest) for name, guest in fields.pop("guests").items()}
        return RunState(guests=guests, **fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise LabError(f"{path} is not a state of this lab: {error}") from error


def _write(path: Path, fields: Mapping[str, object]) -> None:
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"schema": SCHEMA, **fields}, file, indent=2)
        file.write("\n")
    os.replace(beside, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LabError(f"{path} is not there") from error
    except ValueError as error:
        raise LabError(f"{path} cannot be read: {error}") from error
    if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA:
        raise LabError(f"{path} was written by another version of the lab; `lab clean` removes it")
    return fields
