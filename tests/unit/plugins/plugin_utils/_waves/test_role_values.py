# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard import arm
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS, ROLES
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import (
    LONGEST,
    SHORTEST,
    is_duration,
    problems,
    require_valid,
)

ENTRIES = [(role, entry_point) for role in ROLES for entry_point in ENTRY_POINTS[role]]


def wrong(role: str = "kexec_upgrade", entry_point: str = "main", **values: Any) -> list[str]:
    return problems(role, entry_point, {f"{role}_{name}": value for name, value in values.items()})


@pytest.mark.parametrize(("role", "entry_point"), ENTRIES)
def test_defaults_are_valid(role: str, entry_point: str) -> None:
    options = ENTRY_POINTS[role][entry_point]["options"]
    assert problems(role, entry_point, {}) == []
    assert problems(role, entry_point, {name: option["default"] for name, option in options.items()}) == []


@pytest.mark.parametrize(("role", "entry_point"), ENTRIES)
def test_all_that_are_seconds_are_times(role: str, entry_point: str) -> None:
    for name, option in ENTRY_POINTS[role][entry_point]["options"].items():
        said = "".join(option["description"])
        assert is_duration(option) == bool(re.match(r"Seconds ", said)), name


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"guard": "of"}, "value of kexec_upgrade_guard must be one of: require, prefer, off, got: of"),
        ({"timeout": "soon"}, "kexec_upgrade_timeout: 'soon' is not a number of seconds"),
        ({"health_soak": -5}, "kexec_upgrade_health_soak: -5 is less than 0"),
        ({"shutdown_timeout": -2}, "kexec_upgrade_shutdown_timeout: -2 is less than -1"),
        ({"timeout": "10m", "shutdown_timeout": "10m"}, "the time for everything (600 s) must exceed"),
        ({"denied_transitions": [{"from": "7.2"}]}, "missing required arguments: reason"),
        ({"window": {"from": "25:00", "to": "1"}}, "kexec_upgrade_window: "),
        ({"health": "perhaps"}, "kexec_upgrade_health"),
        ({"timeout": 0}, "kexec_upgrade_timeout: 0 is less than 1"),
        ({"rollback_timeout": "0s"}, "kexec_upgrade_rollback_timeout: 0 is less than 1"),
        ({"health_command_timeout": "0"}, "kexec_upgrade_health_command_timeout: 0 is less than 1"),
        ({"confirm_timeout": "2s"}, "kexec_upgrade_confirm_timeout: 2 is less than 30"),
        ({"watchdog_timeout": "2d"}, "kexec_upgrade_watchdog_timeout: 172800 is more than 86400"),
    ],
)
def test_what_cannot_be(values: dict[str, Any], why: str) -> None:
    (found,) = wrong(**values)
    assert why in found


@pytest.mark.parametrize(
    ("role", "entry_point", "values", "why"),
    [
        ("kexec_prepare", "main", {"cold_boot_timeout": 0}, "kexec_prepare_cold_boot_timeout: 0 is less than 1"),
        ("kexec_soak", "bisect", {"bisect_command_timeout": 0}, "kexec_soak_bisect_command_timeout: 0 is less than 1"),
        ("kexec_soak", "bisect", {"bisect_origins": ["7.2 kho"]}, "which no release has"),
        ("kexec_soak", "bisect", {"bisect_target": "lates"}, "no release (is latest meant?)"),
        ("kexec_soak", "main", {"ledger_url": "mysql://me:secret@x/y"}, "it is no address of a ledger"),
        ("kexec_report", "main", {"url": "ledger.db"}, "kexec_report_url: it is no address of a ledger; write sqlite:"),
        ("kexec_report", "main", {"url": "sqlite:///ledger.db"}, "kexec_report_url: it is no address of a ledger"),
        ("kexec_report", "main", {"url": ["x"]}, "kexec_report_url: it is no text"),
    ],
)
def test_what_cannot_be_of_other_roles(role: str, entry_point: str, values: dict[str, Any], why: str) -> None:
    (found,) = wrong(role, entry_point, **values)
    assert why in found
    assert "secret" not in found


def test_times_of_the_guard_are_those_that_it_takes() -> None:
    assert (SHORTEST, LONGEST) == (arm.SHORTEST, arm.LONGEST)


def test_what_can_be() -> None:
    assert wrong(timeout="20m", shutdown_timeout="15m", confirm_timeout="1h30m", health="yes", accept="a,b") == []
    assert wrong("kexec_prepare", panic="0", cold_boot_timeout="1h") == []
    assert wrong(entry_point="rollback", guard="of") == [], "a rollback has no guard"


def test_each_problem_is_told_once_with_its_hosts() -> None:
    many = [f"web{number}" for number in range(9)]
    with pytest.raises(KhoError) as caught:
        require_valid("kexec_upgrade", [([], ["db1"]), (["a is b"], many), (["c is d"], ["db2"])])
    assert caught.value.code == "options_invalid"
    said = "not valid for web0 web1 web2 web3 web4 and 4 more: a is b. And for db2: c is d. No host was asked"
    assert said in caught.value.message
    require_valid("kexec_upgrade", [([], ["db1"])])
