# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this process can do here: touch the kernel at all (root, in no container, not locked down), and run programs."""

from __future__ import annotations

import posixpath
import re

from ansible_collections.kho.kexec.plugins.module_utils._host.container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import SYSTEM_PATHS, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

# proc_pid_status(5): real, effective, saved and file system user.
STATUS = "/proc/self/status"
LOCKDOWN = "/sys/kernel/security/lockdown"
_EFFECTIVE_USER = regex(r"^Uid:\s+[0-9]+\s+([0-9]+)", re.MULTILINE)


def is_root(host: Host) -> bool:
    """Whether this process acts as root; False also when that cannot be told."""
    try:
        match = _EFFECTIVE_USER.search(host.read_text(STATUS))
    except HostError:
        return False
    return match is not None and int(match.group(1)) == 0


def access_problem(container: str | None, root: bool) -> Note | None:
    """What forbids any work here, given the container's manager (None: no container) and whether we are root."""
    if container is not None:
        return Note(
            "container",
            f"This host is a container ({container}). A kexec would replace the kernel of the machine below it, for "
            "everybody there. Run this on that machine instead.",
        )
    if not root:
        return Note(
            "not_root",
            "This does not run as root. Only root may read what the kernel hands over, load an image and keep the "
            "transition record, so nothing could be planned or proven. Use become.",
        )
    return None


def require_access(host: Host) -> None:
    """Raise Refusal ``container`` or ``not_root``."""
    problem = access_problem(container_manager(host), is_root(host))
    if problem is not None:
        raise Refusal(problem.code, problem.message)


def lockdown_mode(host: Host) -> str | None:
    """Return what kernel lockdown is set to; None for ``none``, and when it cannot be read.

    It keeps even root from some of the kernel. The file shows the mode in brackets (security/lockdown/lockdown.c).
    """
    try:
        match = re.search(r"\[(\w{1,32})\]", host.read_text(LOCKDOWN, 256))
    except HostError:
        return None
    return match.group(1) if match and match.group(1) != "none" else None


def has_program(host: Host, name: str) -> bool:
    """Whether the program is where a system has its programs; it is not run."""
    return any(host.exists(posixpath.join(directory, name)) for directory in SYSTEM_PATHS)
