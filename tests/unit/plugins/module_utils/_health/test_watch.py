# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import BASELINE_PATH, save_baseline
from ansible_collections.kho.kexec.plugins.module_utils._health.compare import OwnComplaints
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import FAILED_UNITS_ARGV
from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import TROUBLES, ColdBoots
from ansible_collections.kho.kexec.plugins.module_utils._health.watch import (
    MAY_COME,
    Baseline,
    Checks,
    Clock,
    check_health,
    staged_baseline,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.health import WARNING, health, healthy_host
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, kmsg

OPERSTATE = "/sys/class/net/eth0/operstate"


class ProgramHost(FakeRoot):
    """Every program may run at any time and succeeds, unless ``endings`` has another ending for it."""

    def __init__(self, root):
        super().__init__(root)
        self.ran = []
        self.endings = {}

    def run(self, argv, timeout=60.0):
        self.ran.append((list(argv), timeout))
        ending = self.endings.get(argv[0], Completed(0, "", ""))
        if isinstance(ending, HostError):
            raise ending
        return ending


class ScriptedClock:
    """A clock that waits in no time, and lets something happen to the host at given seconds."""

    def __init__(self, **happens):
        self.time = 100.0
        self.happens = {int(second[1:]): what for second, what in happens.items()}

    def now(self):
        return self.time

    def sleep(self, seconds):
        assert 0 < seconds <= 5
        self.time += seconds
        for second in [second for second in self.happens if second <= self.time - 100]:
            self.happens.pop(second)()


@pytest.fixture
def host(tmp_path):
    return healthy_host(ProgramHost(tmp_path))


def watched(host, checks, before=None, **happens):
    clock = ScriptedClock(**happens)
    outcome = check_health(host, before or health(), checks, Clock(clock.now, clock.sleep))
    return outcome.watched, [found.note.code for found in outcome.comparison.troubles]


def test_one_look_is_enough_without_soak(host):
    assert watched(host, Checks()) == (0, [])
    assert [argv for argv, _timeout in host.ran] == [list(FAILED_UNITS_ARGV)]


def test_a_healthy_host_is_watched_to_the_end(host):
    assert watched(host, Checks(soak=12)) == (12, [])


def test_the_first_new_trouble_ends_it(host):
    warn = {"_7": lambda: healthy_log(host)}
    assert watched(host, Checks(soak=60), **warn) == (10, ["kernel_warning"])


def healthy_log(host):
    host.add("/dev/kmsg", kmsg("Linux version 7.3.4", WARNING.line))


def test_an_old_trouble_does_not_end_it(host):
    healthy_log(host)
    assert watched(host, Checks(soak=10), before=health(complaints=(WARNING,))) == (10, ["kernel_warning"])


BUG = "[Firmware Bug]: TSC_DEADLINE disabled"


@pytest.mark.parametrize(
    ("known", "ended", "healthy"),
    [
        (None, 0, False),
        (OwnComplaints({}, complete=True), 0, False),
        (OwnComplaints({("firmware_bug", BUG): ColdBoots(3, 2, of_fleet=True)}, complete=True), 10, True),
    ],
    ids=["nobody knows", "not after cold boots", "its own"],
)
def test_what_a_kernel_says_at_each_boot_ends_nothing(host, known, ended, healthy):
    host.add("/dev/kmsg", kmsg("Linux version 7.3.4", BUG))
    asked = []
    clock = ScriptedClock()
    times = Clock(clock.now, clock.sleep)
    outcome = check_health(host, health(), Checks(soak=10), times, own=lambda: asked.append(1) or known)
    assert (outcome.watched, outcome.comparison.healthy, asked) == (ended, healthy, [1])
    assert [found.note.code for found in outcome.comparison.troubles] == ["firmware_bug"]


def test_nobody_is_asked_about_a_healthy_host_or_a_lost_link(host):
    host.add(OPERSTATE, "down\n")
    asked = []
    check_health(host, health(), Checks(), own=lambda: asked.append(1))
    assert asked == []


def test_what_is_ignored_does_not_end_it(host):
    healthy_log(host)
    assert watched(host, Checks(soak=10, ignored=("kernel_warning",))) == (10, [])


def test_a_link_that_comes_up_late_is_no_trouble(host):
    host.add(OPERSTATE, "down\n")
    assert watched(host, Checks(settle=30), _8=lambda: host.add(OPERSTATE, "up\n")) == (10, [])


def test_a_link_that_stays_down_is_one_when_it_had_its_time(host):
    host.add(OPERSTATE, "down\n")
    assert watched(host, Checks(settle=12, soak=600)) == (12, ["link_down"])


def test_what_cannot_get_better_is_not_waited_for(host):
    host.add(OPERSTATE, "down\n")
    host.add("/sys/devices/system/cpu/online", "0\n")
    assert watched(host, Checks(settle=30)) == (0, ["link_down", "cpus_lost"])


def test_what_may_come_is_a_trouble():
    assert set(TROUBLES) > MAY_COME


@pytest.mark.parametrize(
    ("ending", "shown"),
    [
        ({"check": (2, "out\n", "first\nlast\n")}, "check it: exit code 2, last"),
        ({"check": (1, "out\n", "")}, "check it: exit code 1, out"),
        ({"check": (-9, "", "")}, "check it: exit code -9"),
        (
            {"check": HostError("check", "failed", "not finished after 5 s")},
            "check it: check could not be used (not finished after",
        ),
    ],
)
def test_commands_that_fail(host, ending, shown):
    host.endings = {name: Completed(*how) if isinstance(how, tuple) else how for name, how in ending.items()}
    outcome = check_health(host, health(), Checks(commands=(("true",), ("check", "it")), command_timeout=7))
    (found,) = outcome.comparison.troubles
    assert (found.note.code, found.new, outcome.comparison.healthy) == ("command_failed", True, False)
    assert found.evidence.startswith(shown)
    assert host.ran[1:] == [(["true"], 7), (["check", "it"], 7)]


def test_commands_can_be_ignored_as_well(host):
    host.endings = {"check": HostError("check", "absent")}
    assert watched(host, Checks(commands=(("check",),), ignored=("command_failed",))) == (0, [])


def test_the_baseline_of_another_boot(host):
    save_baseline(host, health(), "9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11")
    assert staged_baseline(host) == Baseline("9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11", health())


def test_the_baseline_of_this_boot_is_used_and_said(host):
    save_baseline(host, health(), BOOT_ID)
    baseline = staged_baseline(host)
    assert (baseline.boot_id, [note.code for note in baseline.notes]) == (BOOT_ID, ["baseline_of_this_boot"])


def test_no_baseline(host):
    assert staged_baseline(host) == Baseline(None, None)


def test_a_broken_baseline(host):
    with pytest.raises(Refusal):
        staged_baseline(host.add(BASELINE_PATH, "broken"))
