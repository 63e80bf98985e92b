# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the values of a whole play's options, before any host is asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.duration import EXAMPLES, seconds
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.fleet_lock import GROUP
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import ADDRESSES, is_true, role_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ALL_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import ledger_problem, nearest, text_problem
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import waves
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import windows_of

NO_WORSE = ("no_worse", "no_worse_with_symptoms")
"""The questions that `kexec_upgrade_ledger_gate` has the ledger asked."""
SHORTEST_CLAIM = 60
"""Seconds; no wave takes less."""
FACTS_HOSTS = "kexec_facts_hosts"
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})


def checked(
    playbook: str, options: Mapping[str, Any], hosts: Sequence[str], groups: Mapping[str, Iterable[str]]
) -> dict[str, Any]:
    """Return the options with the types that tasks want: seconds, numbers and truth values.

    Raises KhoError ``options_invalid`` with all that is wrong, or the error of the waves or of the window.
    """
    role = role_of(playbook)
    found, wrong = dict(options), []
    for name, value in options.items():
        try:
            check = _default_hosts if name == FACTS_HOSTS else _CHECKS.get(name[len(role) + 1 :], _text)
            found[name] = check(value)
        except ValueError as error:
            shown = "what was given" if name in ADDRESSES else printable(ascii(value), 60)
            wrong.append(f"{name}: {error}" if EXAMPLES in str(error) else f"{name}: {shown} is {error}")
    if found.get("kexec_upgrade_ledger_gate") and not found["kexec_upgrade_ledger"]:
        wrong.append("kexec_upgrade_ledger_gate: it asks the ledger, and kexec_upgrade_ledger is not true")
    if found.get("kexec_upgrade_rollout") and not found["kexec_upgrade_ledger_url"]:
        wrong.append(
            "kexec_upgrade_rollout: a rollout is shared by a ledger, and kexec_upgrade_ledger_url does not say by which"
        )
    if wrong:
        raise KhoError(
            "options_invalid",
            f"Options of the play have values that cannot be used: {'; '.join(wrong)}. No host was asked, and nothing "
            "was done. Correct them where they are set, and run the playbook again.",
        )
    if found.get(f"{role}_window"):
        windows_of(found[f"{role}_window"])
    if f"{role}_waves" in found:
        waves(hosts, found[f"{role}_waves"], found[f"{role}_group_limits"], groups)
    return found


def require_values(said: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise KhoError ``options_invalid`` for variables without value; ``said`` holds them by where they are set."""
    empty: dict[str, str] = {}
    for where, variables in said.items():
        for name in [name for name, value in variables.items() if value is None and name in ALL_OPTIONS]:
            empty.setdefault(name, f"{name}{where and f' of {printable(where)}'}")
    if empty:
        raise KhoError(
            "options_invalid",
            f"Options have no value (null): {listed(list(empty.values()), 5)}. What was meant to be there would be "
            "ignored, and the default would be done in its place. No host was asked, and nothing was done. Give each a "
            "value, or remove it.",
        )


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("no text")
    if text_problem(value):
        raise ValueError("a text with a blank at an end, or with a character that cannot be shown")
    return value


def _hosts(value: Any) -> Any:
    """Ansible takes a text or a list of them. Without any, it would take all."""
    for pattern in value if isinstance(value, (list, tuple)) and value else [value]:
        if not isinstance(pattern, str) or not pattern.strip():
            raise ValueError("no pattern of hosts; to take all of them, write all")
    return value


def _default_hosts(value: Any) -> Any:
    """Empty is where nobody has said anything."""
    return value if value == "" else _hosts(value)


def _address(value: Any) -> Any:
    if _text(value):
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no address of a server; write https://fleetlock.example.com")
    return value


def _lock_group(value: Any) -> Any:
    if not GROUP.fullmatch(_text(value)):
        raise ValueError("no name of letters, digits, dots and hyphens, as groups of a FleetLock server are")
    return value


def _ledger(value: Any) -> Any:
    problem = ledger_problem(_text(value))
    if problem:
        raise ValueError(problem.removeprefix("is "))
    return value


def _truth(value: Any) -> bool:
    if not is_true(value) and str(value).strip().lower() not in _FALSE:
        raise ValueError("neither true nor false")
    return is_true(value)


def _duration(value: Any) -> int:
    length = seconds(value)
    if length < 0:
        raise ValueError("less than 0")
    return length


def _claim(value: Any) -> int:
    length = _duration(value)
    if length < SHORTEST_CLAIM:
        raise ValueError(f"less than {SHORTEST_CLAIM} s, and another run would have hosts that are on their way")
    return length


def _whole_number(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, (bool, float)) or not (text.isascii() and text.isdigit()):
        raise ValueError("not a number of 0 or more")
    return int(text[:9])


def _integer(value: Any) -> int:
    """With less than 0, every chain is long."""
    text = str(value).strip()
    return -_whole_number(text[1:]) if text.startswith("-") and not isinstance(value, float) else _whole_number(value)


def _limit(value: Any) -> int | str:
    return value if isinstance(value, str) and value == "" else _whole_number(value)


def _percentage(value: Any) -> int | str:
    limit = _limit(value.removesuffix("%") if isinstance(value, str) and value != "%" else value)
    if limit != "" and int(limit) > 100:
        raise ValueError("more than 100")
    return limit


def _ledger_gate(value: Any) -> str:
    if value not in ("", *NO_WORSE):
        raise ValueError(f"neither {', '.join(NO_WORSE)} nor empty{nearest(str(value), NO_WORSE)}")
    return str(value)


def _as_it_is(value: Any) -> Any:
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "hosts": _hosts,
    "fleet_lock_url": _address,
    "fleet_lock_group": _lock_group,
    "ledger_url": _ledger,
    # By the functions that make waves and windows of them.
    **dict.fromkeys(("waves", "group_limits", "window"), _as_it_is),
    **dict.fromkeys(("allow_empty", "ledger", "only_attention"), _truth),
    **dict.fromkeys(("gate_soak", "fleet_lock_timeout", "rollout_patience"), _duration),
    "rollout_claim": _claim,
    "ledger_gate": _ledger_gate,
    "max_failed": _limit,
    "max_failed_percentage": _percentage,
    "long_chain": _integer,
}
