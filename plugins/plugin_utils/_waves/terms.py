# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all runs of a shared rollout have in common: the target, the policy, and how many hosts may fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import Said, agreed
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS

OF_HOSTS = tuple(
    f"kexec_upgrade_{name}"
    for name in (
        *("target", "allow_downgrade", "handover", "fallback", "on_unknown", "max_kexec_count", "denied_transitions"),
        *("accept", "on_crash_risk", "crash_risk_threshold", "on_pending_firmware"),
        *("health", "guard", "on_failure", "commit"),
    )
)
"""Options of the role that say where hosts go, and what must hold."""
OF_THE_PLAY = tuple(f"kexec_upgrade_{name}" for name in ("max_failed", "max_failed_percentage", "ledger_gate"))


def terms_of(options: Mapping[str, Any], of_hosts: Said) -> dict[str, Any]:
    """Return the terms of a run; ``options`` are its play's, ``of_hosts`` what each of its hosts has of OF_HOSTS.

    Raises KhoError ``play_options_differ`` when its own hosts do not agree.
    """
    specification = ENTRY_POINTS["kexec_upgrade"]["main"]["options"]
    specified = {name: specification[name] for name in OF_HOSTS}
    known: dict[str, Mapping[str, Any]] = {}
    typed = {}
    for host, values in of_hosts.items():
        given = {name: values[name] for name in OF_HOSTS if values.get(name) is not None}
        key = repr(sorted(given.items()))
        if key not in known:
            known[key] = _in_order(ArgumentSpecValidator(specified).validate(given).validated_parameters)
        typed[host] = known[key]
    defaults = {name: specified[name].get("default") for name in OF_HOSTS}
    terms = {**agreed(defaults, {}, typed), **{name: options[name] for name in OF_THE_PLAY}}
    # Plain values, whatever types Ansible has for them.
    plain: dict[str, Any] = json.loads(json.dumps(terms, default=str))
    return plain


def _in_order(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options whose lists, of which none has an order, can be compared."""

    def key(one: Any) -> str:
        return json.dumps(one, sort_keys=True, default=str)

    return {name: sorted(value, key=key) if isinstance(value, list) else value for name, value in options.items()}
