# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict and the commit in one run, also when it is killed at any step, or the commit fails."""

from __future__ import annotations

import shutil

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import read_guard
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, read_claim
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import read_transition
from ansible_collections.kho.kexec.plugins.module_utils._transition.keep import Keeping, verify_and_commit
from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import Departure, leave
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load_guarded
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import verify
from ansible_collections.kho.kexec.tests.unit.support.guarded_host import guarded_host
from ansible_collections.kho.kexec.tests.unit.support.guards import files
from ansible_collections.kho.kexec.tests.unit.support.jumps import cold_boot, handover, state
from ansible_collections.kho.kexec.tests.unit.support.kernels import x86_host
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import CREATED, NEW, OLD

THIRD_BOOT_ID = "c3c1f52a-7c5e-4d53-9a9e-0b6f2c1d7a11"
CLAIMING = RunIdentity(CREATED, "run", "op", 600)
LEFT_ALONE = Keeping("never", NEW, ())


def gone(folder, next_boot=handover):
    """Return a host that has left for the target, under a guard, and the new boot of it."""
    folder.mkdir(exist_ok=True)
    host = guarded_host(folder)
    load_guarded(host, Policy(), GuardSettings(), CLAIMING, False)
    leave(host, Departure(42), CLAIMING, False)
    return next_boot(host)


def arrive(host, keeping=LEFT_ALONE, check_mode=False):
    return verify_and_commit(host, None, keeping, CLAIMING, check_mode)


def test_what_is_proven_is_kept(tmp_path):
    host = gone(tmp_path)
    result = arrive(host)
    assert (result["verdict"]["verdict"], result["commit"]["release"]) == ("handover_verified", NEW)
    assert "failed" not in result["commit"]
    assert (read_transition(host).committed, read_guard(host), read_claim(host)) == (True, None, None)
    assert arrive(host)["commit"]["changed"] is False


def test_what_is_not_proven_is_not_kept(tmp_path):
    host = gone(tmp_path, cold_boot)
    result = arrive(host)
    assert (result["verdict"]["accepted"], "commit" in result) == (False, False)
    assert read_guard(host).state == "armed"


@pytest.mark.parametrize("release", [OLD, NEW])
def test_boot_that_was_proven_and_is_over_before_the_commit_is_not_taken_for_the_one_that_runs(tmp_path, release):
    """The power went: nothing is known against the kernel, and the next run may go there again."""
    host = gone(tmp_path)
    assert verify(host, None, False)["verdict"]["accepted"] is True
    for handed_over in ("/sys/kernel/debug/kho/in", "/sys/kernel/boot_params/setup_data"):
        shutil.rmtree(tmp_path / handed_over.lstrip("/"))
    x86_host(host, release=release).add("/proc/sys/kernel/random/boot_id", THIRD_BOOT_ID + "\n")
    before = host.snapshot()
    result = arrive(host)
    assert (result["changed"], result["verdict"]["accepted"], "commit" in result) == (False, False, False)
    assert result["verdict"]["verdict"] == ("rolled_back" if release == OLD else "cold_boot")
    assert result["verdict"]["reported"]["boot_id"] == THIRD_BOOT_ID
    assert host.snapshot() == before
    assert load_guarded(host, Policy(), GuardSettings(), CLAIMING, True)["plan"]["action"] == (
        "handover" if release == OLD else "none"
    )


def test_check_mode(tmp_path):
    host = gone(tmp_path)
    before = host.snapshot()
    # The record is still open, which a real run would have closed.
    assert arrive(host, check_mode=True)["commit"]["code"] == "previous_transition_unverified"
    assert host.snapshot() == before


@pytest.mark.parametrize(
    ("keeping", "code"),
    [
        (Keeping("require", NEW, ()), "boot_entry_not_found"),
        (Keeping("never", "9.9.9", ()), "target_not_reached"),
    ],
)
def test_a_commit_that_fails_leaves_the_verdict_as_it_is(tmp_path, keeping, code):
    host = gone(tmp_path)
    result = arrive(host, keeping)
    assert (result["verdict"]["accepted"], result["commit"]["failed"], result["commit"]["code"]) == (True, True, code)
    assert f"codes.md#{code}" in result["commit"]["msg"]
    assert (state(host), read_guard(host)) == ("closed", None)


def test_killed_at_any_step_the_next_run_keeps_it(tmp_path):
    whole = gone(tmp_path / "whole")
    arrive(whole)
    last = len(whole.steps)
    assert last > 5
    for step in range(1, last + 1):
        host = gone(tmp_path / str(step))
        host.kill_before = step
        with pytest.raises(Killed):
            arrive(host)
        result = arrive(host)
        assert (result["verdict"]["accepted"], result["commit"]["release"]) == (True, NEW), step
        assert (read_transition(host).committed, files(host), read_claim(host)) == (True, [], None), step
