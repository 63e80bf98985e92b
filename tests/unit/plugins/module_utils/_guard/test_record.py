# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written down of a guard, and how it is read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.record import (
    ENDED_PATH,
    RECORD_PATH,
    GuardRecord,
    read_guard,
    write_guard,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import CREATED, LATER_BOOT_ID, NEW, OLD

RECORD = GuardRecord("armed", BOOT_ID, OLD, 300, CREATED, 60_000_000, 0)
STORED = {
    "schema": 1,
    "armed_boot_id": BOOT_ID,
    "left_release": OLD,
    "confirm_timeout": 300,
    "created": CREATED,
    "watchdog_usec": None,
    "watchdog_before_usec": None,
}


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def ended(state, armed_boot_id=BOOT_ID):
    return f"{armed_boot_id}\n{state}\n{LATER_BOOT_ID}\n{NEW}\n{CREATED}\n"


def test_none(host):
    assert read_guard(host) is None
    host.add(ENDED_PATH, ended("fired"))
    assert read_guard(host) is None


@pytest.mark.parametrize("record", [RECORD, replace(RECORD, watchdog_usec=None, watchdog_before_usec=None)])
def test_armed(host, record):
    write_guard(host, record)
    assert host.owner_and_mode(RECORD_PATH).mode == 0o600
    assert read_guard(host) == record
    assert record.is_armed_in(BOOT_ID)
    assert not record.is_armed_in(LATER_BOOT_ID)


def test_fired(host):
    write_guard(host, RECORD)
    host.add(ENDED_PATH, ended("fired"))
    fired = replace(RECORD, state="fired", fired_boot_id=LATER_BOOT_ID, fired_release=NEW, fired_at=CREATED)
    assert read_guard(host) == fired
    assert not fired.is_armed_in(BOOT_ID)


def test_spent(host):
    write_guard(host, RECORD)
    host.add(ENDED_PATH, ended("spent"))
    assert read_guard(host) == replace(RECORD, state="spent")


def test_the_end_of_an_earlier_guard_is_not_that_of_this_one(host):
    write_guard(host, RECORD)
    host.add(ENDED_PATH, ended("fired", armed_boot_id=LATER_BOOT_ID))
    assert read_guard(host) == RECORD


def test_what_is_shown_is_harmless():
    assert replace(RECORD, left_release="{{ 1 }}\n").as_dict()["left_release"] == "?{ 1 }}?"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 5000,
        json.dumps({**STORED, "schema": 2}),
        json.dumps({**STORED, "more": 1}),
        json.dumps({**STORED, "confirm_timeout": "300"}),
        json.dumps({**STORED, "confirm_timeout": True}),
        json.dumps({**STORED, "left_release": None}),
        json.dumps({key: value for key, value in STORED.items() if key != "created"}),
        json.dumps(STORED) + " " * (1 << 15),
    ],
)
def test_a_record_that_is_none_is_an_error(host, text):
    host.add(RECORD_PATH, text)
    with pytest.raises(KhoError) as caught:
        read_guard(host)
    assert caught.value.code == "guard_unreadable"


@pytest.mark.parametrize("text", ["", ended("lost"), ended("fired") + "more", ended("fired")[:-1], "\0" * 100])
def test_an_end_that_is_none_is_an_error(host, text):
    write_guard(host, RECORD)
    host.add(ENDED_PATH, text)
    with pytest.raises(KhoError) as caught:
        read_guard(host)
    assert caught.value.code == "guard_unreadable"
    assert ENDED_PATH in caught.value.message


def test_a_record_that_may_not_be_read_is_an_error(host):
    write_guard(host, RECORD)
    with pytest.raises(KhoError) as caught:
        read_guard(host.deny(RECORD_PATH))
    assert caught.value.code == "guard_unreadable"
