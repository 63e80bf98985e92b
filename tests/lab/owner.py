# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a run belongs to, and ends with, when nobody says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError

VARIABLE = "KHO_LAB_OWNER"


def default_owner(environment: Mapping[str, str]) -> int:
    """The process that a run belongs to when nobody says: $KHO_LAB_OWNER, else the leader of the user's session.

    That is somebody's shell as a rule, and what cron or CI started otherwise.

    Raises:
        LabError: $KHO_LAB_OWNER is not a number, or the session's leader cannot be seen from here.
    """
    configured = environment.get(VARIABLE, "")
    if configured:
        if not configured.isdecimal():
            raise LabError(f"{VARIABLE} is {configured!r}, but it has to be the number of a process")
        return int(configured)
    leader = os.getsid(0)
    while leader and (parent := _parent_of_worker(leader)):
        leader = os.getsid(parent)
    if leader == 0:
        raise LabError(
            "the leader of this session is outside of this container, so the run would have no owner to end with: "
            f"name a process with --owner-pid or {VARIABLE}"
        )
    return leader


def name(process: int) -> str | None:
    """What runs as this process; None when it has ended."""
    try:
        return Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _parent_of_worker(leader: int) -> int | None:
    """The parent of a session's leader that is a worker of Ansible and ends with its task; None for other leaders.

    Since ansible-core 2.19 each worker is a fork of ansible-playbook that makes itself the leader of a session without
    a terminal (WorkerProcess._detach in ansible/executor/process/worker.py; 2.21 can be told not to). A leader that
    has a terminal is what the user sees, even when it is a fork, as that of sudo is.
    """
    try:
        # The name in parentheses may hold anything; then come the state, the parent, the group, the session, the
        # terminal: proc_pid_stat(5).
        fields = Path(f"/proc/{leader}/stat").read_bytes().rpartition(b")")[2].split()
        parent, terminal = int(fields[1]), int(fields[4])
        # A fork has its parent's auxiliary vector; each program that is started gets one with new random addresses.
        is_fork = _auxiliary_vector(leader) == _auxiliary_vector(parent)
    except OSError:  # it has ended, or belongs to somebody else, as a worker's parent never does
        return None
    return parent if is_fork and not terminal else None


def _auxiliary_vector(process: int) -> bytes:
    return Path(f"/proc/{process}/auxv").read_bytes()
