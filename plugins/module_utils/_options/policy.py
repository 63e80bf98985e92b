# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which modules take a policy. Their documentation is in doc_fragments/policy.py."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    ANY,
    COLD_BOOT,
    HANDOVER,
    IGNORE,
    KEXEC,
    LATEST,
    NEVER,
    PREFER,
    REFUSE,
    REQUIRE,
    WARN,
)


def policy_spec() -> dict[str, Any]:
    """The options of a policy, as AnsibleModule takes them."""
    return {
        "release": {"type": "str", "default": LATEST},
        "panic": {"type": "int", "default": 10},
        "allow_downgrade": {"type": "bool", "default": False},
        "handover": {"type": "str", "choices": [REQUIRE, PREFER, IGNORE], "default": REQUIRE},
        "fallback": {"type": "str", "choices": [REFUSE, COLD_BOOT], "default": REFUSE},
        "on_unknown": {"type": "str", "choices": [WARN, REFUSE], "default": WARN},
        "max_kexec_count": {"type": "int", "default": 0},
        "denied_transitions": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "from": {"type": "str", "default": "*"},
                "to": {"type": "str", "default": "*"},
                "action": {"type": "str", "choices": [ANY, HANDOVER, KEXEC, COLD_BOOT], "default": ANY},
                "reason": {"type": "str", "required": True},
            },
        },
        "crash_risks": {"type": "list", "elements": "dict", "default": [], "options": _crash_risk_spec()},
        "on_crash_risk": {"type": "str", "choices": [WARN, REFUSE], "default": REFUSE},
        "crash_risk_threshold": {"type": "float", "default": 1.0},
        "accept": {"type": "list", "elements": "str", "default": []},
        "boot_default": {"type": "str", "choices": [REQUIRE, PREFER, NEVER], "default": NEVER},
        "on_pending_firmware": {"type": "str", "choices": [WARN, COLD_BOOT, REFUSE], "default": WARN},
        "command_line_append": {"type": "list", "elements": "str", "default": []},
        "command_line_replace": {"type": "dict", "default": {}},
        "command_line_remove": {"type": "list", "elements": "str", "default": []},
    }


def _crash_risk_spec() -> dict[str, Any]:
    """A risk as kexec_ledger returns it, so its list can be handed over unchanged."""
    return {
        "boot": {"type": "str", "choices": [HANDOVER, KEXEC], "required": True},
        "previous_release": {"type": "str"},
        "release": {"type": "str", "required": True},
        "longest_chain": {"type": "int"},
        "boots": {"type": "int"},
        "crashes": {"type": "int"},
        "relative_risk": {"type": "float"},
        "relative_risk_low": {"type": "float", "required": True},
        "relative_risk_high": {"type": "float"},
        "q": {"type": "float"},
        "bug": {"type": "str"},
        "sentence": {"type": "str", "required": True},
        "cautions": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {name: {"type": "str", "required": True} for name in ("code", "sentence")},
        },
    }
