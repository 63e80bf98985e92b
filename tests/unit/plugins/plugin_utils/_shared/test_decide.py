# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a run may go on in a rollout that it shares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import (
    FAILED,
    PAUSED,
    PROVEN,
    RUNNING,
    STOPPED,
    UNTOUCHED,
    Claim,
    Go,
    Settled,
    SharedRolloutError,
    Standing,
    Wait,
    lost_too_many,
    may_begin,
    require_same,
    settle,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

NOBODY = Budget(0, None)
TERMS = {"kexec_upgrade_target": "7.3.4", "kexec_upgrade_handover": "require"}
PROVED = Standing("spring", TERMS, RUNNING, "ann", "", 900, 900, 1000, "one", 0, 950, 0)
FRESH = replace(PROVED, canary_run=None, canaries_proven=None)


def lives(_run):
    return False


def begin(standing, run="two", claims=None, has_ended=lives):
    return may_begin(standing, run, claims or {}, {"one": "ann@east", "two": "bob@west"}, has_ended)


def test_wave_goes_once_canaries_are_proven():
    assert begin(PROVED) == Go(canaries=False)


def test_first_run_that_asks_goes_as_canaries_and_others_wait():
    assert begin(FRESH) == Go(canaries=True)
    taken = replace(FRESH, canary_run="one", canary_until=1001)
    assert begin(taken) == Wait("the canaries of ann@east are not proven yet")
    assert begin(taken, run="one") == Go(canaries=True)


def test_canaries_of_a_run_that_died_are_left_to_the_next():
    taken = replace(FRESH, canary_run="one", canary_until=1001)
    assert begin(replace(taken, now=1001)) == Go(canaries=True)
    assert begin(taken, has_ended="one".__eq__) == Go(canaries=True)


def test_stopped_rollout_refuses_with_who_and_why():
    with pytest.raises(SharedRolloutError, match=r"was stopped by ann: The disks are late\.") as caught:
        begin(replace(PROVED, state=STOPPED, why="The disks are late."))
    assert caught.value.code == "rollout_was_stopped"


def test_paused_rollout_waits():
    assert begin(replace(PROVED, state=PAUSED, why="lunch")) == Wait("ann has paused the rollout (lunch)")


@pytest.mark.parametrize("name", ["spring", "autumn"])
def test_hosts_belong_to_one_run_until_the_claim_ends_or_the_run_is_dead(name):
    claims = {"web1": Claim(name, "one", 1060)}
    waits = begin(PROVED, claims=claims)
    assert isinstance(waits, Wait)
    assert "web1 of it belong to ann@east" in waits.why
    assert "ends in 60 s" in waits.why
    assert begin(PROVED, run="one", claims=claims) == Go(canaries=False)
    assert begin(replace(PROVED, now=1060), claims=claims) == Go(canaries=False)
    assert begin(PROVED, claims=claims, has_ended="one".__eq__) == Go(canaries=False)


def test_run_that_differs_is_told_what_differs():
    ours = {**TERMS, "kexec_upgrade_target": "7.3.5"}
    require_same(PROVED, TERMS)
    require_same(replace(PROVED, terms=None), ours)
    with pytest.raises(SharedRolloutError) as caught:
        require_same(PROVED, ours)
    assert caught.value.code == "rollout_differs"
    assert "kexec_upgrade_target is '7.3.5' here, and '7.3.4' in the rollout" in caught.value.message
    assert "kexec_upgrade_handover" not in caught.value.message
    with pytest.raises(SharedRolloutError, match="kexec_upgrade_handover is None here"):
        require_same(PROVED, {"kexec_upgrade_target": "7.3.4"})


def test_one_budget_over_all_runs():
    outcomes = {"web1": PROVEN, "web2": FAILED}
    assert settle(PROVED, "two", outcomes, True, Budget(2, None), 2) == Settled("", False, False)
    stopped = settle(PROVED, "two", outcomes, True, Budget(2, None), 3)
    assert stopped.stop == "Not proven: web2. Failed in all runs: 3; allowed: 2 (max_failed)."
    assert settle(PROVED, "two", {"web1": PROVEN}, True, Budget(2, None), 3).stop.startswith("Failed in all runs: 3")
    assert settle(PROVED, "two", outcomes, True, Budget(None, 50), 9).stop == ""
    assert "allowed: 49 %" in settle(PROVED, "two", outcomes, True, Budget(None, 49), 1).stop


@pytest.mark.parametrize(
    ("most", "percentage", "failed", "stops"),
    [
        *(("", "", 0, "Failed or lost in all runs: 2; allowed: 0 (max_failed)."), (2, "", 0, "")),
        *((2, "", 1, "Failed or lost in all runs: 3; allowed: 2 (max_failed)."), ("", 100, 9, "")),
        *(("", 99, 0, "Allowed: 99 % of a wave"), (9, 10, 0, "Allowed: 10 % of a wave")),
    ],
)
def test_lost_hosts_count_as_failed(most, percentage, failed, stops):
    terms = {"kexec_upgrade_max_failed": most, "kexec_upgrade_max_failed_percentage": percentage}
    assert lost_too_many([], failed, terms) == ""
    found = lost_too_many(["web1", "web2"], failed, terms)
    assert stops in found
    assert bool(stops) == found.startswith("Lost: web1 web2. ")


CANARIES = replace(FRESH, canary_run="two", canary_until=1001)


def test_canaries_are_proven_when_all_are_and_one_has_moved():
    assert settle(CANARIES, "two", {"web1": PROVEN}, True, NOBODY, 0) == Settled("", True, False)
    assert settle(CANARIES, "two", {"web1": PROVEN}, False, NOBODY, 0) == Settled("", False, True)
    late = {"web1": PROVEN, "web2": UNTOUCHED}
    assert settle(CANARIES, "two", late, True, NOBODY, 0) == Settled("", False, True)
    assert settle(CANARIES, "one", {"web1": PROVEN}, True, NOBODY, 0) == Settled("", False, False)


def test_canary_that_fails_stops_whatever_the_budget():
    found = settle(CANARIES, "two", {"web1": PROVEN, "web2": FAILED}, True, Budget(9, None), 1)
    assert found == Settled("Canaries were not proven: web2.", False, True)
    late = settle(CANARIES, "one", {"db1": FAILED}, True, Budget(9, None), 1)
    assert late == Settled("Canaries were not proven: db1.", False, False), "another run goes first by now"
