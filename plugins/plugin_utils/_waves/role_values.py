# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the values of a role's options. Knows Ansible's own validator, and no host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.module_utils._options.jump import shutdown_problem
from ansible_collections.kho.kexec.plugins.plugin_utils._common.duration import seconds
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_types import WINDOW, type_problem
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import WindowError, windows_of

TIMEOUT, SHUTDOWN_TIMEOUT = (f"kexec_upgrade_{name}" for name in ("timeout", "shutdown_timeout"))

SHORTEST, LONGEST = 30, 86400
"""Seconds that a guard may wait."""
RANGES: Mapping[str, tuple[int, int | None]] = {
    SHUTDOWN_TIMEOUT: (-1, None),
    **dict.fromkeys((f"kexec_upgrade_{name}" for name in ("confirm_timeout", "watchdog_timeout")), (SHORTEST, LONGEST)),
    # Without any time, each would be over as it begins: after the host was staged, or has left.
    **dict.fromkeys(
        (
            TIMEOUT,
            "kexec_upgrade_rollback_timeout",
            "kexec_upgrade_health_command_timeout",
            "kexec_prepare_cold_boot_timeout",
            "kexec_soak_bisect_command_timeout",
        ),
        (1, None),
    ),
}
"""Of times; others are 0 or more."""


def is_duration(option: Mapping[str, Any]) -> bool:
    """Tell whether an option of a specification is a time. Ansible has no type for these."""
    default = option.get("default")
    return option.get("type") == "raw" and isinstance(default, int) and not isinstance(default, bool)


def problems(role: str, entry_point: str, values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the ``values`` of options, one sentence for each; others are not set."""
    specification = ENTRY_POINTS[role][entry_point]["options"]
    known = {name: value for name, value in values.items() if name in specification}
    times = {name: option for name, option in specification.items() if is_duration(option)}
    others = {name: option for name, option in specification.items() if name not in times}
    typed = {name: type_problem(name, others[name], known[name]) for name in others if name in known}
    found = [problem for problem in typed.values() if problem]
    checkable = {name: known[name] for name, problem in typed.items() if problem is None}
    checked = ArgumentSpecValidator(others).validate(checkable)
    found += [str(error) for error in checked.error_messages]
    lengths: dict[str, int] = {}
    for name, option in times.items():
        try:
            lengths[name] = _length(name, known.get(name, option["default"]))
        except ValueError as error:
            found.append(f"{name}: {error}")
    if {TIMEOUT, SHUTDOWN_TIMEOUT} <= lengths.keys():
        why = shutdown_problem(lengths[TIMEOUT], lengths[SHUTDOWN_TIMEOUT])
        found += [f"{SHUTDOWN_TIMEOUT}: {why}"] if why else []
    return [*found, *_window_problems(known)]


def require_valid(role: str, found: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Raise KhoError ``options_invalid`` when there are problems; ``found`` holds them, each with its hosts."""
    wrong = [(errors, hosts) for errors, hosts in found if errors]
    if wrong:
        told = [
            f"for {listed([printable(host) for host in hosts], 5, ' ')}: {'; '.join(errors)}" for errors, hosts in wrong
        ]
        raise KhoError(
            "options_invalid",
            f"The options of the role {role} are not valid {listed(told, 3, '. And ')}. No host was asked, and nothing "
            "was done. Correct these variables where they are set, and run the playbook again.",
        )


def _length(name: str, value: Any) -> int:
    length = seconds(value)
    least, most = RANGES.get(name, (0, None))
    if length < least:
        raise ValueError(f"{length} is less than {least}")
    if most is not None and length > most:
        raise ValueError(f"{length} is more than {most}")
    return length


def _window_problems(known: Mapping[str, Any]) -> list[str]:
    try:
        if known.get(WINDOW):
            windows_of(known[WINDOW])
    except WindowError as error:
        return [f"{WINDOW}: {error.message.rstrip('.')}"]
    return []
