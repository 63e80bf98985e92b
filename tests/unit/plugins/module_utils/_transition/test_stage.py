# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and unloading, also when the module is killed at any step, or kexec fails."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Promise,
    StagedImage,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load, unload
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    COMMAND_LINE,
    CREATED,
    LATER_BOOT_ID,
    NEW,
    OLD,
    RUN,
    install,
    transition,
)

IMAGE, INITRD = f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}"
KEXEC = f"kexec -s -l {IMAGE} --initrd={INITRD} --command-line={COMMAND_LINE}"
WRITE, REMOVE = f"write {RECORD_PATH}", f"remove {RECORD_PATH}"
DOES_NOT_FIT = Completed(255, "", "kexec_file_load failed: Cannot assign requested address\n")
SHOWN = {"image": IMAGE, "initrds": [INITRD], "command_line": COMMAND_LINE}
NOTHING = {"image": None}
OF_ANOTHER_LINE = transition(image=StagedImage(IMAGE, (INITRD,), "kho=on panic=5"))
KEEP = "systemctl stop kho-kexec-expire.timer"


def stage(host, check_mode=False, **policy):
    return load(host, Policy(**policy), RUN, check_mode)


def recorded(host):
    """The record without what tells the files of this test from those of another."""
    record = read_transition(host)
    if record is None or record.image is None:
        return record
    assert re.fullmatch(r"[0-9]+:[0-9]+:[0-9]+( [0-9]+:[0-9]+:[0-9]+)?", record.image.fingerprint)
    return replace(record, image=replace(record.image, fingerprint=""))


def with_record(host, record, loaded=True):
    """The host with this record, and an image loaded or not."""
    write_transition(host, record)
    host.add(LOADED, "1\n" if loaded else "0\n")
    host.steps.clear()
    return host


def in_another_boot(host, record):
    """The host as it is once the boot that the record leaves is over."""
    return with_record(host, record, loaded=False).add("/proc/sys/kernel/random/boot_id", LATER_BOOT_ID)


def test_the_record_is_there_before_the_image_and_says_loaded_after_it(host):
    result = stage(host)
    assert host.steps == [WRITE, KEXEC, WRITE]
    assert host.is_loaded
    assert recorded(host) == transition()
    assert (result["changed"], result["plan"]["action"]) == (True, "handover")
    assert result["transition"] == read_transition(host).as_dict()
    assert {name: result["target"][name] for name in ("release", *SHOWN)} == {"release": NEW, **SHOWN}
    assert result["running"]["release"] == OLD
    assert result["diff"] == {"before": NOTHING, "after": SHOWN}


def test_again_changes_nothing(host):
    stage(host)
    host.steps.clear()
    result = load(host, Policy(), RunIdentity("2031-01-01T00:00:00Z"), False)
    assert (result["changed"], host.steps) == (False, [])
    assert result["plan"]["action"] == "handover"
    assert result["transition"] == read_transition(host).as_dict()
    assert result["transition"]["created"] == CREATED
    assert result["diff"] == {"before": SHOWN, "after": SHOWN}


def test_check_mode_says_the_same_and_changes_nothing(host):
    before = host.snapshot()
    result = stage(host, check_mode=True)
    assert (host.snapshot(), host.steps) == (before, [])
    assert (result["changed"], result["plan"]["action"], result["transition"]) == (True, "handover", None)
    assert result["diff"] == {"before": NOTHING, "after": SHOWN}
    assert {**stage(host), "transition": None} == result
    assert stage(host, check_mode=True)["changed"] is False


def test_without_an_initrd(host):
    host.remove(INITRD)
    host.remove(f"/boot/initrd.img-{OLD}")
    host.steps.clear()
    assert stage(host)["transition"]["image"]["initrds"] == []
    assert host.steps[1] == f"kexec -s -l {IMAGE} --command-line={COMMAND_LINE}"


@pytest.mark.parametrize("state", ["loaded", "left"])
def test_what_is_staged_already_stays_in_its_state(host, state):
    with_record(host, transition(state))
    result = stage(host)
    assert (result["changed"], host.steps, result["transition"]["state"]) == (False, [], state)


@pytest.mark.parametrize(
    ("record", "loaded"),
    [
        (transition("loaded"), False),
        (transition("left"), False),
        (transition("staging"), False),
        (transition("staging"), True),
        (OF_ANOTHER_LINE, True),
        (transition(image=StagedImage(IMAGE, (), COMMAND_LINE)), True),
        (transition(promise=Promise(NEW, OLD, 2, "kho-v4")), True),
    ],
)
def test_what_is_not_certainly_staged_is_loaded_again(host, record, loaded):
    with_record(host, record, loaded)
    assert stage(host)["changed"] is True
    assert host.steps == [WRITE, KEXEC, WRITE]
    assert recorded(host) == transition()


