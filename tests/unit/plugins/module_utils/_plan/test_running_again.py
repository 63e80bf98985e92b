# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan where the target is the running kernel."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Promise
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    image,
    running,
    site,
    situation,
    target,
    transition,
)

ONE, OTHER = "#1 SMP Debian 7.3.4-1 (2026-11-20)", "#2 SMP Debian 7.3.4-2 (2026-11-27)"
AGAIN = Policy(release="running")


def codes(notes):
    return [note.code for note in notes]


def built(runs, installed, **changes):
    return situation(
        running=running(release=NEW), site=site(build=runs), target=target(image=image(build=installed)), **changes
    )


@pytest.mark.parametrize("build", [(ONE, ONE), (None, None), (ONE, OTHER)])
def test_the_running_release_is_started_anew_where_that_is_the_target(build):
    plan = decide(built(*build, policy=AGAIN))
    why = ["running_again", "rebuilt"] if build == (ONE, OTHER) else ["running_again"]
    assert (plan.action, codes(plan.reasons)) == ("handover", ["handover_promised", *why])
    assert (plan.promise.release, plan.promise.kexec_count) == (NEW, 1)
    assert f"{NEW} runs, and is started anew" in plan.reasons[1].message


def test_what_speaks_against_starting_it_anew_is_said():
    plan = decide(built(ONE, ONE, policy=AGAIN._replace(panic=0)))
    assert (plan.action, codes(plan.reasons)) == ("refuse", ["panic_out_of_range"])


def test_a_jump_that_has_happened_is_judged_before_the_release_is_started_once_more():
    left = transition("left", promise=Promise(NEW, NEW, 1, "kho-v4"))
    plan = decide(situation(running=running(release=NEW, boot_id=LATER_BOOT_ID), transition=left, policy=AGAIN))
    assert (plan.action, codes(plan.reasons)) == ("verify", ["previous_transition_unverified"])
