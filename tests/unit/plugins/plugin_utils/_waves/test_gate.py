# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import (
    Budget,
    GateError,
    budget_of,
    judge,
    may_begin,
    moved,
    preview,
    shown,
    wave_of,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import windows_of

WAVES = [["web1"], ["web2", "web3", "web4", "web5"], ["web6", "web7"]]
ALL = [host for wave in WAVES for host in wave]
SECOND = wave_of(WAVES, WAVES[1])
NOBODY = budget_of(None, None)
PROVEN = {"accepted": True, "code": None, "action": "handover"}
REFUSED = {"accepted": False, "code": "kexec_disabled", "action": "refuse"}
LATE = {"accepted": False, "code": "window_closed", "action": None}
WINDOW = windows_of({"from": "01:00", "to": "05:00"})


def results(**others: Any) -> dict[str, Any]:
    return {**dict.fromkeys(WAVES[1], PROVEN), **others}


def without(*hosts: str) -> list[str]:
    return [host for host in ALL if host not in hosts]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}:00").replace(tzinfo=timezone.utc)


def test_wave_knows_who_went_before_and_who_is_to_come() -> None:
    assert (SECOND.number, SECOND.total) == (2, 3)
    assert (SECOND.earlier, SECOND.later) == (("web1",), ("web6", "web7"))
    # Those that Ansible has lost are not in its batch any more, and still in the wave.
    assert wave_of(WAVES, ["web3"]) == SECOND


@pytest.mark.parametrize("batch", [[], ["web1", "web2"], ["web9"]])
def test_batch_that_is_no_wave(batch: list[str]) -> None:
    with pytest.raises(GateError, match="are not a wave of the gate's sizes and limits") as caught:
        wave_of(WAVES, batch)
    assert caught.value.code == "wave_unknown"


def test_wave_of_proven_hosts_passes() -> None:
    gate = judge(SECOND, results(), ALL, NOBODY)
    assert gate.passed
    assert gate.code is None
    assert gate.proven == ("web2", "web3", "web4", "web5")
    assert gate.failed == ()
    assert gate.untouched == ("web6", "web7")
    assert gate.as_dict() == {
        "msg": "After wave 2 of 3: 4 proven, 0 failed since the rollout began.",
        "proven": 4,
        "unproven": 0,
        "untouched": 2,
    }


@pytest.mark.parametrize(
    ("found", "there"),
    [
        (results(web3=REFUSED), without("web3")),
        # A result says that all is well, and then the host was lost.
        (results(), without("web3")),
        # Ansible thinks that all is well.
        (results(web3=REFUSED), ALL),
        (results(web3=None), ALL),
        (results(web3="accepted"), ALL),
        (results(web3={"accepted": "true"}), ALL),
        (None, without("web3")),
    ],
)
def test_host_that_is_not_proven_has_failed(found: Any, there: list[str]) -> None:
    gate = judge(SECOND, found, there, NOBODY)
    assert not gate.passed
    assert gate.code == "rollout_stopped"
    assert gate.failed == ("web3",)
    assert "Not proven: web3. Untouched: web6 web7. " in gate.message
    assert gate.as_dict()["failed"] is True
    assert gate.as_dict()["code"] == "rollout_stopped"


def test_hosts_that_were_lost_in_earlier_waves_count() -> None:
    assert judge(SECOND, results(), without("web1"), Budget(1, None)).passed
    gate = judge(SECOND, results(web2=REFUSED), without("web1", "web2"), Budget(1, None))
    assert gate.failed == ("web1", "web2")
    assert "Failed since the rollout began: 2; allowed: 1 (max_failed)." in gate.message


@pytest.mark.parametrize(("percentage", "passed"), [(0, False), (24, False), (25, True), (100, True)])
def test_percentage_is_of_the_wave(percentage: int, passed: bool) -> None:
    gate = judge(SECOND, results(web2=REFUSED), without("web1", "web2"), Budget(None, percentage))
    assert gate.passed is passed
    assert passed or f"Failed in this wave: 1 of 4; allowed: {percentage} %" in gate.message


def test_both_budgets_must_hold() -> None:
    lost = without("web1", "web2")
    assert judge(SECOND, results(), lost, Budget(2, 25)).passed
    assert not judge(SECOND, results(), lost, Budget(1, 25)).passed
    assert not judge(SECOND, results(), lost, Budget(2, 24)).passed


