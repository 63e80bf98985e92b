# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging the new boot, also when the module is killed or run again at any point."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Promise,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import Departure, leave
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import look, verify
from ansible_collections.kho.kexec.tests.unit.support.jumps import WRITE, cold_boot, handover, state
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, x86_host
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    NEW,
    OLD,
    RUN,
    transition,
)

BY_COLD_BOOT = {"promise": Promise(NEW, None, 0, None, "cold_boot"), "image": None}


def test_a_cold_boot_that_is_late_may_be_ordered_again(host):
    write_transition(host, transition("left", **BY_COLD_BOOT))
    assert verify(host, None, False)["verdict"]["verdict"] == "not_rebooted"
    assert state(host) == "loaded"


def test_a_cold_boot_that_was_promised_is_accepted(host):
    write_transition(host, transition("left", **BY_COLD_BOOT))
    x86_host(host, release=NEW)
    verdict = verify(cold_boot(host), None, False)["verdict"]
    assert (verdict["verdict"], verdict["accepted"], state(host)) == ("cold_boot", True, "closed")


def test_arriving_as_promised(staged):
    leave(staged, Departure(42), RUN, False)
    handover(staged)
    result = verify(staged, None, False)
    assert result["changed"] is True
    assert (result["verdict"]["verdict"], result["verdict"]["accepted"]) == ("handover_verified", True)
    assert result["verdict"]["evidence"]["boot_id_left"] == BOOT_ID
    assert read_transition(staged) == transition("left").closed(result["verdict"])
    assert staged.steps == [WRITE]
    assert load(staged, Policy(), RUN, False)["plan"]["action"] == "none"


@pytest.mark.parametrize("next_boot", [cold_boot, handover])
def test_an_image_that_is_loaded_in_the_new_boot_has_no_part_in_it(staged, next_boot):
    leave(staged, Departure(42), RUN, False)
    next_boot(staged).add(LOADED, "1\n")
    verify(staged, None, False)
    assert state(staged) == "closed"


def test_arriving_again_gives_the_verdict_that_was_given(staged):
    leave(staged, Departure(42), RUN, False)
    first = verify(handover(staged), None, False)
    staged.add("/proc/sys/kernel/osrelease", "9.9.9\n")
    staged.steps.clear()
    again = verify(staged, None, False)
    assert again == {**first, "changed": False}
    assert staged.steps == []
    assert look(staged)["verdict"] == first["verdict"]


def test_killed_while_arriving_the_next_run_judges(staged):
    leave(staged, Departure(42), RUN, False)
    handover(staged)
    staged.kill_before = 1
    with pytest.raises(Killed):
        verify(staged, None, False)
    assert (state(staged), verify(staged, None, False)["verdict"]["accepted"]) == ("left", True)


def test_arriving_by_a_cold_boot_closes_the_record_too(staged):
    leave(staged, Departure(42), RUN, False)
    result = verify(cold_boot(staged), None, False)
    assert (result["verdict"]["verdict"], result["verdict"]["accepted"]) == ("rolled_back", False)
    assert state(staged) == "closed"


@pytest.mark.parametrize(
    ("before", "loaded", "after", "changed"),
    [
        ("left", True, "loaded", True),
        ("left", False, "closed", True),
        ("loaded", True, "loaded", False),
        ("loaded", False, "closed", True),
        ("staging", True, "staging", False),
        ("staging", False, "closed", True),
    ],
)
def test_a_host_that_did_not_leave(staged, before, loaded, after, changed):
    write_transition(staged, transition(before))
    staged.add(LOADED, f"{loaded:d}\n")
    assert verify(staged, None, True)["changed"] is changed
    assert state(staged) == before
    staged.steps.clear()
    result = verify(staged, None, False)
    assert staged.steps == ([WRITE] if changed else [])
    assert result["verdict"]["verdict"] == "not_rebooted"
    assert (result["changed"], state(staged), result["transition"]["state"]) == (changed, after, after)


def test_nothing_to_arrive_from(host):
    with pytest.raises(Refusal, match="no transition record") as caught:
        verify(host, None, False)
    assert (caught.value.code, caught.value.findings["running"]["release"]) == ("promise_missing", OLD)


def test_looking_changes_nothing(staged):
    leave(staged, Departure(42), RUN, False)
    handover(staged)
    seen = look(staged)
    assert (seen["verdict"]["verdict"], seen["notes"], seen["transition"]["state"]) == ("handover_verified", [], "left")
    assert seen["running"]["release"] == NEW
    assert (staged.steps, state(staged)) == ([], "left")


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("/etc/motd", "", "record_absent"),
        ("/run/systemd/container", "lxc\n", "container"),
        ("/proc/self/status", "Uid:\t1\t1\t1\t1\n", "not_root"),
    ],
)
def test_looking_where_there_is_no_verdict(host, path, content, code):
    host.add(path, content)
    seen = look(host)
    assert (seen["verdict"], seen["transition"]) == (None, None)
    assert [note["code"] for note in seen["notes"]] == [code]
    assert seen["running"]["release"] == OLD


def test_looking_at_a_broken_record(host):
    host.add(RECORD_PATH, "broken")
    with pytest.raises(Refusal) as caught:
        look(host)
    assert (caught.value.code, caught.value.findings["running"]["release"]) == ("record_unreadable", OLD)