@pytest.mark.parametrize("path", [IMAGE, INITRD])
def test_what_was_changed_since_it_was_staged_is_loaded_again(host, path):
    stage(host)
    host.steps.clear()
    os.utime(host.root / path.lstrip("/"), (1, 1))
    assert stage(host)["changed"] is True
    assert host.steps == [WRITE, KEXEC, WRITE]


def test_another_target_replaces_the_one_that_was_staged_here(host):
    stage(host)
    newer = "7.3.5-kho"
    install(host, newer)
    result = stage(host)
    assert (result["changed"], result["transition"]["promise"]["release"]) == (True, newer)
    assert result["diff"]["before"] == SHOWN
    assert result["diff"]["after"]["image"] == f"/boot/vmlinuz-{newer}"


def test_when_the_target_runs_nothing_stays_staged(host):
    stage(host)
    host.steps.clear()
    assert stage(host, check_mode=True, release=OLD)["changed"] is True
    assert host.steps == []
    result = stage(host, release=OLD)
    assert (result["changed"], result["plan"]["action"], result["transition"]) == (True, "none", None)
    assert (host.steps, host.is_loaded) == ([KEEP, "kexec -s -u", REMOVE], False)
    assert stage(host, release=OLD)["changed"] is False


@pytest.mark.parametrize("record", [None, transition("closed")])
def test_when_the_target_runs_an_image_of_somebody_else_stays_and_is_not_shown_as_ours(host, record):
    if record:
        with_record(host, record)
    host.add(LOADED, "1\n")
    result = stage(host, release=OLD)
    assert (result["changed"], result["plan"]["action"], host.steps) == (False, "none", [])
    assert result["diff"] == {"before": NOTHING, "after": NOTHING}


def test_a_jump_that_happened_is_left_to_its_verdict(host):
    in_another_boot(host, transition("left"))
    before = host.snapshot()
    result = stage(host)
    assert (result["changed"], result["plan"]["action"], result["transition"]["state"]) == (False, "verify", "left")
    assert (host.snapshot(), host.steps) == (before, [])


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        (LOADED, "1\n", "image_already_loaded"),
        (IMAGE, b"no kernel", "image_unreadable"),
        ("/proc/sys/kernel/kexec_load_disabled", "1\n", "kexec_disabled"),
        ("/run/systemd/container", "lxc\n", "container"),
        (RECORD_PATH, "broken", "record_unreadable"),
    ],
)
def test_a_refusal_leaves_the_host_as_it_was(host, path, content, code):
    host.add(path, content)
    before = host.snapshot()
    with pytest.raises(Refusal) as caught:
        stage(host, release=NEW)
    assert caught.value.code == code
    assert caught.value.findings["running"]["release"] == OLD
    assert (host.snapshot(), host.steps) == (before, [])


def test_a_refusal_names_all_its_reasons_and_carries_the_findings(host):
    host.add(LOADED, "1\n").add("/proc/sys/kernel/kexec_load_limit_reboot", "0\n")
    with pytest.raises(Refusal) as caught:
        stage(host)
    assert caught.value.code == "kexec_limit_exhausted"
    assert caught.value.message.endswith("Further reasons, explained in plan.reasons: image_already_loaded.")
    assert caught.value.findings.keys() == {"running", "target", "plan", "transition"}
    assert caught.value.findings["plan"]["action"] == "refuse"
    assert json.loads(json.dumps(caught.value.findings)) == caught.value.findings


@pytest.mark.parametrize("existing", [None, transition("closed"), transition("loaded")])
def test_a_load_that_fails_leaves_the_host_as_it_was(host, existing):
    if existing:
        with_record(host, existing, loaded=False)
    host.endings["kexec -s -l"] = DOES_NOT_FIT
    before = host.snapshot()
    with pytest.raises(KhoError) as caught:
        stage(host)
    assert caught.value.code == "scratch_too_small"
    assert caught.value.findings["target"]["release"] == NEW
    assert host.snapshot() == before
    assert "kexec -s -u" not in host.steps


def test_a_load_that_fails_keeps_the_image_that_was_staged_before(host):
    with_record(host, OF_ANOTHER_LINE)
    host.endings["kexec -s -l"] = Completed(255, "", "kexec_file_load failed: Device or resource busy\n")
    with pytest.raises(KhoError, match="Another kexec operation"):
        stage(host)
    assert (host.is_loaded, read_transition(host)) == (True, OF_ANOTHER_LINE)


def test_kexec_that_loads_and_does_not_end_leaves_the_image_marked_as_ours(host):
    host.endings["kexec -s -l"] = HostError("kexec", "failed", "not finished after 120 s")
    with pytest.raises(HostError, match="not finished after"):
        stage(host)
    assert (host.is_loaded, recorded(host)) == (True, transition("staging"))
    assert unload(host, RUN, False)["changed"] is True
    assert (host.is_loaded, recorded(host)) == (False, None)


def test_success_is_not_believed_when_the_kernel_says_otherwise(host):
    host.endings["kexec -s -l"] = Completed(0, "", "")
    with pytest.raises(KhoError, match="no image is loaded") as caught:
        stage(host)
    assert (caught.value.code, read_transition(host)) == ("load_failed", None)


