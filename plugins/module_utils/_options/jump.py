# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of kexec_reboot, which both its halves take."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._options.run import run_identity_spec


def jump_spec() -> dict[str, Any]:
    """The options, as AnsibleModule takes them."""
    return {
        "timeout": {"type": "int", "default": 600},
        "rollback_timeout": {"type": "int", "default": 600},
        "shutdown_timeout": {"type": "int", "default": 180},
        "health": {"type": "bool", "default": True},
        "health_ignore": {"type": "list", "elements": "str", "default": []},
        "health_commands": {"type": "list", "elements": "list", "default": []},
        "health_command_timeout": {"type": "int", "default": 30},
        "health_soak": {"type": "int", "default": 0},
        "window": {"type": "raw"},
        "wait": {"type": "bool", "default": True},
        "left": {"type": "dict"},
        **run_identity_spec(),
        "phase": {"type": "str", "choices": ["leave", "leave_again", "arrive"]},
    }
