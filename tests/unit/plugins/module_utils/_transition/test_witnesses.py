# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else has a say in a jump: earlier failures, the guard, the host's health, and answers that got lost."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.record import (
    ARMED,
    ENDED_PATH,
    GuardRecord,
    read_guard,
    write_guard,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import Failure, read_failures, remember_failure
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition import verify as verification
from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import Departure, leave
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load, unload
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import verify
from ansible_collections.kho.kexec.tests.unit.support.jumps import TRIGGER, cold_boot, handover, state
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    CREATED,
    LATER_BOOT_ID,
    NEW,
    OLD,
    RUN,
    transition,
)


def test_a_target_that_was_given_up_is_not_tried_again_by_itself(staged):
    leave(staged, Departure(42), RUN, False)
    verify(cold_boot(staged), None, False)
    with pytest.raises(Refusal, match="rolled_back") as caught:
        load(staged, Policy(), RUN, False)
    assert caught.value.code == "target_failed_before"
    assert load(staged, Policy(accept=("target_failed_before",)), RUN, False)["plan"]["action"] == "handover"


def guarded(host):
    write_guard(host, GuardRecord(ARMED, BOOT_ID, OLD, 300, CREATED))
    leave(host, Departure(42), RUN, False)
    return host


def test_what_is_accepted_needs_no_guard_any_more(staged):
    host = handover(guarded(staged))
    assert verify(host, None, True)["verdict"]["accepted"] is True
    assert read_guard(host).state == ARMED
    assert verify(host, None, False)["verdict"]["accepted"] is True
    assert read_guard(host) is None


def test_what_is_not_accepted_keeps_its_guard(staged):
    host = cold_boot(guarded(staged))
    assert verify(host, None, False)["verdict"]["accepted"] is False
    assert read_guard(host).state == ARMED


def test_a_guard_that_was_faster_leaves_no_verdict(staged):
    host = handover(guarded(staged))
    host.add(ENDED_PATH, f"{BOOT_ID}\nfired\n{LATER_BOOT_ID}\n{NEW}\n2026-11-22T15:10:00Z\n")
    with pytest.raises(KhoError) as caught:
        verify(host, None, False)
    assert caught.value.code == "guard_fired"
    assert state(host) == "left"


def test_a_guard_that_cannot_be_disarmed_is_told(staged, monkeypatch):
    def read_only(*_arguments, **_options):
        raise HostError("/etc", "failed", "Read-only file system")

    monkeypatch.setattr(verification, "disarm", read_only)
    verdict = verify(handover(guarded(staged)), None, False)["verdict"]
    assert verdict["accepted"] is True
    assert "Read-only file system" in verdict["evidence"]["notes"][-1]["message"]


def test_a_target_that_is_proven_has_not_failed_any_more(staged):
    remember_failure(staged, Failure(NEW, "", "rolled_back", CREATED))
    leave(staged, Departure(42), RUN, False)
    assert verify(handover(staged), None, False)["verdict"]["accepted"] is True
    assert read_failures(staged) == ()


def test_who_lost_the_answer_tells_the_host_once(staged):
    write_transition(staged, transition("left"))
    result = leave(staged, Departure(42, again=True), RUN, False)
    assert (result["triggered"], result["already_left"], staged.steps[1:]) == (False, False, [])
    write_transition(staged, transition("loaded"))
    assert leave(staged, Departure(42, again=True), RUN, False)["triggered"] is True


def test_services_that_do_not_stop_are_killed_in_the_end(staged):
    leave(staged, Departure(42, patience=90), RUN, False)
    insist, trigger = staged.steps[-2:]
    assert insist == (
        "systemd-run --collect --on-active=90 --timer-property=DefaultDependencies=no --property=DefaultDependencies=no"
        ' --unit=kho-kexec-insist-42 sh -c [ "$(systemctl is-system-running)" != stopping ] || exec "$@"'
        " kho-kexec-insist systemctl kexec --force"
    )
    assert trigger == TRIGGER


def test_nothing_insists_on_a_jump_that_was_not_begun(staged):
    staged.endings[TRIGGER] = Completed(1, "", "no")
    with pytest.raises(KhoError):
        leave(staged, Departure(42, patience=90), RUN, False)
    assert "systemctl stop kho-kexec-insist-42.timer" in staged.steps
    assert state(staged) == "loaded"


