# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: options, and results as documented. The rest is in the tests of _guard."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._guard.record import RECORD_PATH, read_guard
from ansible_collections.kho.kexec.plugins.modules import kexec_guard
from ansible_collections.kho.kexec.tests.unit.support.guarded_host import guarded_host
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module

RETURNED = yaml.safe_load(kexec_guard.RETURN)


@pytest.fixture
def host(tmp_path):
    return guarded_host(tmp_path)


def run(host, **options):
    return run_module("kexec_guard", host.root, **options)


def documented(result):
    assert set(result) - {"invocation", "changed"} == set(RETURNED) - {"code"}
    if result["guard"] is not None:
        assert set(result["guard"]) == set(RETURNED["guard"]["contains"])
    if result["watchdog"] is not None:
        assert set(result["watchdog"]) == set(RETURNED["watchdog"]["sample"])
    return all(set(phase) == set(RETURNED["phases"]["contains"]) for phase in result["phases"])


def test_arm_then_disarm(host):
    rc, result = run(host, confirm_timeout=60, watchdog="ignore")
    assert (rc, result["changed"], result["armed"], len(result["phases"])) == (0, True, True, 3)
    record = read_guard(host)
    assert (record.armed_boot_id, record.confirm_timeout, record.watchdog_usec) == (BOOT_ID, 60, None)
    assert documented(result)
    rc, result = run(host, state="disarmed")
    assert (rc, result["changed"], result["armed"], read_guard(host)) == (0, True, False, None)
    assert documented(result)


@pytest.mark.parametrize("state", ["armed", "disarmed"])
def test_check_mode_changes_nothing(host, state):
    if state == "disarmed":
        run(host)
    before = host.snapshot()
    rc, result = run(host, state=state, _ansible_check_mode=True, _ansible_diff=True)
    assert (rc, result["changed"], result["diff"]["before"] == result["diff"]["after"]) == (0, True, False)
    assert host.snapshot() == before


def test_a_refusal(host):
    rc, result = run(host, confirm_timeout=5)
    assert (rc, result["code"]) == (1, "guard_timeout_invalid")
    host.add(RECORD_PATH, "nonsense")
    rc, result = run(host)
    assert (rc, result["code"]) == (1, "guard_unreadable")


def test_a_host_without_systemd_when_no_guard_is_required(host):
    (host.root / "run/systemd/system").rmdir()
    rc, result = run(host, required=False)
    assert (rc, result["armed"], [note["code"] for note in result["notes"]]) == (0, False, ["systemd_missing"])
    assert documented(result)
    assert run(host)[1]["code"] == "systemd_missing"


def test_all_that_can_be_returned_of_a_guard_is_documented():
    states = " ".join(RETURNED["guard"]["contains"]["state"]["description"])
    assert [state for state in ("armed", "fired", "spent") if f"V({state})" not in states] == []
