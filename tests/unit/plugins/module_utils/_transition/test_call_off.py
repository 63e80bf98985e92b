# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking back the order to leave, and what stays of it."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._transition.call_off import TIMERS, UNITS, call_off
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

STOP = ["systemctl", "stop", *TIMERS]
STATE = ["systemctl", "is-system-running"]
LIST = ["systemctl", "list-units", "--all", "--plain", "--no-legend", *UNITS]


@pytest.fixture
def host(tmp_path):
    root = FakeRoot(tmp_path).add_directory("/run/systemd/system")
    yield root
    root.assert_nothing_left()


def test_nothing_is_left(host):
    host.expect_run(STOP).expect_run(STATE, 1, "degraded\n").expect_run(LIST)
    assert call_off(host) is None


def test_without_systemd_nothing_was_set_off(tmp_path):
    assert call_off(FakeRoot(tmp_path)) is None


def test_what_is_left_is_named(host):
    host.expect_run(STOP).expect_run(STATE).expect_run(LIST, 0, "kho-kexec-leave-7.service loaded active running x\n")
    note = call_off(host)
    assert note.code == "departure_pending"
    assert "kho-kexec-leave-7.service is there still" in note.message


def test_a_host_that_is_going_down_cannot_be_held(host):
    host.expect_run(STOP).expect_run(STATE, 1, "stopping\n")
    assert "going down already" in call_off(host).message
