# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaving the running kernel, also when the module is killed or run again at any point."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Promise,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import Departure, leave
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import verify
from ansible_collections.kho.kexec.tests.unit.support.jumps import TRIGGER, WRITE, cold_boot, handover, state
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, KexecHost, Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    OLD,
    RUN,
    transition,
)

PROMISE = {"release": NEW, "previous_release": OLD, "kexec_count": 1, "abi": "kho-v4", "how": "handover"}


def test_the_record_says_left_before_the_trigger_is_pulled(staged):
    result = leave(staged, Departure(42), RUN, False)
    assert staged.steps == [WRITE, "sync", TRIGGER]
    assert read_transition(staged) == transition("left")
    assert result == {
        "changed": True,
        "boot_id": BOOT_ID,
        "release": OLD,
        "promise": PROMISE,
        "already_left": False,
        "triggered": True,
        "guard": None,
    }


def test_check_mode_pulls_no_trigger(staged):
    result = leave(staged, Departure(42), RUN, True)
    assert (staged.steps, state(staged)) == ([], "loaded")
    assert (result["changed"], result["triggered"], result["promise"]) == (True, False, PROMISE)


def test_the_trigger_may_be_pulled_again_in_the_boot_that_is_to_be_left(staged):
    leave(staged, Departure(41), RUN, False)
    staged.steps.clear()
    assert leave(staged, Departure(42), RUN, False)["triggered"] is True
    assert (staged.steps, state(staged)) == ([WRITE, "sync", TRIGGER], "left")


@pytest.mark.parametrize(("record", "next_boot"), [("left", cold_boot), ("left", handover), ("loaded", handover)])
@pytest.mark.parametrize("check_mode", [False, True])
def test_who_left_already_does_not_leave_again(staged, record, check_mode, next_boot):
    write_transition(staged, transition(record))
    next_boot(staged).add(LOADED, "1\n")
    result = leave(staged, Departure(42), RUN, check_mode)
    assert (result["already_left"], result["triggered"], result["changed"]) == (True, False, False)
    assert (result["boot_id"], result["promise"]) == (LATER_BOOT_ID, PROMISE)
    assert staged.steps == []


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (None, "no transition record"),
        (transition("closed"), "nothing was staged in this boot"),
        (transition("staging"), "staging was interrupted"),
    ],
)
def test_without_a_promise_the_host_stays(host, record, says):
    if record:
        write_transition(host, record)
    host.add(LOADED, "1\n")
    host.steps.clear()
    with pytest.raises(Refusal, match=says) as caught:
        leave(host, Departure(42), RUN, False)
    assert (caught.value.code, host.steps) == ("promise_missing", [])
    assert "kho.kexec.kexec_image" in caught.value.message
    assert caught.value.findings["running"]["release"] == OLD


def test_a_record_that_was_only_staged_before_a_cold_boot_promises_nothing(host):
    write_transition(host, transition("staging"))
    with pytest.raises(Refusal, match="nothing was staged in this boot"):
        leave(cold_boot(host), Departure(42), RUN, False)


BY_COLD_BOOT = {"promise": Promise(NEW, None, 0, None, "cold_boot"), "image": None}

COLD_TRIGGER = TRIGGER.replace("systemctl kexec", "env SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot")


@pytest.mark.parametrize("record", ["loaded", "left"])
def test_a_cold_boot_needs_no_image_and_goes_past_kexec(host, record):
    write_transition(host, transition(record, **BY_COLD_BOOT))
    host.steps.clear()
    assert leave(host, Departure(42), RUN, False)["triggered"] is True
    assert host.steps == [WRITE, "sync", COLD_TRIGGER]
    assert state(host) == "left"


def test_a_cold_boot_waits_until_somebody_elses_image_is_gone(host):
    write_transition(host, transition(**BY_COLD_BOOT))
    host.add(LOADED, "1\n")
    host.steps.clear()
    with pytest.raises(Refusal, match="Somebody else") as caught:
        leave(host, Departure(42), RUN, False)
    assert (caught.value.code, host.steps) == ("image_already_loaded", [])
    assert caught.value.findings["running"]["release"] == OLD