def test_a_record_that_cannot_be_written_stops_before_the_load(host):
    host.endings[WRITE] = HostError(RECORD_PATH, "failed", "No space left on device")
    before = host.snapshot()
    with pytest.raises(HostError, match="No space left"):
        stage(host)
    assert (host.snapshot(), host.steps) == (before, [WRITE])


def test_a_record_that_cannot_be_taken_back_is_said(host):
    host.endings["kexec -s -l"] = DOES_NOT_FIT
    host.endings[REMOVE] = HostError(RECORD_PATH, "failed", "Read-only file system")
    with pytest.raises(KhoError, match=r"do not fit.*Moreover.*Read-only file system") as caught:
        stage(host)
    assert caught.value.code == "scratch_too_small"


@pytest.fixture(params=["nothing before", "a closed record", "another staged image"])
def used_host(request, host):
    if request.param == "a closed record":
        with_record(host, transition("closed"), loaded=False)
    elif request.param == "another staged image":
        with_record(host, OF_ANOTHER_LINE)
    return host


@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_at_any_step_the_next_run_stages(used_host, step):
    used_host.kill_before = step
    with pytest.raises(Killed):
        stage(used_host)
    assert len(used_host.steps) == step
    result = stage(used_host)
    assert (result["changed"], result["plan"]["action"]) == (True, "handover")
    assert (used_host.is_loaded, recorded(used_host)) == (True, transition())


@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_at_any_step_everything_can_be_taken_back(used_host, step):
    used_host.kill_before = step
    with pytest.raises(Killed):
        stage(used_host)
    unload(used_host, RUN, False)
    assert not used_host.is_loaded
    assert read_transition(used_host) in (None, transition("closed"))
    assert unload(used_host, RUN, False)["changed"] is False


@pytest.mark.parametrize("step", [1, 2])
def test_killed_while_unloading_the_next_run_unloads(host, step):
    stage(host)
    host.steps.clear()
    host.kill_before = step
    with pytest.raises(Killed):
        unload(host, RUN, False)
    assert unload(host, RUN, False)["changed"] is True
    assert (host.is_loaded, read_transition(host)) == (False, None)


def test_unloading(host):
    stage(host)
    host.steps.clear()
    assert unload(host, RUN, True)["changed"] is True
    assert host.steps == []
    result = unload(host, RUN, False)
    assert host.steps == [KEEP, "kexec -s -u", REMOVE]
    assert (result["changed"], result["transition"], result["plan"], result["target"]) == (True, None, None, None)
    assert result["diff"] == {"before": SHOWN, "after": NOTHING}
    assert result["running"]["release"] == OLD
    again = unload(host, RUN, False)
    assert (again["changed"], again["diff"]) == (False, {"before": NOTHING, "after": NOTHING})


def test_unloading_forgets_a_record_whose_image_is_gone(host):
    with_record(host, transition(), loaded=False)
    assert unload(host, RUN, False)["changed"] is True
    assert (host.steps, read_transition(host)) == ([REMOVE], None)


@pytest.mark.parametrize("record", [None, transition("closed")])
def test_an_image_of_somebody_else_is_not_unloaded(host, record):
    if record:
        with_record(host, record)
    host.add(LOADED, "1\n")
    before = host.snapshot()
    with pytest.raises(Refusal) as caught:
        unload(host, RUN, False)
    assert (caught.value.code, host.snapshot(), host.steps) == ("image_already_loaded", before, [])
    assert caught.value.findings["running"]["image_loaded"] is True


def test_a_jump_that_awaits_its_verdict_keeps_its_record(host):
    in_another_boot(host, transition("left"))
    result = unload(host, RUN, False)
    assert (result["changed"], result["transition"]["state"], host.steps) == (False, "left", [])


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("/run/systemd/container", "lxc\n", "container"),
        ("/proc/self/status", "Uid:\t1\t1\t1\t1\n", "not_root"),
        (RECORD_PATH, "broken", "record_unreadable"),
    ],
)
def test_unloading_is_refused(host, path, content, code):
    with_record(host, transition()).add(path, content)
    with pytest.raises(Refusal) as caught:
        unload(host, RUN, False)
    assert (caught.value.code, host.steps) == (code, [])
    assert ("running" in caught.value.findings) == (code == "record_unreadable")


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (Completed(255, "", "kexec unload failed: Operation not permitted\n"), "255.*not permitted"),
        (Completed(0, "", ""), "exit code 0 and said: nothing"),
    ],
)
def test_an_image_that_stays_keeps_its_record(host, ending, says):
    stage(host)
    host.endings["kexec -s -u"] = ending
    with pytest.raises(KhoError, match=says + ".*SYSTEMCTL_SKIP_AUTO_KEXEC") as caught:
        unload(host, RUN, False)
    assert caught.value.code == "unload_failed"
    assert caught.value.findings["transition"] == read_transition(host).as_dict()
    assert (host.is_loaded, recorded(host)) == (True, transition())
