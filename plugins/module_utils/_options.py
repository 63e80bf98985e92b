# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which modules take a policy. Their documentation is in doc_fragments/policy.py."""

from __future__ import annotations

import os
from typing import Any, Mapping

from ansible_collections.kho.kexec.plugins.module_utils._candidates import LATEST
from ansible_collections.kho.kexec.plugins.module_utils._claim import Asker
from ansible_collections.kho.kexec.plugins.module_utils._cmdline import CommandLineEdits
from ansible_collections.kho.kexec.plugins.module_utils._errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._health_troubles import TROUBLE_CODES
from ansible_collections.kho.kexec.plugins.module_utils._health_watch import Checks, require_sensible
from ansible_collections.kho.kexec.plugins.module_utils._jump import Departure
from ansible_collections.kho.kexec.plugins.module_utils._policy import (
    ANY,
    IGNORE,
    PREFER,
    REFUSE,
    REQUIRE,
    WARN,
    CrashRisk,
    Denial,
    Policy,
)
from ansible_collections.kho.kexec.plugins.module_utils._text import printable
from ansible_collections.kho.kexec.plugins.module_utils._transition import COLD_BOOT, HANDOVER, KEXEC

# Seconds that devices and links of a host that has just booted get to appear.
SETTLE = 60.0


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
        "command_line_append": {"type": "list", "elements": "str", "default": []},
        "command_line_replace": {"type": "dict", "default": {}},
        "command_line_remove": {"type": "list", "elements": "str", "default": []},
    }


def _crash_risk_spec() -> dict[str, Any]:
    """A risk as kexec_ledger returns it, so that its list can be handed over unchanged."""
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
        "signature": {"type": "str"},
        "sentence": {"type": "str", "required": True},
    }


def asker_spec() -> dict[str, Any]:
    """The options by which modules learn who asks; their documentation is in doc_fragments/claim.py."""
    return {
        "claim_timeout": {"type": "int", "default": 0},
        "asker": {
            "type": "dict",
            "options": {
                "run": {"type": "str"},
                "owner": {"type": "str"},
                "over": {"type": "list", "elements": "str"},
            },
        },
    }


def asker_of(options: Mapping[str, Any], now: str) -> Asker:
    """Who asks, as a module's options say; a module that was run without the controller's half is nobody's."""
    asked = options["asker"] or {}
    return Asker(
        now,
        run=asked.get("run") or "",
        owner=asked.get("owner") or "somebody",
        seconds=options["claim_timeout"],
        over=tuple(asked.get("over") or ()),
    )


def jump_spec() -> dict[str, Any]:
    """The options of kexec_reboot, which both its halves take."""
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
        **asker_spec(),
        "phase": {"type": "str", "choices": ["leave", "leave_again", "arrive"]},
    }


def departure_of(options: Mapping[str, Any]) -> Departure:
    """How a module is to leave."""
    return Departure(os.getpid(), options["shutdown_timeout"], options["phase"] == "leave_again")


def checks_of(options: Mapping[str, Any]) -> Checks | None:
    """How the new kernel's health is to be judged, None when it is not. Raises Refusal for what cannot be meant."""
    if not options["health"]:
        return None
    checks = Checks(
        ignored=tuple(options["health_ignore"]),
        commands=tuple(tuple(str(word) for word in command) for command in options["health_commands"]),
        command_timeout=options["health_command_timeout"],
        settle=SETTLE,
        soak=options["health_soak"],
    )
    unknown = sorted(set(checks.ignored) - set(TROUBLE_CODES))
    if unknown:
        raise Refusal(
            "trouble_unknown",
            f"No trouble has the code {printable(', '.join(unknown), 500)}, so ignoring it says nothing. There are: "
            f"{', '.join(TROUBLE_CODES)}.",
        )
    require_sensible(checks)
    return checks


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The policy that a module's options describe."""
    return Policy(
        release=options["release"],
        panic=options["panic"],
        allow_downgrade=options["allow_downgrade"],
        handover=options["handover"],
        fallback=options["fallback"],
        on_unknown=options["on_unknown"],
        max_kexec_count=options["max_kexec_count"],
        denied=tuple(
            Denial(denial["from"], denial["to"], denial["action"], denial["reason"])
            for denial in options["denied_transitions"]
        ),
        crash_risks=tuple(
            CrashRisk(
                risk["boot"],
                risk["previous_release"],
                risk["release"],
                risk["longest_chain"],
                risk["relative_risk_low"],
                risk["sentence"],
            )
            for risk in options["crash_risks"]
        ),
        on_crash_risk=options["on_crash_risk"],
        crash_risk_threshold=options["crash_risk_threshold"],
        accept=tuple(options["accept"]),
        edits=CommandLineEdits(
            append=tuple(options["command_line_append"]),
            replace={
                str(name): None if value is None else str(value)
                for name, value in options["command_line_replace"].items()
            },
            remove=tuple(options["command_line_remove"]),
        ),
    )
