# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept, and what must not be."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.record import (
    ARMED,
    GuardRecord,
    read_guard,
    write_guard,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, read_claim, take_claim
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import read_transition, write_transition
from ansible_collections.kho.kexec.plugins.module_utils._transition.commit import commit, require_reached
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    CREATED,
    LATER_BOOT_ID,
    OLD,
    RUN,
    closed_verdict,
    transition,
)


def closed(host, verdict="handover_verified"):
    write_transition(host, transition("closed", verdict=closed_verdict(verdict, BOOT_ID)))


def test_the_guard_is_disarmed_and_the_claim_ends(host):
    closed(host)
    write_guard(host, GuardRecord(ARMED, LATER_BOOT_ID, "7.1.0", 300, CREATED))
    run_identity = RunIdentity(CREATED, "run", "op", 60)
    take_claim(host, run_identity)
    result = commit(host, "never", (), run_identity, False)
    assert (result["changed"], result["release"], result["boot_default"]) == (True, OLD, None)
    assert read_guard(host) is None
    assert read_claim(host) is None
    assert commit(host, "never", (), RUN, False)["changed"] is False


def test_the_record_says_that_the_transition_came_to_its_end(host):
    closed(host)
    assert commit(host, "never", (), RUN, True)["changed"] is True
    assert read_transition(host).committed is False
    assert commit(host, "never", (), RUN, False)["changed"] is True
    assert read_transition(host).committed is True
    assert commit(host, "never", (), RUN, False)["changed"] is False


def test_another_release_than_the_wanted_one_is_confirmed_and_told(host):
    closed(host)
    result = commit(host, "never", (), RUN, False)
    require_reached(None, result)
    require_reached(OLD, result)
    for wanted, named in (("9.9.9", " 9.9.9"), ("", "")):
        with pytest.raises(KhoError, match=f"{OLD} runs, which is not the target{named}\\.") as caught:
            require_reached(wanted, result)
        assert caught.value.code == "target_not_reached"
        assert caught.value.findings["release"] == OLD


def test_check_mode_changes_nothing(host):
    closed(host)
    write_guard(host, GuardRecord(ARMED, LATER_BOOT_ID, "7.1.0", 300, CREATED))
    before = host.snapshot()
    assert commit(host, "never", (), RUN, True)["changed"] is True
    assert host.snapshot() == before


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (transition("left", left=transition().left.__class__(OLD, LATER_BOOT_ID, 0)), "previous_transition_unverified"),
        (transition("loaded"), "transition_staged"),
        (transition("closed", verdict=closed_verdict("unhealthy", BOOT_ID)), "last_verdict_not_accepted"),
    ],
)
def test_what_is_not_proven_is_not_kept(host, record, code):
    write_transition(host, record)
    write_guard(host, GuardRecord(ARMED, LATER_BOOT_ID, "7.1.0", 300, CREATED))
    with pytest.raises(Refusal) as caught:
        commit(host, "never", (), RUN, False)
    assert caught.value.code == code
    assert read_guard(host).state == ARMED


def test_what_was_accepted_is_kept(host):
    closed(host, "unhealthy")
    assert commit(host, "never", ("last_verdict_not_accepted",), RUN, False)["release"] == OLD


def test_a_host_whose_boot_loader_is_not_known(host):
    closed(host)
    with pytest.raises(Refusal) as caught:
        commit(host, "require", (), RUN, False)
    assert caught.value.code == "boot_loader_unknown"
    assert [note["code"] for note in commit(host, "prefer", (), RUN, False)["notes"]] == ["boot_loader_unknown"]