def test_the_guard_of_the_transition_is_told_of(staged):
    write_guard(staged, GuardRecord(ARMED, BOOT_ID, OLD, 300, CREATED))
    assert leave(staged, Departure(42), RUN, True)["guard"] == {"confirm_timeout": 300}
    write_guard(staged, GuardRecord(ARMED, LATER_BOOT_ID, OLD, 300, CREATED))
    assert leave(staged, Departure(42), RUN, True)["guard"] is None


def test_the_guard_that_brought_the_old_kernel_back_is_named(staged):
    write_guard(staged, GuardRecord(ARMED, BOOT_ID, OLD, 300, CREATED))
    other_boot = "7d8c2f10-1111-4222-8333-944455556666"
    staged.add(ENDED_PATH, f"{BOOT_ID}\nfired\n{other_boot}\n{NEW}\n2026-11-22T15:10:00Z\n")
    leave(staged, Departure(42), RUN, False)
    verdict = verify(cold_boot(staged), None, False)["verdict"]
    assert (verdict["verdict"], verdict["reason"]) == ("rolled_back", "guard")


LIST = "systemctl list-units"
READ_ONLY = HostError("/var/lib/kho-kexec/transition.json", "failed", "Read-only file system")


def test_a_host_that_was_given_up_is_told_to_stay(staged):
    leave(staged.add_directory("/run/systemd/system"), Departure(42, patience=90), RUN, False)
    staged.steps.clear()
    assert verify(staged, None, False)["verdict"]["verdict"] == "not_rebooted"
    assert staged.steps[0] == "systemctl stop kho-kexec-leave-*.timer kho-kexec-insist-*.timer"
    assert staged.steps[2].startswith(LIST)
    assert state(staged) == "loaded"


@pytest.mark.parametrize(
    ("asked", "answer", "says"),
    [
        (
            LIST,
            Completed(0, "kho-kexec-insist-42.timer loaded\n", ""),
            "kho-kexec-insist-42.timer is there",
        ),
        (LIST, Completed(1, "", "no bus"), "no bus"),
        ("systemctl is-system-running", Completed(1, "stopping\n", ""), "going down already"),
        ("systemctl stop", HostError("systemctl", "absent"), "systemctl does not exist"),
    ],
)
def test_what_cannot_be_taken_back_is_said(staged, asked, answer, says):
    leave(staged.add_directory("/run/systemd/system"), Departure(42), RUN, False)
    staged.endings[asked] = answer
    notes = verify(staged, None, False)["verdict"]["evidence"]["notes"]
    assert [note["code"] for note in notes if says in note["message"]] == ["departure_pending"]
    assert state(staged) == "left"
    with pytest.raises(KhoError, match=says.split()[0]) as caught:
        unload(staged, RUN, False)
    assert caught.value.code == "departure_pending"
    staged.endings.clear()
    unload(staged, RUN, False)
    assert not staged.is_loaded


def test_what_cannot_be_written_down_is_not_accepted_and_the_guard_stays(staged):
    write_guard(staged, GuardRecord(ARMED, BOOT_ID, OLD, 300, CREATED))
    leave(staged, Departure(42), RUN, False)
    handover(staged)
    staged.endings["write"] = READ_ONLY
    result = verify(staged, None, False)
    verdict = result["verdict"]
    assert (verdict["verdict"], verdict["reason"], verdict["accepted"]) == ("unhealthy", "record_unwritable", False)
    assert {note["code"] for note in verdict["evidence"]["notes"]} == {"record_unwritable"}
    assert (result["changed"], state(staged), read_guard(staged).state) == (False, "left", ARMED)


def test_another_verdict_is_given_where_it_cannot_be_written_down_too(staged):
    leave(staged, Departure(42), RUN, False)
    cold_boot(staged)
    staged.endings["write"] = READ_ONLY
    verdict = verify(staged, None, False)["verdict"]
    assert (verdict["verdict"], verdict["accepted"]) == ("rolled_back", False)
    assert verdict["evidence"]["notes"][-1]["code"] == "record_unwritable"


@pytest.mark.parametrize(("rollback", "code"), [(False, "shutdown_inhibited"), (True, None)])
def test_nobody_is_left_in_the_middle_of_something_but_on_the_way_back(staged, rollback, code):
    write_transition(staged, transition("loaded", rollback=rollback))
    staged.add("/run/systemd/inhibit/1", "WHAT=shutdown\nMODE=block\nWHO=fwupd\nWHY=flashing\nPID=1\n")
    if code is None:
        assert leave(staged, Departure(42), RUN, False)["triggered"] is True
        return
    with pytest.raises(Refusal, match="fwupd") as caught:
        leave(staged, Departure(42), RUN, False)
    assert (caught.value.code, state(staged)) == (code, "loaded")
