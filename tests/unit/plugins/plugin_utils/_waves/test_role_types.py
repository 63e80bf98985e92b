# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of roles that Ansible's own check would take for something else than was typed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_types import code_problems
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import problems


def wrong(name: str, value: Any) -> list[str]:
    role = next(
        role for role in ("kexec_upgrade", "kexec_prepare", "kexec_report", "kexec_soak") if name.startswith(role)
    )
    return problems(role, "main", {name: value})


@pytest.mark.parametrize("value", ["latest", "running", "7.3.*", "6.12.43+deb13-amd64", "7.3.4-kho", "staged"])
def test_what_is_a_target(value: str) -> None:
    assert wrong("kexec_upgrade_target", value) == []
    assert wrong("kexec_soak_targets", [value, "running"]) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (7.10, "7.10 is 7.1"),
        (7, "quotes"),
        (None, "null"),
        (True, "quotes"),
        ("", "empty"),
        ("7.3.4-kho ", "a blank"),
        ("7.3.4\u2013kho", "\\u2013"),
        ("7.3.4 kho", "' '"),
        ("lastest", "(is latest meant?)"),
        ("Running", "(is running meant?)"),
        ("current", "(is running meant?)"),
        ({}, "no text"),
    ],
)
def test_what_is_no_target(value: Any, why: str) -> None:
    (found,) = wrong("kexec_upgrade_target", value)
    assert found.startswith("kexec_upgrade_target: it is ") or "null" in found
    assert why in found
    assert len(wrong("kexec_soak_targets", [value])) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kexec_soak_targets", []),
        ("kexec_soak_targets", 7.10),
        ("kexec_soak_targets", "7.2.13-kho, 7.3.4-kho"),
        ("kexec_soak_jumps", 0),
        ("kexec_soak_jumps", 1001),
        ("kexec_soak_directory", ""),
        ("kexec_upgrade_max_kexec_count", True),
        ("kexec_upgrade_max_kexec_count", -1),
        ("kexec_upgrade_crash_risk_threshold", "nan"),
        ("kexec_upgrade_window", ""),
        ("kexec_upgrade_window", {}),
        ("kexec_upgrade_window", False),
        ("kexec_upgrade_before_tasks", None),
        ("kexec_upgrade_health", None),
        ("kexec_upgrade_health_commands", "true"),
        ("kexec_upgrade_health_commands", ["systemctl", "is-active", "nginx"]),
        ("kexec_upgrade_health_commands", [[]]),
        ("kexec_upgrade_health_commands", [["systemctl is-active nginx"]]),
        ("kexec_upgrade_health_commands", [["test", False]]),
        ("kexec_upgrade_command_line_append", [7.10]),
        ("kexec_upgrade_command_line_replace", {"mitigations": False}),
        ("kexec_upgrade_command_line_replace", ["a=b"]),
        ("kexec_upgrade_denied_transitions", [{"from": 7.10, "reason": "It crashed."}]),
        ("kexec_upgrade_denied_transitions", "7.2 to 7.3"),
        ("kexec_prepare_scratch", "atuo"),
        ("kexec_prepare_scratch", "512MB"),
        ("kexec_prepare_allow_cold_boot", "oui"),
        ("kexec_report_directory", 2026),
    ],
)
def test_what_cannot_be(name: str, value: Any) -> None:
    (found,) = wrong(name, value)
    assert name in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kexec_upgrade_window", []),
        ("kexec_upgrade_max_kexec_count", "3"),
        ("kexec_upgrade_health_commands", [["sh", "-c", "one\ntwo "], ["sleep", 1]]),
        ("kexec_upgrade_command_line_replace", {"quiet": None, "panic": 10}),
        ("kexec_upgrade_command_line_append", "quiet,splash"),
        # The kernel's own documentation has it, for no console (kernel-parameters.txt).
        ("kexec_upgrade_command_line_replace", {"console": ""}),
        ("kexec_prepare_scratch", "720M,128M,336M"),
        ("kexec_prepare_scratch", "200%"),
    ],
)
def test_what_can_be(name: str, value: Any) -> None:
    assert wrong(name, value) == []


def test_words_of_a_command_may_be_any_text() -> None:
    def found(command: Any) -> list[str]:
        origins = {"kexec_soak_bisect_target": "7.3", "kexec_soak_bisect_origins": ["7.1", "7.2"]}
        return problems("kexec_soak", "bisect", {**origins, "kexec_soak_bisect_command": command})

    assert found(["sh", "-c", "dmesg |\n  grep -q x\n", "", 3]) == []
    (problem,) = found(["test", False])
    assert problem.startswith("kexec_soak_bisect_command: it holds a word that is the truth value False")


@pytest.mark.parametrize("name", ["kexec_report_url", "kexec_upgrade_fleet_lock_url", "kexec_soak_ledger_url"])
def test_an_address_is_not_shown(name: str) -> None:
    (found,) = wrong(name, "postgresql://me:secret@host/db ")
    assert "secret" not in found
    assert found.startswith(f"{name}: it has a blank at an end")


@pytest.mark.parametrize(
    "release",
    [
        "6.1.0-47-amd64",
        "7.10-rc1",
        "5.14.0-503.el9.x86_64",
        "6.12.9-100.fc40.x86_64+debug",
        "4.18.0-553.16.1.el8_10.x86_64",
        "6.8.0-*-generic",
        "6.8.12-1-pve",
        "6.13.0-rc2-00123-gdeadbeef-dirty",
        "6.6.31+rpt-rpi-v8",
        "6.4.0-150600.23.7-default",
        "6.12.0_1",
        "6.12.21-microsoft-standard-WSL2",
        "[67].*",
        "mainline",
        "next",
    ],
)
def test_releases_of_distributions(release: str) -> None:
    assert wrong("kexec_upgrade_target", release) == []


@pytest.mark.parametrize(
    ("role", "entry_point"),
    [(role, entry_point) for role, entries in ENTRY_POINTS.items() for entry_point in entries],
)
def test_an_option_may_be_set_to_what_it_is_anyhow(role: str, entry_point: str) -> None:
    options = ENTRY_POINTS[role][entry_point].get("options", {})
    said = {name: option["default"] for name, option in options.items() if "default" in option}
    wrong_ones = [*problems(role, entry_point, said), *code_problems(said)]
    assert [one for one in wrong_ones if not one.startswith("missing required")] == []


def test_codes_are_those_that_there_are() -> None:
    assert (
        code_problems({"kexec_upgrade_accept": ["lockdown"], "kexec_upgrade_health_ignore": "unit_failed,io_error"})
        == []
    )
    accept, ignore = code_problems(
        {"kexec_upgrade_accept": "lokdown", "kexec_upgrade_health_ignore": ["unit-failed", "nonsense", 1]}
    )
    assert "kexec_upgrade_accept: there is no 'lokdown' (is lockdown meant?); there are chain_too_long, " in accept
    assert "there is no 'unit-failed' (is unit_failed meant?), 'nonsense', 1; there are acpi_error, " in ignore
