# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a guard: of kexec_guard, and of kexec_image. What they mean says the former."""

from __future__ import annotations

from typing import Any


def guard_spec() -> dict[str, Any]:
    """The options, as AnsibleModule takes them."""
    return {
        "confirm_timeout": {"type": "int", "default": 300},
        "required": {"type": "bool", "default": True},
        "watchdog": {"type": "str", "choices": ["ignore", "prefer", "require"], "default": "prefer"},
        "watchdog_timeout": {"type": "int", "default": 120},
    }
