# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arming and disarming, also when the module is killed or run again at any point, or the guard is faster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import MOUNTS, places
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import ENDED_PATH, RECORD_PATH, read_guard
from ansible_collections.kho.kexec.plugins.module_utils._guard.watchdog import DEVICE, STOP_ON_REBOOT
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import RECORD_PATH as TRANSITION_PATH
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import write_transition
from ansible_collections.kho.kexec.tests.unit.support.guarded_host import SYSTEMD
from ansible_collections.kho.kexec.tests.unit.support.guards import armed, boot, code, codes, disarmed, files
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    CREATED,
    LATER_BOOT_ID,
    NEW,
    OLD,
    transition,
)

ETC, LOCAL = places()

LATER = "2026-11-22T16:00:00Z"

STOP = "systemctl stop kho-kexec-guard.timer kho-kexec-guard.service"

SET = "busctl set-property org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"

SET_120, SET_0 = f"{SET} KExecWatchdogUSec t 120000000", f"{SET} KExecWatchdogUSec t 0"

WRITES = [f"write {path}" for path in (ETC.program, ETC.service, ETC.timer, ETC.token)]

ARMING = [f"write {RECORD_PATH}", f"remove {ENDED_PATH}", SET_120, *WRITES]


def test_armed(host):
    result = armed(host)
    assert (result["changed"], result["armed"], result["returns_to"], result["notes"]) == (True, True, OLD, [])
    assert host.changes == ARMING
    assert files(host) == list(ETC.all)
    assert host.kexec_usec == 120_000_000
    record = read_guard(host)
    assert (record.state, record.armed_boot_id, record.left_release) == ("armed", BOOT_ID, OLD)
    assert (record.confirm_timeout, record.created, record.watchdog_before_usec) == (300, CREATED, 0)
    assert result["guard"] == record.as_dict()
    assert result["diff"] == {"before": {}, "after": record.as_dict()}
    assert [(phase["phase"], phase["covered"]) for phase in result["phases"]] == [
        ("jump", True),
        ("kernel", None),
        ("confirmation", True),
    ]


def test_armed_twice(host):
    first = armed(host)
    before = host.snapshot()
    again = armed(host, now=LATER)
    assert (again["changed"], again["guard"], host.changes) == (False, first["guard"], [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert host.snapshot() == before


@pytest.mark.parametrize("call", [armed, disarmed])
def test_check_mode_changes_nothing(host, call):
    if call is disarmed:
        armed(host)
    before = host.snapshot()
    result = call(host, check_mode=True)
    assert (result["changed"], host.changes) == (True, [])
    assert host.snapshot() == before


def test_other_settings_arm_it_anew_and_keep_what_was_there_before(host):
    host.kexec_usec = 7
    armed(host)
    result = armed(host, now=LATER, confirm_timeout=600, watchdog_timeout=90)
    assert result["changed"]
    assert read_guard(host).created == CREATED
    assert (read_guard(host).watchdog_before_usec, host.kexec_usec) == (7, 90_000_000)
    assert "OnBootSec=600\n" in host.read_text(ETC.timer)
    armed(host, confirm_timeout=600, watchdog="ignore")
    assert (read_guard(host).watchdog_usec, host.kexec_usec) == (None, 7)


def test_a_guard_that_waits_is_not_replaced(host):
    armed(host)
    with pytest.raises(Refusal) as caught:
        armed(boot(host))
    assert caught.value.code == "guard_waiting"
    assert caught.value.findings["guard"]["left_release"] == OLD
    assert files(host) == list(ETC.all)


def test_one_that_would_be_spent_is_replaced_and_its_timer_stopped(host):
    armed(host)
    result = armed(boot(host, OLD), now=LATER)
    assert (result["guard"]["armed_boot_id"], result["guard"]["created"]) == (LATER_BOOT_ID, LATER)
    assert host.changes.index(STOP) < host.changes.index(WRITES[0])


@pytest.mark.parametrize("watchdog", ["prefer", "ignore"])
def test_killed_while_arming(host, watchdog):
    """Until the token is there, nothing can fire; run again, either way, all is as it should be."""
    armed(host, watchdog=watchdog)
    wanted, steps = host.snapshot(), len(host.steps)
    for last in range(1, steps + 1):
        for call, then in ((armed, wanted), (disarmed, None)):
            disarmed(host)
            clean = host.snapshot()
            host.kill_before = last
            with pytest.raises(Killed):
                armed(host, watchdog=watchdog)
            assert not host.exists(ETC.token)
            call(host, **({"watchdog": watchdog} if call is armed else {}))
            assert host.snapshot() == (then or clean)
            assert host.kexec_usec == (120_000_000 if then and watchdog == "prefer" else 0)


@pytest.mark.parametrize("path", [ETC.timer, ETC.service, ETC.program, ETC.token])
def test_files_that_were_tampered_with_are_repaired(host, path):
    armed(host)
    wanted = host.snapshot()
    host.add(path, "something else\n")
    assert armed(host)["changed"]
    assert host.snapshot() == wanted


@pytest.mark.parametrize("step", [*WRITES, f"write {RECORD_PATH}"])
def test_nothing_stays_when_a_file_cannot_be_written(host, step):
    clean = host.snapshot()
    host.endings[step] = HostError(step, "failed", "No space left on device")
    assert code(armed, host) == "host_failed"
    assert (host.snapshot(), host.kexec_usec) == (clean, 0)


def test_a_read_only_etc(host):
    host.add(MOUNTS, "/dev/vda2 / ext4 rw 0 0\nnone /etc ext4 ro 0 0\n")
    armed(host)
    assert files(host) == list(LOCAL.all)
    host.add(MOUNTS, "/dev/vda2 / ext4 rw 0 0\n")
    assert armed(host)["changed"]
    assert files(host) == list(ETC.all)


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda host: host.add(MOUNTS, "live / tmpfs rw 0 0\n"), "guard_not_persistent"),
        (lambda host: host._real(SYSTEMD).rmdir(), "systemd_missing"),
    ],
)
def test_a_host_that_can_have_no_guard(host, prepare, expected):
    prepare(host)
    before = host.snapshot()
    assert code(armed, host) == expected
    result = armed(host, required=False)
    assert (result["changed"], result["armed"], result["guard"], codes(result)) == (False, False, None, [expected])
    assert host.snapshot() == before
    assert not disarmed(host)["changed"]


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda host: host.add("/proc/self/status", "Uid:\t0\t1000\t0\t0\n"), "not_root"),
        (lambda host: host.add("/run/systemd/container", "lxc\n"), "container"),
        (lambda host: host.add("/proc/sys/kernel/osrelease", "7 2\n"), "running_unknown"),
        (lambda host: host.add("/proc/sys/kernel/random/boot_id", "\n"), "running_unknown"),
        (lambda host: host.add(RECORD_PATH, "{}"), "guard_unreadable"),
    ],
)
def test_refused_before_anything_is_changed(host, prepare, expected):
    prepare(host)
    before = host.snapshot()
    assert code(armed, host, required=False) == expected
    assert code(disarmed, host) == expected
    assert host.snapshot() == before


