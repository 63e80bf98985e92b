# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A try is an answer only where the chain before it is proven; what hosts say has no shape that can be relied on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import (
    COMMAND,
    CRASH,
    HEALTH,
    Told,
    judged,
    try_from,
)

ORIGIN, TARGET = "7.2.13-kho", "7.3.4-kho"
REACHED = {"accepted": True, "verdict": "cold_boot", "reported": {"release": ORIGIN, "kexec_count": 0}}
PROMISED = {"release": TARGET, "previous_release": ORIGIN, "kexec_count": 1}
RESULT = {
    **{"accepted": True, "verdict": "handover_verified", "code": None, "promised": PROMISED},
    "reported": {**PROMISED, "boot_id": "b"},
}
HEALTHY = {"healthy": True, "troubles": [], "boot_id": "b"}
WARNS = {"healthy": False, "troubles": [{"code": "kernel_warning", "new": True}], "boot_id": "b"}
WELL = Told(REACHED, RESULT, HEALTHY, 0)
CRASHED = {
    **RESULT,
    "accepted": False,
    "verdict": "rolled_back",
    "code": "rolled_back",
    "reported": {"release": ORIGIN},
}


def answer(told, wrong=HEALTH):
    done = judged(1, ORIGIN, TARGET, wrong, told)
    return done.answer, done.why


@pytest.mark.parametrize("wrong", [CRASH, HEALTH, COMMAND])
def test_a_target_that_is_well_and_proven(wrong):
    done = judged(3, ORIGIN, TARGET, wrong, WELL)
    assert (done.number, done.origin, done.answer, done.why) == (3, ORIGIN, "well", None)
    assert (done.previous_release, done.kexec_count) == (ORIGIN, 1)
    assert try_from(done.as_dict()) == done


@pytest.mark.parametrize("wrong", [CRASH, HEALTH, COMMAND])
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (replace(WELL, result=CRASHED), "crashed"),
        (replace(WELL, health={**HEALTHY, "boot_id": "c"}), "crashed_later"),
        (replace(WELL, health={**HEALTHY, "boot_id": "c"}, status=None), "crashed_later"),
    ],
)
def test_a_crash_is_wrong_whatever_counts(told, why, wrong):
    assert answer(told, wrong) == ("wrong", why)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (replace(WELL, health=WARNS), {HEALTH: ("wrong", "kernel_warning")}),
        (
            replace(WELL, result={**RESULT, "verdict": "unhealthy", "accepted": False}),
            {HEALTH: ("wrong", "unhealthy")},
        ),
        (replace(WELL, health={"boot_id": "b"}), {HEALTH: ("none", "health_not_known")}),
        (replace(WELL, status=1), {COMMAND: ("wrong", "command_failed")}),
        (replace(WELL, status=-9), {COMMAND: ("wrong", "command_failed")}),
        *[
            (replace(WELL, status=one), {COMMAND: ("none", "command_cannot_tell")})
            for one in (125, 126, 127, None, "0")
        ],
    ],
)
def test_only_what_was_chosen_counts(told, found):
    for wrong in (CRASH, HEALTH, COMMAND):
        assert answer(told, wrong) == found.get(wrong, ("well", None))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (replace(WELL, reached=None), "origin_not_reached"),
        (replace(WELL, reached={**REACHED, "accepted": False}), "origin_not_reached"),
        (replace(WELL, reached={**REACHED, "verdict": "handover_verified"}), "origin_not_reached"),
        (replace(WELL, reached={**REACHED, "reported": {"release": "other"}}), "origin_not_reached"),
        (replace(WELL, result={"code": "kho_abi_mismatch", "verdict": None}), "kho_abi_mismatch"),
        (replace(WELL, result={}), "host_lost"),
        (replace(WELL, result={**RESULT, "promised": {**PROMISED, "kexec_count": 2}}), "chain_not_proven"),
        (replace(WELL, result={**RESULT, "promised": {**PROMISED, "previous_release": "x"}}), "chain_not_proven"),
        (replace(WELL, result={**CRASHED, "promised": {**PROMISED, "previous_release": "x"}}), "chain_not_proven"),
        (replace(WELL, result={**RESULT, "reported": {**PROMISED, "kexec_count": 2}}), "chain_not_proven"),
        (replace(WELL, result={**RESULT, "reported": {**PROMISED, "previous_release": "x"}}), "chain_not_proven"),
        (replace(WELL, result={**RESULT, "verdict": "kexec_without_handover"}), "chain_not_proven"),
        (replace(WELL, health={}), "host_lost"),
        (Told("x", [], 3, "0"), "origin_not_reached"),
    ],
)
def test_no_answer_without_proof(told, why):
    assert answer(told, CRASH) == ("none", why)


@pytest.mark.parametrize(
    "change", [{"answer": "maybe"}, {"number": "1"}, {"origin": None}, {"more": 1}, {"number": True}]
)
def test_what_is_no_try(change):
    with pytest.raises(ValueError, match="a try does not"):
        try_from({**judged(1, ORIGIN, TARGET, CRASH, WELL).as_dict(), **change})
    with pytest.raises(ValueError, match="a try does not"):
        try_from([])
