# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disarming: before the jump, in the new boot, and too late."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import places
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import ENDED_PATH, RECORD_PATH, read_guard
from ansible_collections.kho.kexec.tests.unit.support.guards import armed, boot, code, codes, disarmed, files
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    CREATED,
    LATER_BOOT_ID,
    NEW,
    OLD,
)

ETC, LOCAL = places()

LATER = "2026-11-22T16:00:00Z"

STOP = "systemctl stop kho-kexec-guard.timer kho-kexec-guard.service"


def end(host, state="fired", release=NEW):
    """What the guard's program leaves."""
    for path in ETC.all:
        host._real(path).unlink(missing_ok=True)
    host.add(ENDED_PATH, f"{BOOT_ID}\n{state}\n{LATER_BOOT_ID}\n{release}\n{CREATED}\n")


def test_disarmed_before_the_jump(host):
    host.kexec_usec = 7
    armed(host)
    result = disarmed(host)
    assert (result["changed"], result["armed"], result["guard"], result["notes"]) == (True, False, None, [])
    assert host.changes[0] == f"remove {ETC.token}"
    assert {STOP, "systemctl daemon-reload"} <= set(host.changes)
    assert (files(host), read_guard(host), host.kexec_usec) == ([], None, 7)


def test_nothing_to_disarm(host):
    assert (disarmed(host)["changed"], host.changes) == (False, [])


def test_confirmed_in_the_new_boot(host):
    armed(host)
    result = disarmed(boot(host))
    assert (result["changed"], files(host), read_guard(host)) == (True, [], None)
    assert not any(step.startswith("busctl set") for step in host.steps)
    assert not disarmed(host)["changed"]


def test_too_late(host):
    """The guard has taken the token, and its record may or may not be written yet."""
    armed(host)
    boot(host)
    host.remove(ETC.token)
    host.firing = True
    assert code(disarmed, host) == "guard_fired"
    assert STOP not in host.steps
    end(host)
    assert code(disarmed, host) == "guard_fired"
    assert code(disarmed, host, check_mode=True) == "guard_fired"
    assert code(armed, host) == "guard_fired"
    assert STOP not in host.steps


def test_the_guard_that_finds_no_token_is_no_obstacle(host):
    armed(host)
    boot(host)
    host.firing = True
    assert disarmed(host)["changed"]
    assert files(host) == []


@pytest.mark.parametrize(("state", "said"), [("fired", ["guard_has_fired"]), ("spent", [])])
def test_how_the_last_guard_ended_is_kept_until_the_next(host, state, said):
    armed(host)
    end(host, state)
    boot(host, OLD, "00000000-0000-0000-0000-000000000000")
    for _time in range(2):
        result = disarmed(host)
        assert (result["changed"], result["guard"]["state"], codes(result)) == (False, state, said)
    again = armed(host, now=LATER)
    assert (again["guard"]["state"], again["guard"]["created"], host.exists(ENDED_PATH)) == ("armed", LATER, False)


def test_killed_while_disarming(host):
    clean = host.snapshot()
    armed(host)
    disarmed(host)
    for last in range(1, len(host.steps) + 1):
        armed(host)
        host.kill_before = last
        with pytest.raises(Killed):
            disarmed(host)
        assert last == 1 or not host.exists(ETC.token)
        disarmed(host)
        assert (host.snapshot(), host.kexec_usec) == (clean, 0)
        assert not disarmed(host)["changed"]


def test_files_without_a_record(host):
    armed(host)
    host.remove(RECORD_PATH)
    assert disarmed(boot(host))["changed"]
    assert files(host) == []