def test_a_transition_record_that_cannot_be_read_is_no_reason_for_half_a_guard(host):
    host.add(TRANSITION_PATH, "nonsense")
    assert code(armed, host) == "record_unreadable"
    assert (files(host), read_guard(host)) == ([], None)


@pytest.mark.parametrize(
    "settings",
    [{"confirm_timeout": 29}, {"confirm_timeout": 86401}, {"watchdog_timeout": 29}, {"watchdog_timeout": -1}],
)
def test_times_out_of_range(host, settings):
    assert code(armed, host, **settings) == "guard_timeout_invalid"
    assert files(host) == []


def test_the_ends_of_the_range(host):
    assert armed(host, confirm_timeout=30, watchdog_timeout=86400)["armed"]


@pytest.mark.parametrize(
    ("files_of_host", "expected"),
    [
        ({STOP_ON_REBOOT: "-1\n"}, "watchdog_stops_on_reboot"),
        ({DEVICE + "/identity": "Software Watchdog\n"}, "watchdog_missing"),
    ],
)
def test_a_watchdog_that_may_not_help(host, files_of_host, expected):
    for path, text in files_of_host.items():
        host.add(path, text)
    assert codes(armed(host)) == [expected]
    disarmed(host)
    assert code(armed, host, watchdog="require") == expected
    assert files(host) == []
    assert codes(armed(host, watchdog="ignore")) == []


def test_a_watchdog_that_cannot_be_set(host):
    host.endings[SET] = Completed(1, "", "Access denied\n")
    result = armed(host)
    assert (result["armed"], codes(result), result["phases"][0]["covered"]) == (True, ["watchdog_unsettable"], False)
    assert read_guard(host).watchdog_usec is None
    disarmed(host)
    assert code(armed, host, watchdog="require") == "watchdog_unsettable"
    assert (files(host), read_guard(host)) == ([], None)


@pytest.mark.parametrize(
    ("config", "returns_to", "expected"),
    [
        (None, None, "guard_return_unknown"),
        (NEW, NEW, "guard_returns_elsewhere"),
    ],
)
def test_where_it_does_not_lead_back(host, config, returns_to, expected):
    text = host.read_text("/boot/grub/grub.cfg").replace(OLD, config or "nothing")
    host.add("/boot/grub/grub.cfg", text)
    result = armed(host)
    assert (result["returns_to"], codes(result)) == (returns_to, [expected])


def test_another_entry_that_is_started_once(host):
    host.add("/boot/grub/grubenv", "# GRUB Environment Block\nnext_entry=memtest\n")
    assert codes(armed(host)) == ["boot_once_pending"]


def test_the_staged_command_line_decides_what_a_panic_does(host):
    write_transition(host, transition())
    assert armed(host)["phases"][1]["by"] == ["panic"]
    write_transition(
        host,
        replace(
            transition(), state="closed", verdict={"verdict": "x", "accepted": False, "reported": {"boot_id": None}}
        ),
    )
    assert armed(host)["phases"][1]["covered"] is None