@pytest.mark.parametrize("there", [ALL, without("web4", "web5")])
def test_hosts_that_were_not_started_are_untouched_and_end_the_rollout(there: list[str]) -> None:
    gate = judge(SECOND, results(web4=LATE, web5=LATE), there, NOBODY)
    assert not gate.passed
    assert gate.code == "window_closed"
    assert gate.failed == ()
    assert gate.untouched == ("web4", "web5", "web6", "web7")
    assert "Untouched: web4 web5 web6 web7." in gate.message


def test_exceeded_budget_weighs_more_than_a_closed_window() -> None:
    gate = judge(SECOND, results(web3=REFUSED, web4=LATE), without("web3", "web4"), NOBODY)
    assert gate.code == "rollout_stopped"
    assert "Not proven: web3. Untouched: web4 web6 web7." in gate.message


@pytest.mark.parametrize(
    ("given", "expected"),
    [((None, None), (0, None)), ((3, None), (3, None)), ((None, 10), (None, 10)), ((0, 0), (0, 0)), ((2, 5), (2, 5))],
)
def test_nobody_may_fail_unless_it_is_said(given: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    assert budget_of(*given) == Budget(*expected)


@pytest.mark.parametrize("given", [(-1, None), (None, -1), (None, 101), (0, 101)])
def test_bad_budget(given: tuple[Any, Any]) -> None:
    with pytest.raises(GateError) as caught:
        budget_of(*given)
    assert caught.value.code == "gate_budget_invalid"


def test_wave_begins_only_in_the_window() -> None:
    assert may_begin(SECOND, (), at("12:00")).passed
    assert may_begin(SECOND, WINDOW, at("01:00")).passed
    gate = may_begin(SECOND, WINDOW, at("05:00"))
    assert gate.code == "window_closed"
    assert gate.untouched == ("web2", "web3", "web4", "web5", "web6", "web7")
    assert "closed until Tue 2026-11-24 01:00 UTC, so wave 2 of 3 does not begin" in gate.message


def test_others_are_said_to_be_proven_only_when_there_are_any() -> None:
    some = judge(SECOND, results(web3=REFUSED), without("web3"), NOBODY)
    none = judge(SECOND, dict.fromkeys(WAVES[1], REFUSED), without(*WAVES[1]), NOBODY)
    assert "All others of this wave are proven" in some.message
    assert "are proven" not in none.message
    assert none.message.endswith("The same command goes on from here once the cause is gone.")


def test_closed_window_does_not_hide_who_is_not_proven() -> None:
    gate = judge(SECOND, results(web3=REFUSED, web4=LATE), without("web3", "web4"), Budget(1, None))
    assert gate.code == "window_closed"
    assert "so the rollout ends. Not proven: web3. Untouched: web4 web6 web7. All others" in gate.message


def test_preview() -> None:
    assert preview([["web1"]], (), at("02:00")) == "1 host would go in 1 wave: 1. 1 (web1)."
    assert preview(WAVES, WINDOW, at("02:00")) == (
        "7 hosts would go in 3 waves: 1. 1 (web1), 2. 4 (web2 web3 web4 and 1 more), 3. 2 (web6 web7)."
    )
    assert preview(WAVES, WINDOW, at("12:00")).endswith(" The window is closed until Tue 2026-11-24 01:00 UTC.")
    assert preview([["web1"]] * 4000, (), at("02:00")).endswith("8. 1 (web1) and 3992 more.")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, True),
        ({}, False),
        ({"web1": {"action": "none"}, "web2": None}, False),
        ({"web1": {"action": "none"}, "web2": PROVEN}, True),
    ],
)
def test_soak_needs_somebody_who_moved(found: Any, expected: bool) -> None:
    assert moved(found) is expected


def test_names_are_bounded() -> None:
    assert shown([]) == "none"
    assert shown([f"web{number}" for number in range(4000)]).endswith("web9 and 3990 more")
    assert len(shown(["w" * 9999])) < 300
    assert shown(["web\x1b[31m{{1}}"]) == "web?[31m?{1}}"


def test_rollout_that_stops_for_all_runs_stops_here() -> None:
    gate = judge(SECOND, results(), ALL, NOBODY, "Failed in all runs: 4; allowed: 3 (max_failed).")
    assert gate.code == "rollout_stopped"
    assert "Failed in all runs: 4" in gate.message
