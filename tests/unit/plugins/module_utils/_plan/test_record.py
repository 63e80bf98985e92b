# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision on a host that has a record of its last transition."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Left
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    OLD,
    closed_verdict,
    running,
    site,
    situation,
    transition,
)


def codes(notes):
    return [note.code for note in notes]


@pytest.mark.parametrize(
    ("verdict", "boot_id", "refused"),
    [
        ("kexec_without_handover", running().boot_id, True),
        ("kexec_without_handover", LATER_BOOT_ID, False),
        ("handover_verified", running().boot_id, False),
    ],
)
def test_a_target_that_runs_unproven_is_not_passed_over_in_silence(verdict, boot_id, refused):
    record = transition("closed", verdict=closed_verdict(verdict, boot_id))
    plan = decide(situation(running=running(release=NEW), transition=record))
    expected = ("refuse", ["last_verdict_not_accepted"]) if refused else ("none", ["already_running"])
    assert (plan.action, codes(plan.reasons)) == expected
    assert not refused or "verdict kexec_without_handover" in plan.reasons[0].message
    accepting = Policy(accept=("last_verdict_not_accepted",))
    plan = decide(situation(running=running(release=NEW), transition=record, policy=accepting))
    assert (plan.action, codes(plan.warnings)) == ("none", ["last_verdict_not_accepted"] if refused else [])


@pytest.mark.parametrize(
    ("verdict", "boot_id", "way"),
    [
        ("cold_boot", running().boot_id, "cold_boot"),
        ("cold_boot", LATER_BOOT_ID, "kexec"),
        ("wrong_kernel", running().boot_id, "kexec"),
    ],
)
def test_where_a_kexec_ended_in_the_firmware_the_way_back_is_a_cold_boot(verdict, boot_id, way):
    record = transition("closed", verdict=closed_verdict(verdict, boot_id))
    policy = Policy(handover="ignore", fallback="cold_boot")
    plan = decide(situation(transition=record, policy=policy))
    assert plan.action == way
    assert ("last_kexec_cold_booted" in codes(plan.warnings)) == (way == "cold_boot")


@pytest.mark.parametrize("state", ["staging", "loaded", "left"])
@pytest.mark.parametrize(
    "changes",
    [
        {"running": running(release=NEW, boot_id=LATER_BOOT_ID, boot="handover")},
        {"running": running(boot_id=LATER_BOOT_ID, boot="kexec")},
        {
            "running": running(boot_id=LATER_BOOT_ID, boot="unknown", image_loaded=True),
            "target": None,
            "choice": Choice(None, (), Note("target_not_found", "No.")),
        },
        {"running": running(boot_id=LATER_BOOT_ID, boot="handover"), "site": site(load_disabled=True)},
    ],
)
def test_a_jump_that_happened_is_verified_before_anything_else(state, changes):
    record = transition(state)
    plan = decide(situation(transition=record, **changes))
    assert (plan.action, plan.promise) == ("verify", record.promise)
    assert codes(plan.reasons) == ["previous_transition_unverified"]
    assert OLD in plan.reasons[0].message
    assert NEW in plan.reasons[0].message


@pytest.mark.parametrize(("state", "action"), [("staging", "handover"), ("loaded", "handover"), ("left", "verify")])
def test_a_cold_boot_is_judged_unless_nobody_was_told_to_leave(state, action):
    facts = running(boot_id=LATER_BOOT_ID)
    assert decide(situation(running=facts, transition=transition(state))).action == action


def test_what_was_left_is_known_by_its_boot_not_by_its_release():
    record = transition("left", left=Left(NEW, running().boot_id, 0))
    assert decide(situation(transition=record)).action == "handover"
