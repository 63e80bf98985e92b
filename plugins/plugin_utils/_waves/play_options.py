# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a whole play, which one host cannot have for itself: one value for all, wherever it was set. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable

OFTEN = {"waves": "canary", "group_limits": {}, "max_failed": "", "max_failed_percentage": "", "pause_file": ""}


def _named(role: str, **defaults: Any) -> dict[str, Any]:
    return {f"{role}_{name}": default for name, default in defaults.items()}


PLAYBOOKS: Mapping[str, Mapping[str, Any]] = {
    "kexec_upgrade": _named(
        "kexec_upgrade",
        hosts="all",
        allow_empty=False,
        **OFTEN,
        gate_soak=0,
        gate_tasks="",
        window=[],
        wave_before_tasks="",
        wave_after_tasks="",
        wave_failed_tasks="",
        fleet_lock_url="",
        fleet_lock_group="default",
        fleet_lock_timeout=3600,
        ledger=False,
        ledger_url="",
        ledger_gate="",
        rollout="",
        rollout_claim=7200,
        rollout_patience=300,
    ),
    "kexec_rollback": _named("kexec_upgrade", hosts="all", allow_empty=False, **OFTEN),
    # Without sizes, those who may be cold-booted go in waves.
    "kexec_prepare": _named("kexec_prepare", hosts="all", allow_empty=False, **{**OFTEN, "waves": ""}),
    "kexec_report": _named("kexec_report", hosts="all"),
    "kexec_soak": _named("kexec_soak", hosts="all", allow_empty=False, **OFTEN),
    "kexec_soak_bisect": _named("kexec_soak", hosts="all", allow_empty=False, **OFTEN),
    "kexec_facts": _named("kexec_facts", hosts="", only_attention=False, long_chain=10),
}
"""The options of each playbook, and what they are unless somebody says otherwise."""
ADDRESSES = frozenset({"kexec_upgrade_fleet_lock_url", "kexec_upgrade_ledger_url"})
"""These can hold a password, and are shown nowhere."""
ALL_ADDRESSES = ADDRESSES | {"kexec_report_url", "kexec_soak_ledger_url"}
"""The same, and those of roles, which hosts may have for themselves."""
COLD_BOOTS = "kexec_prepare_allow_cold_boot"
"""An option of hosts, which the waves of kexec_prepare depend on."""
FAMILIES = ("kexec", "kho")
"""What names of options of this collection begin with."""
HOSTS_SHOWN = 5
VALUES_SHOWN = 3
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})

# What the inventory says of each host, by names of variables.
Said = Mapping[str, Mapping[str, Any]]


def watched(playbook: str) -> tuple[str, ...]:
    """Return the variables of hosts that `settled` looks at."""
    return (*PLAYBOOKS[playbook], COLD_BOOTS) if playbook == "kexec_prepare" else tuple(PLAYBOOKS[playbook])


def role_of(playbook: str) -> str:
    """Return what the names of a playbook's options begin with, before an underscore."""
    return next(iter(PLAYBOOKS[playbook])).removesuffix("_hosts")


def settled(
    playbook: str, given: Mapping[str, Any], said: Said, members: Callable[[Any], Sequence[str]]
) -> dict[str, Any]:
    """Return the value of each option of the playbook's play.

    ``given`` holds what was given for the play itself, which counts before what is ``said`` of hosts; ``members``
    returns the hosts that patterns match. What is null is not set. The hosts themselves are settled first, by what is
    said of any host; all others by those that the play has.

    Raises KhoError ``play_options_differ`` or ``no_hosts_matched``.
    """
    defaults = PLAYBOOKS[playbook]
    role = role_of(playbook)
    pattern = agreed({f"{role}_hosts": defaults[f"{role}_hosts"]}, given, said)
    hosts = members(pattern[f"{role}_hosts"] or ("all" if said else "localhost"))
    options = {**agreed(defaults, given, {host: said.get(host, {}) for host in hosts}), **pattern}
    if not hosts and f"{role}_allow_empty" in defaults:
        _require_allowed(role, options, said)
    if playbook == "kexec_prepare" and options["kexec_prepare_waves"] == "":
        may_cold_boot = any(is_true({**said.get(host, {}), **given}.get(COLD_BOOTS, False)) for host in hosts)
        options["kexec_prepare_waves"] = "canary" if may_cold_boot else "100%"
    if playbook == "kexec_facts":
        options["kexec_facts_hosts"] = pattern["kexec_facts_hosts"] or ("all" if said else "localhost")
    return options


def is_true(value: Any) -> bool:
    """Tell whether a value of the inventory or of the command line is one of Ansible's words for true."""
    return str(value).strip().lower() in _TRUE


def _require_allowed(role: str, options: Mapping[str, Any], said: Said) -> None:
    name = f"{role}_allow_empty"
    if is_true(options[name]) or any(is_true(one.get(name, False)) for one in said.values()):
        return
    raise KhoError(
        "no_hosts_matched",
        f"No host of the inventory matches {_shown(options[f'{role}_hosts'])} ({role}_hosts) and --limit, so nothing "
        f"would be done, and an exit code of 0 would hide that. Correct them, or set {name} to true where an empty "
        "selection is all right.",
    )


def agreed(defaults: Mapping[str, Any], given: Mapping[str, Any], said: Said) -> dict[str, Any]:
    """Return the options that all hosts have in common. Raises KhoError ``play_options_differ``."""
    options, differing = {}, []
    for name, default in defaults.items():
        if given.get(name) is not None:
            options[name] = given[name]
            continue
        values = _values(name, default, said)
        options[name] = values[0][0]
        if len(values) > 1:
            differing.append(_difference(name, default, values))
    if differing:
        raise KhoError(
            "play_options_differ",
            f"The hosts do not agree on what holds for the whole play. {' '.join(differing)} One play has one value "
            "for all of its hosts. Nothing was done. Set it for all of them (group_vars/all.yml, or --extra-vars), "
            "or take hosts with the same value only (--limit), one run after the other.",
        )
    return options


def _values(name: str, default: Any, said: Said) -> list[tuple[Any, list[str], bool]]:
    """Return each value that hosts have for a variable, with their names, and whether it was set."""
    values: list[tuple[Any, list[str], bool]] = []
    for host, variables in said.items():
        is_set = variables.get(name) is not None
        value = variables[name] if is_set else default
        for other, hosts, _was_set in values:
            # Not the types: ansible-core has some of its own.
            if other == value and isinstance(other, bool) == isinstance(value, bool):
                hosts.append(host)
                break
        else:
            values.append((value, [host], is_set))
    return values or [(default, [], False)]


def _difference(name: str, default: Any, values: Sequence[tuple[Any, list[str], bool]]) -> str:
    sides = []
    for value, hosts, is_set in values:
        if name in ADDRESSES:
            text = "an address that is not shown here" if is_set else "not set"
        else:
            text = _shown(value) if is_set else f"not set, which means {_shown(default)},"
        sides.append(f"{text} for {listed([printable(host) for host in hosts], HOSTS_SHOWN, ' ')}")
    return f"{name} is {listed(sides, VALUES_SHOWN, '; ')}."


def _shown(value: Any) -> str:
    return printable(repr(value), 80)
