# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog is known to do, and what is said of each phase."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.watchdog import (
    DEVICE,
    MANAGER,
    SOFTWARE_MODULE,
    STOP_ON_REBOOT,
    Watchdog,
    is_worth_setting,
    observe_watchdog,
    phases,
    set_kexec_watchdog,
    watchdog_problem,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

PANICS = "kho=on panic=10 softlockup_panic=1 hung_task_panic=1"
GET, SET = ("busctl", "get-property", *MANAGER), ("busctl", "set-property", *MANAGER, "KExecWatchdogUSec", "t")


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def watchdog(**changes):
    facts = {
        "present": True,
        "identity": "i6300ESB timer",
        "state": "inactive",
        "timeout": 30,
        "nowayout": False,
        "software": False,
        "keeps_counting": True,
        "kexec_usec": 0,
        "runtime_usec": 0,
    }
    return Watchdog(**{**facts, **changes})


def asked(host, kexec="t 0\n", runtime="t 0\n"):
    host.expect_run([*GET, "KExecWatchdogUSec"], stdout=kexec)
    return host.expect_run([*GET, "RuntimeWatchdogUSec"], stdout=runtime)


def test_all_is_known(host):
    for name, text in (("identity", "i6300ESB timer"), ("state", "inactive"), ("timeout", "30"), ("nowayout", "0")):
        host.add(f"{DEVICE}/{name}", text + "\n")
    host.add(STOP_ON_REBOOT, "0\n")
    assert observe_watchdog(asked(host)) == watchdog()


def test_nothing_is_there(host):
    host.expect_missing([*GET, "KExecWatchdogUSec"]).expect_run([*GET, "RuntimeWatchdogUSec"], rc=1)
    assert observe_watchdog(host) == Watchdog(False, None, None, None, None, None, None, None, None)


@pytest.mark.parametrize(
    ("files", "software", "keeps_counting"),
    [
        ({}, False, None),
        ({SOFTWARE_MODULE + "/parameters/soft_margin": "60\n"}, None, None),
        ({DEVICE + "/identity": "Software Watchdog\n"}, True, None),
        ({STOP_ON_REBOOT: "-1\n"}, False, None),
        ({STOP_ON_REBOOT: "0\n"}, False, True),
        ({STOP_ON_REBOOT: "1\n"}, False, False),
    ],
)
def test_without_sysfs_attributes(host, files, software, keeps_counting):
    """The guests' kernels have no CONFIG_WATCHDOG_SYSFS."""
    host.add_directory(DEVICE)
    for path, text in files.items():
        host.add(path, text)
    seen = observe_watchdog(asked(host, "t 60000000\n", "t 18446744073709551615\n"))
    assert (seen.present, seen.software, seen.keeps_counting) == (True, software, keeps_counting)
    assert (seen.kexec_usec, seen.runtime_usec) == (60_000_000, 18446744073709551615)


@pytest.mark.parametrize("answer", ["", 's ""\n', "t -1\n", "t 1 2\n"])
def test_answers_of_systemd_that_are_none(host, answer):
    assert observe_watchdog(asked(host, answer)).kexec_usec is None


@pytest.mark.parametrize(
    ("changes", "code", "worth_setting"),
    [
        ({}, None, True),
        ({"keeps_counting": None}, "watchdog_stops_on_reboot", True),
        ({"keeps_counting": False}, "watchdog_stops_on_reboot", False),
        ({"present": False}, "watchdog_missing", False),
        ({"software": True}, "watchdog_missing", False),
        ({"software": None}, "watchdog_kind_unknown", True),
        ({"kexec_usec": None}, "watchdog_unsettable", False),
    ],
)
def test_problems(changes, code, worth_setting):
    seen = watchdog(**changes)
    problem = watchdog_problem(seen)
    assert (problem and problem.code, is_worth_setting(seen)) == (code, worth_setting)


def test_setting(host):
    host.expect_run([*SET, "60000000"])
    assert set_kexec_watchdog(host, 60_000_000) is None
    host.assert_nothing_left()


def test_setting_that_fails(host):
    host.expect_run([*SET, "0"], rc=1, stderr="Failed to set property:\nUnknown property {{\n")
    host.expect_missing([*SET, "0"])
    refused, missing = set_kexec_watchdog(host, 0), set_kexec_watchdog(host, 0)
    assert (refused.code, missing.code) == ("watchdog_unsettable", "watchdog_unsettable")
    assert "Failed to set property: Unknown property ?{" in refused.message
    assert "busctl does not exist" in missing.message


def phase(name, seen=None, seconds=60, line=PANICS):
    (found,) = (item for item in phases(seen or watchdog(), seconds, line, 300) if item["phase"] == name)
    return found["covered"], found["by"]


@pytest.mark.parametrize(
    ("changes", "seconds", "says"),
    [
        ({}, 60, (True, ["watchdog"])),
        ({}, None, (False, [])),
        ({"keeps_counting": None}, 60, (None, ["watchdog"])),
        ({"keeps_counting": False}, None, (False, [])),
        ({"software": None}, 60, (None, ["watchdog"])),
        ({"present": False}, None, (False, [])),
    ],
)
def test_the_jump(changes, seconds, says):
    assert phase("jump", watchdog(**changes), seconds) == says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (None, (None, [])),
        (PANICS, (True, ["panic", "softlockup_panic", "hung_task_panic"])),
        ("panic=-1", (False, ["panic"])),
        ("panic=10 softlockup_panic=1", (False, ["panic", "softlockup_panic"])),
        ("panic=10 panic=0 softlockup_panic=1 hung_task_panic=1", (False, [])),
        ("kho=on", (False, [])),
        ("-- " + PANICS, (False, [])),
    ],
)
def test_the_kernel(line, says):
    assert phase("kernel", line=line) == says


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        ({}, ["guard"]),
        ({"runtime_usec": 30_000_000}, ["guard", "watchdog"]),
        ({"runtime_usec": 30_000_000, "present": False}, ["guard"]),
        ({"runtime_usec": None}, ["guard"]),
    ],
)
def test_the_confirmation(changes, by):
    assert phase("confirmation", watchdog(**changes)) == (True, by)


def test_programs_end_in_time(host, monkeypatch):
    waits = []
    monkeypatch.setattr(host, "run", lambda _argv, timeout: waits.append(timeout) or Completed(1, "", ""))
    observe_watchdog(host)
    set_kexec_watchdog(host, 0)
    assert all(0 < wait <= 30 for wait in waits)
    assert len(waits) == 3