@pytest.mark.parametrize("record", ["loaded", "left"])
def test_without_an_image_systemctl_would_choose_by_itself(staged, record):
    write_transition(staged, transition(record))
    staged.add(LOADED, "0\n")
    staged.steps.clear()
    with pytest.raises(Refusal, match=NEW) as caught:
        leave(staged, Departure(42), RUN, False)
    assert (caught.value.code, staged.steps) == ("image_not_loaded", [])
    assert caught.value.findings["transition"]["state"] == record


@pytest.mark.parametrize(
    "call", [lambda host: leave(host, Departure(42), RUN, False), lambda host: verify(host, None, False)]
)
@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("/run/systemd/container", "lxc\n", "container"),
        ("/proc/self/status", "Uid:\t1\t1\t1\t1\n", "not_root"),
        (RECORD_PATH, "broken", "record_unreadable"),
    ],
)
def test_refusals(staged, call, path, content, code):
    staged.add(path, content)
    with pytest.raises(Refusal) as caught:
        call(staged)
    assert (caught.value.code, staged.steps) == (code, [])


@pytest.mark.parametrize(
    ("step", "ending", "says"),
    [
        (
            "systemd-run",
            Completed(1, "", "Failed to start transient timer unit\n"),
            "systemd-run ended with exit code 1 and said: Failed to start transient timer unit",
        ),
        ("systemd-run", Completed(1, "Job failed.\n", ""), "said: Job failed"),
        ("systemd-run", HostError("systemd-run", "absent"), "systemd-run does not exist"),
        ("sync", HostError("sync", "failed", "not finished after 120 s"), "not finished after 120 s"),
        ("sync", Completed(1, "", ""), "said: nothing"),
    ],
)
def test_a_trigger_that_fails_puts_the_record_back(staged, step, ending, says):
    staged.endings[step] = ending
    with pytest.raises(KhoError, match=says) as caught:
        leave(staged, Departure(42), RUN, False)
    assert caught.value.code == "trigger_failed"
    assert caught.value.findings == {"transition": transition().as_dict()}
    assert (state(staged), staged.is_loaded) == ("loaded", True)
    staged.endings.clear()
    assert leave(staged, Departure(42), RUN, False)["triggered"] is True


def test_a_record_that_cannot_be_put_back_is_said(staged):
    staged.endings["systemd-run"] = Completed(1, "", "no\n")
    real = KexecHost.write_atomically

    def fails_for_the_second_record(path, data, mode=0o600):
        if b'"left",' in data:
            return real(staged, path, data, mode)
        raise HostError(path, "failed", "No space left on device")

    staged.write_atomically = fails_for_the_second_record
    with pytest.raises(KhoError, match=r"Moreover, the record still says that this boot was left.*No space left"):
        leave(staged, Departure(42), RUN, False)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_while_leaving_the_next_run_leaves(staged, step):
    staged.kill_before = step
    with pytest.raises(Killed):
        leave(staged, Departure(42), RUN, False)
    assert leave(staged, Departure(43), RUN, False)["triggered"] is True
    assert state(staged) == "left"


@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_while_leaving_and_gone_nevertheless_the_next_run_verifies(staged, step):
    staged.kill_before = step
    with pytest.raises(Killed):
        leave(staged, Departure(42), RUN, False)
    handover(staged)
    assert load(staged, Policy(), RUN, False)["plan"]["action"] == "verify"
    assert leave(staged, Departure(43), RUN, False)["already_left"] is True
    assert verify(staged, None, False)["verdict"]["verdict"] == "handover_verified"


def test_a_host_that_did_not_leave_may_be_told_again(staged):
    leave(staged, Departure(42), RUN, False)
    verify(staged, None, False)
    assert leave(staged, Departure(43), RUN, False)["triggered"] is True
