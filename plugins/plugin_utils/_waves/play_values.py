# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the values of a whole play's options, before any host is asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.duration import seconds
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import ADDRESSES, is_true, role_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import waves
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import windows_of

NO_WORSE = "no_worse"
"""The question that `kexec_upgrade_ledger_gate` has the ledger asked."""
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
            found[name] = _CHECKS.get(name[len(role) + 1 :], _text)(value)
        except ValueError as error:
            shown = "what was given" if name in ADDRESSES else printable(repr(value), 60)
            wrong.append(f"{name}: {error}" if "; write" in str(error) else f"{name}: {shown} is {error}")
    if found.get("kexec_upgrade_ledger_gate") and not found["kexec_upgrade_ledger"]:
        wrong.append("kexec_upgrade_ledger_gate: it asks the ledger, and kexec_upgrade_ledger is not true")
    if wrong:
        raise KhoError(
            "options_invalid",
            f"Options of the play cannot be what they are: {'; '.join(wrong)}. No host was asked, and nothing was "
            "done. Correct them where they are set, and run the playbook again.",
        )
    if found.get(f"{role}_window"):
        windows_of(found[f"{role}_window"])
    if f"{role}_waves" in found:
        waves(hosts, found[f"{role}_waves"], found[f"{role}_group_limits"], groups)
    return found


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("no text")
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


def _whole_number(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, (bool, float)) or not (text.isascii() and text.isdigit()):
        raise ValueError("no number of 0 or more")
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
    if value not in ("", NO_WORSE):
        raise ValueError(f"neither {NO_WORSE} nor empty")
    return str(value)


def _as_it_is(value: Any) -> Any:
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    # Ansible takes a text or a list, and an error of it says what is wrong.
    "hosts": _as_it_is,
    # By the functions that make waves and windows of them.
    **dict.fromkeys(("waves", "group_limits", "window"), _as_it_is),
    **dict.fromkeys(("allow_empty", "ledger", "only_attention"), _truth),
    **dict.fromkeys(("gate_soak", "fleet_lock_timeout"), _duration),
    "ledger_gate": _ledger_gate,
    "max_failed": _limit,
    "max_failed_percentage": _percentage,
    "long_chain": _integer,
}
