# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks a host for something: this run of Ansible, told from all others, also from dead ones."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class Run:
    """One process of Ansible.

    ``machine`` is the boot and the namespace of process ids that ``pid`` belongs to, None where that cannot be told;
    ``started`` (clock ticks since boot) tells it from later processes with the same id.
    """

    machine: str | None
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.machine or socket.gethostname()} {self.pid} {self.started}"


def run_of(pid: int) -> Run:
    """The run whose process has this id."""
    try:
        machine = f"{BOOT_ID.read_text().strip()}/{os.readlink(PID_NAMESPACE)}"
    except OSError:
        machine = None
    return Run(machine, pid, _started(pid) or "unknown")


def run_identity() -> dict[str, Any]:
    """What modules are told of who asks. To be called in a worker of Ansible, whose parent is the run."""
    return {
        "run": str(run_of(os.getppid())),
        "owner": f"{_user()}@{socket.gethostname()} (process {os.getppid()})",
        "over": [],
    }


def dead_run(result: Mapping[str, Any]) -> str | None:
    """The run that a host was refused for, when it was one of this machine's that has ended."""
    claim = result.get("claim")
    if result.get("code") != "host_claimed" or not isinstance(claim, Mapping):
        return None
    run = str(claim.get("run"))
    return run if has_ended(run) else None


def has_ended(run: str) -> bool:
    """Whether this was a run of this machine's whose process is gone; of another machine's nobody knows here."""
    try:
        machine, pid, started = run.rsplit(" ", 2)
        number = int(pid)
    except ValueError:
        return False
    here = run_of(os.getpid()).machine
    return here is not None and machine == here and _started(number) != started


def _started(pid: int) -> str | None:
    """When a process was started, None when there is none; field 22 of proc_pid_stat(5)."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return None
    # The name of the program, in parentheses, may hold anything.
    return stat.rpartition(")")[2].split()[19]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
