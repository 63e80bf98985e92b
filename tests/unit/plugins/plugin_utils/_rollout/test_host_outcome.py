# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.rollouts import NEW, OLD, STAGED, STAGED_BACK, THERE, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    FAILED,
    HALF_DONE,
    IN_FLIGHT,
    NOT_KNOWN,
    ROLLED_BACK,
    UNTOUCHED,
    Attempt,
    HostOutcome,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results, outcome_of, upgrade_result

PROVEN, UNHEALTHY = judged("handover_verified"), judged("unhealthy")
KEPT, BROKEN = {"changed": True}, {"failed": True, "code": "boot_loader_unknown"}
OTHER = {"failed": True, "code": "target_not_reached"}
RESUMED = {"running": {"release": OLD}, "target": {"release": OLD}, "plan": {"action": "verify"}}


@pytest.mark.parametrize(
    ("results", "now", "over"),
    [
        ({}, IN_FLIGHT, UNTOUCHED),
        ({"stage": STAGED}, IN_FLIGHT, HALF_DONE),
        ({"stage": STAGED, "only_planned": True}, UNTOUCHED, UNTOUCHED),
        ({"stage": STAGED, "jumping": True}, IN_FLIGHT, NOT_KNOWN),
        ({"stage": STAGED, "jumping": True, "lost": True}, NOT_KNOWN, NOT_KNOWN),
        ({"stage": STAGED, "lost": True}, FAILED, FAILED),
        ({"stage": STAGED, "transition": PROVEN}, IN_FLIGHT, DONE),
        ({"stage": STAGED, "transition": PROVEN, "commit": KEPT}, DONE, DONE),
        ({"stage": STAGED, "transition": PROVEN, "commit": BROKEN}, FAILED, FAILED),
        ({"stage": STAGED, "transition": UNHEALTHY}, FAILED, FAILED),
        ({"stage": STAGED, "transition": judged("rolled_back")}, ROLLED_BACK, ROLLED_BACK),
        ({"stage": STAGED, "transition": judged("unreachable")}, NOT_KNOWN, NOT_KNOWN),
        ({"stage": THERE}, DONE, DONE),
    ],
)
def test_outcome_while_the_wave_goes_and_after_it(results: dict[str, Any], now: str, over: str) -> None:
    attempt = Attempt(**results)
    assert (attempt.outcome(over=False), attempt.outcome(over=True)) == (now, over)


@pytest.mark.parametrize(
    ("back", "outcome"),
    [
        (Attempt(stage=STAGED_BACK), FAILED),
        (Attempt(stage=STAGED_BACK, transition=PROVEN, commit=KEPT), ROLLED_BACK),
        (Attempt(stage=STAGED_BACK, transition=judged("unreachable")), NOT_KNOWN),
    ],
)
def test_host_on_its_way_back_has_failed_until_it_is_back(back: Attempt, outcome: str) -> None:
    known = HostOutcome(Attempt(stage=STAGED, transition=UNHEALTHY), back)
    assert known.outcome(over=False) == outcome


@pytest.mark.parametrize(
    ("commit", "word"),
    [
        (KEPT, "handover_verified"),
        (BROKEN, "handover_verified, not committed"),
        # What runs is kept, and is not what was wanted.
        (OTHER, "handover_verified, target not reached"),
    ],
)
def test_word_for_what_became_of_the_commit(commit: dict[str, Any], word: str) -> None:
    assert Attempt(stage=STAGED, transition=PROVEN, commit=commit).verdict() == word


@pytest.mark.parametrize(
    "tasks",
    [
        {"stage": STAGED, "transition": PROVEN, "commit": KEPT},
        {"stage": STAGED, "transition": PROVEN, "commit": BROKEN},
        {"stage": RESUMED, "transition": PROVEN, "commit": OTHER},
        {"stage": STAGED, "transition": {**UNHEALTHY, "code": "unhealthy"}},
        {"stage": THERE, "commit": KEPT},
        {"stage": THERE, "commit": BROKEN},
    ],
)
def test_results_file_and_role_tell_the_same(tasks: dict[str, Any]) -> None:
    attempt, told = Attempt(**tasks), upgrade_result("web1", Results(**tasks), {})
    outcome = outcome_of(attempt)
    assert (outcome.left, outcome.to, outcome.verdict) == (told["from"], told["to"], told["verdict"])
    assert (outcome.accepted, outcome.committed) == (told["accepted"], told["committed"])
    assert (attempt.code(), outcome.promised, outcome.reported) == (told["code"], told["promised"], told["reported"])


def test_jump_of_an_earlier_run_that_reached_another_target_is_not_accepted() -> None:
    outcome = outcome_of(Attempt(stage=RESUMED, transition=PROVEN, commit=OTHER))
    assert (outcome.to, outcome.accepted, outcome.committed) == (OLD, False, True)
    assert outcome.reported["release"] == NEW
