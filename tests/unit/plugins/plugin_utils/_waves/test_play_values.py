# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that cannot be are found before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import PLAYBOOKS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_values import checked

HOSTS = ["web1", "web2"]
GROUPS = {"all": HOSTS}


def check(playbook: str = "kexec_upgrade", **given: Any) -> dict[str, Any]:
    own = {f"kexec_upgrade_{name}": value for name, value in given.items()}
    return checked(playbook, {**PLAYBOOKS[playbook], **own}, HOSTS, GROUPS)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_defaults_can_be(playbook: str) -> None:
    options = dict(PLAYBOOKS[playbook])
    if playbook == "kexec_prepare":
        options["kexec_prepare_waves"] = "canary"
    assert checked(playbook, options, HOSTS, GROUPS) == options


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("gate_soak", "10m", 600),
        ("fleet_lock_timeout", "2h", 7200),
        ("ledger", "yes", True),
        ("ledger", "off", False),
        ("max_failed", "3", 3),
        ("max_failed", 0, 0),
        ("max_failed_percentage", "5%", 5),
        ("max_failed_percentage", 100, 100),
        ("waves", [1, "50%"], [1, "50%"]),
        ("window", {"from": "01:00", "to": "05:00"}, {"from": "01:00", "to": "05:00"}),
    ],
)
def test_what_is_meant(name: str, given: Any, found: Any) -> None:
    value = check(**{name: given})[f"kexec_upgrade_{name}"]
    assert (value, type(value)) == (found, type(found))


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("gate_soak", "10 minutes", "is not a number of seconds; write 600"),
        ("gate_soak", -1, "is less than 0"),
        ("max_failed", "5%", "'5%' is not a number of 0 or more"),
        ("max_failed", True, "True is not a number of 0 or more"),
        ("max_failed", 1.5, "1.5 is not a number of 0 or more"),
        ("max_failed_percentage", 101, "101 is more than 100"),
        ("ledger", "maybe", "'maybe' is neither true nor false"),
        ("allow_empty", 2, "2 is neither true nor false"),
        ("pause_file", ["/a"], "['/a'] is no text"),
        ("gate_tasks", 1, "1 is no text"),
    ],
)
def test_what_cannot_be(name: str, given: Any, why: str) -> None:
    with pytest.raises(KhoError) as caught:
        check(**{name: given}, wave_after_tasks=2)
    assert caught.value.code == "options_invalid"
    assert f"kexec_upgrade_{name}: " in caught.value.message
    assert why in caught.value.message
    assert "kexec_upgrade_wave_after_tasks: 2 is no text" in caught.value.message


@pytest.mark.parametrize(("given", "found"), [("-1", -1), (-1, -1), (10, 10), ("3", 3)])
def test_chains_may_be_long_from_the_first_on(given: Any, found: int) -> None:
    options = checked("kexec_facts", {**PLAYBOOKS["kexec_facts"], "kexec_facts_long_chain": given}, HOSTS, GROUPS)
    assert options["kexec_facts_long_chain"] == found


@pytest.mark.parametrize("given", [-1.5, "-", "--1", True])
def test_chains_are_counted(given: Any) -> None:
    with pytest.raises(KhoError, match="kexec_facts_long_chain: .* is not a number"):
        checked("kexec_facts", {**PLAYBOOKS["kexec_facts"], "kexec_facts_long_chain": given}, HOSTS, GROUPS)


def test_password_is_not_shown() -> None:
    with pytest.raises(KhoError, match="kexec_upgrade_ledger_url: what was given is no text") as caught:
        check(ledger_url=["postgresql://me:secret@x"])
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"waves": "often"}, "waves_invalid"),
        ({"group_limits": {"zon_*": 1}}, "group_limit_unmatched"),
    ],
)
def test_waves_are_made(given: dict[str, Any], code: str) -> None:
    with pytest.raises(KhoError) as caught:
        check(**given)
    assert caught.value.code == code


def test_windows_have_a_code_of_their_own() -> None:
    with pytest.raises(KhoError) as caught:
        check(window={"from": "25:00", "to": "26:00"})
    assert caught.value.code == "window_invalid"


def test_gate_that_asks_the_ledger() -> None:
    for gate in ("no_worse", "no_worse_with_symptoms"):
        assert check(ledger=True, ledger_gate=gate)["kexec_upgrade_ledger_gate"] == gate
    for given, why in (({}, "kexec_upgrade_ledger is not true"), ({"ledger": True, "ledger_gate": "worse"}, "neither")):
        with pytest.raises(KhoError, match=f"kexec_upgrade_ledger_gate: .*{why}") as caught:
            check(**{"ledger_gate": "no_worse", **given})
        assert caught.value.code == "options_invalid"


def test_rollout_is_shared_by_a_ledger_whose_address_is_given() -> None:
    shared = {"rollout": "spring", "ledger_url": "postgresql://kho@db.example/kho", "rollout_claim": "2h"}
    assert check(**shared)["kexec_upgrade_rollout_claim"] == 7200
    with pytest.raises(KhoError, match="kexec_upgrade_rollout: .*kexec_upgrade_ledger_url does not say") as caught:
        check(rollout="spring")
    with pytest.raises(KhoError, match="kexec_upgrade_rollout_claim: '59s' is less than 60 s"):
        check(**{**shared, "rollout_claim": "59s"})
    assert caught.value.code == "options_invalid"
