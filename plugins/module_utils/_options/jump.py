# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of kexec_reboot, which both its halves take."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._options.health import own_troubles_spec
from ansible_collections.kho.kexec.plugins.module_utils._options.run import commit_spec, run_identity_spec

# Seconds that a kernel and the services of a host need to start, at the least.
SHORTEST_BOOT = 30
LONGEST_SHUTDOWN = 180


def jump_spec() -> dict[str, Any]:
    """The options, as AnsibleModule takes them."""
    return {
        "timeout": {"type": "int", "default": 600},
        "rollback_timeout": {"type": "int", "default": 600},
        "guard_timeout": {"type": "int", "default": 3600},
        "shutdown_timeout": {"type": "int", "default": -1},
        "busy_timeout": {"type": "int", "default": 0},
        "health": {"type": "bool", "default": True},
        "health_ignore": {"type": "list", "elements": "str", "default": []},
        "health_commands": {"type": "list", "elements": "list", "default": []},
        "health_command_timeout": {"type": "int", "default": 30},
        "health_soak": {"type": "int", "default": 0},
        "health_own_troubles": own_troubles_spec(),
        "window": {"type": "raw"},
        "wait": {"type": "bool", "default": True},
        "left": {"type": "dict"},
        "commit": {"type": "dict", "options": commit_spec()},
        **run_identity_spec(),
        "phase": {"type": "str", "choices": ["leave", "leave_again", "verify"]},
    }


def shutdown_seconds(timeout: int, shutdown_timeout: int) -> int:
    """How long services may take to stop: as the option says, or for -1 what ``timeout`` leaves for it."""
    if shutdown_timeout >= 0:
        return shutdown_timeout
    return max(SHORTEST_BOOT // 2, min(LONGEST_SHUTDOWN, timeout - 2 * SHORTEST_BOOT))


def shutdown_problem(timeout: int, shutdown_timeout: int) -> str | None:
    """Why a host could be given up before it was made to leave; None when it could not."""
    if shutdown_timeout < 1 or timeout >= shutdown_timeout + SHORTEST_BOOT:
        return None
    return (
        f"the time for everything ({timeout} s) must exceed the time for stopping services ({shutdown_timeout} s) by "
        f"what a boot takes, {SHORTEST_BOOT} s at least; the host would be given up, and then be made to leave"
    )
