# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and arming in one run, also when it is killed at any step, or no guard can be armed."""

from __future__ import annotations

import shutil

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import (
    ENDED_PATH,
    GuardRecord,
    read_guard,
    write_guard,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, read_claim
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import RECORD_PATH, read_transition
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load_guarded, unload
from ansible_collections.kho.kexec.tests.unit.support.guarded_host import SYSTEMD, guarded_host
from ansible_collections.kho.kexec.tests.unit.support.guards import files
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import CREATED, LATER_BOOT_ID, NEW, OLD, RUN

CLAIMING = RunIdentity(CREATED, "run", "op", 600)
UNLOAD = "kexec -s -u"


@pytest.fixture
def host(tmp_path):
    """Return one that can be upgraded and guarded."""
    return guarded_host(tmp_path)


GUARDED = GuardSettings()


def stage(host, guard=GUARDED, identity=RUN, check_mode=False, **policy):
    return load_guarded(host, Policy(**policy), guard, identity, check_mode)


def steps_of_a_whole_run(folder):
    folder.mkdir()
    host = guarded_host(folder)
    stage(host)
    return len(host.steps)


def test_the_guard_is_armed_once_the_target_is_loaded(host):
    result = stage(host)
    assert (result["changed"], result["plan"]["action"], host.is_loaded) == (True, "handover", True)
    assert (result["guard"]["armed"], read_guard(host).state) == (True, "armed")
    assert host.steps.index(f"remove {ENDED_PATH}") > host.steps.index(f"write {RECORD_PATH}")
    # The phases are those of the target's command line, and its panic= restarts it.
    assert {phase["phase"]: phase["covered"] for phase in result["guard"]["phases"]}["jump"] is True
    assert stage(host)["changed"] is False


def test_a_guard_that_is_missing_is_armed_for_what_is_loaded_already(host):
    assert stage(host, guard=None)["guard"] is None
    result = stage(host)
    assert (result["changed"], result["diff"]["before"], result["guard"]["changed"]) == (
        True,
        result["diff"]["after"],
        True,
    )


def test_where_no_kexec_is_staged_no_guard_is_armed(host):
    result = stage(host, release=OLD)
    assert (result["plan"]["action"], result["guard"], read_guard(host)) == ("none", None, None)
    host.add("/proc/sys/kernel/kexec_load_disabled", "1\n")
    result = stage(host, fallback="cold_boot")
    assert (result["plan"]["action"], result["guard"], read_guard(host)) == ("cold_boot", None, None)


def test_check_mode(host):
    before = host.snapshot()
    result = stage(host, check_mode=True)
    assert (result["changed"], result["guard"]["armed"]) == (True, True)
    assert host.snapshot() == before


def test_without_a_guard_that_is_required_nothing_stays_loaded(host):
    shutil.rmtree(host.root / SYSTEMD.lstrip("/"))
    with pytest.raises(KhoError) as caught:
        stage(host, identity=CLAIMING)
    found = caught.value.findings
    assert (caught.value.code, host.is_loaded, read_transition(host)) == ("systemd_missing", False, None)
    assert read_claim(host) is None
    assert (found["plan"]["action"], found["target"]["release"], found["transition"]) == ("handover", NEW, None)


def test_without_a_guard_that_is_not_required_the_target_stays_loaded(host):
    shutil.rmtree(host.root / SYSTEMD.lstrip("/"))
    result = stage(host, guard=GuardSettings(required=False))
    assert (host.is_loaded, result["guard"]["armed"]) == (True, False)
    assert [note["code"] for note in result["guard"]["notes"]] == ["systemd_missing"]


def test_what_an_earlier_run_has_loaded_stays_when_the_guard_is_refused(host):
    stage(host, guard=None)
    with pytest.raises(Refusal) as caught:
        stage(host, guard=GuardSettings(confirm_timeout=5))
    assert (caught.value.code, host.is_loaded) == ("guard_timeout_invalid", True)


def test_a_guard_that_waits_for_another_boot_is_left_alone(host):
    waiting = GuardRecord("armed", LATER_BOOT_ID, "7.1.0", 300, CREATED)
    write_guard(host, waiting)
    with pytest.raises(KhoError) as caught:
        stage(host)
    assert (caught.value.code, host.is_loaded, read_guard(host)) == ("guard_waiting", False, waiting)


def test_what_cannot_be_unloaded_is_said(host):
    host.endings[UNLOAD] = Completed(255, "", "no\n")
    with pytest.raises(KhoError, match="What was loaded stays loaded: The image could not be unloaded") as caught:
        stage(host, guard=GuardSettings(confirm_timeout=5))
    assert (caught.value.code, host.is_loaded, read_transition(host).state) == ("guard_timeout_invalid", True, "loaded")


def test_killed_at_any_step_the_next_run_stages_and_arms(tmp_path):
    last = steps_of_a_whole_run(tmp_path / "whole")
    assert last > 10
    for step in range(1, last + 1):
        folder = tmp_path / str(step)
        folder.mkdir()
        host = guarded_host(folder)
        host.kill_before = step
        with pytest.raises(Killed):
            stage(host)
        result = stage(host)
        assert (host.is_loaded, read_transition(host).state, result["guard"]["armed"]) == (True, "loaded", True), step
        assert read_guard(host).armed_boot_id == BOOT_ID


def test_killed_at_any_step_everything_can_be_taken_back(tmp_path):
    for step in range(1, steps_of_a_whole_run(tmp_path / "whole") + 1):
        folder = tmp_path / str(step)
        folder.mkdir()
        host = guarded_host(folder)
        host.kill_before = step
        with pytest.raises(Killed):
            stage(host)
        unload(host, RUN, False)
        assert (host.read_text(LOADED), read_transition(host), read_guard(host), files(host)) == ("0\n", None, None, [])
