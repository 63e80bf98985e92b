# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that work on the controller only; their other half says that it cannot."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal

FLEET_LOCK: dict[str, Any] = {
    "url": {"type": "str", "required": True, "no_log": True},
    "group": {"type": "str", "default": "default"},
    "holders": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["locked", "unlocked"]},
    "timeout": {"type": "int", "default": 3600},
    "interval": {"type": "int", "default": 10},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
}

AWAIT: dict[str, Any] = {
    "registered": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 600},
    "rollback_timeout": {"type": "int", "default": 600},
}

GATE: dict[str, Any] = {
    "at": {"type": "str", "required": True, "choices": ["begin", "soak", "end"]},
    "sizes": {"type": "raw", "default": "canary"},
    "limits": {"type": "dict", "default": {}},
    "window": {"type": "raw"},
    "pause_file": {"type": "path"},
    "passed": {"type": "str", "no_log": False},
    "result": {"type": "str"},
    "max_failed": {"type": "int"},
    "max_failed_percentage": {"type": "int"},
    "stopped": {"type": "str"},
    "soak": {"type": "int", "default": 0},
}

ROLLOUT: dict[str, Any] = {
    "state": {"type": "str", "default": "info"},
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True, "no_log": True},
    "who": {"type": "str"},
    "why": {"type": "str"},
    "run": {"type": "str"},
    "page": {"type": "path"},
    "sizes": {"type": "raw", "default": "canary"},
    "limits": {"type": "dict", "default": {}},
    "terms": {"type": "dict", "default": {}},
    "result": {"type": "str", "default": "kexec_upgrade_result"},
    "max_failed": {"type": "int"},
    "max_failed_percentage": {"type": "int"},
    "pause_file": {"type": "path"},
    "claim": {"type": "int", "default": 7200},
    "patience": {"type": "int", "default": 300},
}

LEDGER: dict[str, Any] = {
    "state": {
        "type": "str",
        "required": True,
        "choices": [
            *("known", "imported", "recorded"),
            *("queried", "assessed", "within_budget", "no_worse", "reported"),
        ],
    },
    "url": {"type": "str", "no_log": True},
    "history": {"type": "dict"},
    "transition": {"type": "dict"},
    "transitions": {"type": "list", "elements": "dict"},
    "measures": {"type": "dict"},
    "previous_release": {"type": "str"},
    "release": {"type": "str"},
    "since": {"type": "int"},
    "max_crashes": {"type": "int", "default": 0},
    "symptoms": {"type": "bool", "default": False},
    "clock": {"type": "str", "choices": ["controller", "database"], "default": "controller"},
    "directory": {"type": "path"},
    "on_error": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
}

LEDGER_REQUIRED_IF: list[Any] = [
    ("state", "imported", ["history"]),
    ("state", "recorded", ["transition", "transitions", "measures"], True),
    ("state", "queried", ["previous_release", "release"]),
    ("state", "within_budget", ["release", "since"]),
    ("state", "no_worse", ["since"]),
    ("state", "reported", ["directory"]),
]

CENTRAL_LOGS: dict[str, Any] = {
    "logs": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "kind": {"type": "str", "required": True, "choices": ["netconsole", "kdump", "journal", "boots"]},
            "path": {"type": "path", "required": True},
        },
    },
    "url": {"type": "str", "no_log": True},
    "time_limit": {"type": "int", "default": 600},
    "on_error": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
}

ROLE_OPTIONS: dict[str, Any] = {
    "role": {
        "type": "str",
        "default": "kexec_upgrade",
        "choices": ["kexec_upgrade", "kexec_prepare", "kexec_report", "kexec_soak", "kho_fact_script"],
    },
    "entry_point": {
        "type": "str",
        "default": "main",
        "choices": ["main", "preflight", "stage", "transition", "verify", "commit", "rollback", "bisect"],
    },
}

PLAY_OPTIONS: dict[str, Any] = {
    "playbook": {
        "type": "str",
        "required": True,
        "choices": [
            *("kexec_upgrade", "kexec_rollback", "kexec_prepare", "kexec_report", "kexec_soak"),
            *("kexec_soak_bisect", "kexec_facts"),
        ],
    },
    "part": {"type": "str", "default": "options", "choices": ["options", "addresses"]},
}

SOAK: dict[str, Any] = {
    "state": {"type": "str", "required": True, "choices": ["begun", "next", "recorded", "ended"]},
    "directory": {"type": "path", "default": "kexec-soak"},
    "jumps": {"type": "int", "default": 10},
    "targets": {"type": "list", "elements": "str", "default": ["running"]},
    "keep_going": {"type": "bool", "default": False},
    "running": {"type": "str"},
    "began": {"type": "int", "default": 0},
    "time_limit": {"type": "int", "default": 0},
    "window": {"type": "raw"},
    "result": {"type": "dict"},
    "health": {"type": "dict"},
    "memory": {"type": "str"},
    "boot": {"type": "str"},
    "evidence": {"type": "dict"},
}

SOAK_BISECT: dict[str, Any] = {
    "state": {"type": "str", "required": True, "choices": ["begun", "planned", "next", "recorded", "ended"]},
    "directory": {"type": "path", "default": "kexec-soak"},
    "target": {"type": "str"},
    "origins": {"type": "list", "elements": "str"},
    "wrong": {"type": "str", "choices": ["crash", "health", "command"], "default": "health"},
    "command": {"type": "list", "elements": "str", "default": []},
    "wrong_at_least": {"type": "float", "default": 0.8},
    "wrong_at_most": {"type": "float", "default": 0.05},
    "jumps": {"type": "int", "default": 50},
    "running": {"type": "str"},
    "plan": {"type": "dict"},
    "began": {"type": "int", "default": 0},
    "time_limit": {"type": "int", "default": 0},
    "window": {"type": "raw"},
    "reached": {"type": "dict"},
    "result": {"type": "dict"},
    "health": {"type": "dict"},
    "status": {"type": "int"},
    "evidence": {"type": "dict"},
}

SOAK_BISECT_REQUIRED_IF: list[Any] = [
    ("state", "begun", ["target", "origins", "running"]),
    ("state", "planned", ["plan"]),
]

FLEET_INFO: dict[str, Any] = {
    "registered": {"type": "str", "required": True},
    "only_attention": {"type": "bool", "default": False},
    "long_chain": {"type": "int", "default": 10},
}


def without_controller(module: str, alone: str) -> Refusal:
    """The refusal of a module that was run on a host; ``alone`` says what only the controller's half can do."""
    return Refusal(
        "action_plugin_missing",
        f"The module {module} was run on the host without its action plugin, which alone {alone}. Nothing was "
        f"done. Call it as kho.kexec.{module} in a task, from an installed collection.",
    )
