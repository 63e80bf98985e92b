# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which targets have failed on a host."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import (
    FAILURES_PATH,
    Failure,
    forget_failures,
    read_failures,
    remember_failure,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

FAILED = Failure("7.3.4", "1:2:3", "rolled_back", "2026-11-22T15:00:00Z")


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_failures_are_kept_and_forgotten_by_release(host):
    assert read_failures(host) == ()
    remember_failure(host, FAILED)
    remember_failure(host, Failure("7.3.5", "", "unhealthy", "2026-11-23T15:00:00Z"))
    remember_failure(host, Failure("7.3.4", "1:2:4", "unhealthy", "2026-11-24T15:00:00Z"))
    assert [(one.release, one.fingerprint) for one in read_failures(host)] == [("7.3.5", ""), ("7.3.4", "1:2:4")]
    forget_failures(host, "7.3.5")
    assert [one.release for one in read_failures(host)] == ["7.3.4"]


def test_the_list_stays_short(host):
    for number in range(30):
        remember_failure(host, Failure(f"7.3.{number}", "", "rolled_back", ""))
    assert [one.release for one in read_failures(host)][::19] == ["7.3.10", "7.3.29"]


def test_a_kernel_that_was_built_anew_has_not_failed():
    assert FAILED.is_of("7.3.4", "1:2:3")
    assert not FAILED.is_of("7.3.4", "1:2:9")
    assert not FAILED.is_of("7.3.5", "1:2:3")
    assert Failure("7.3.4", "", "rolled_back", "").is_of("7.3.4", "1:2:9")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"release": "x"}]', "[" * 60000])
def test_what_cannot_be_understood_stops_the_host(host, content):
    host.add(FAILURES_PATH, content)
    with pytest.raises(Refusal) as caught:
        read_failures(host)
    assert caught.value.code == "failures_unreadable"
    with pytest.raises(Refusal):
        remember_failure(host, FAILED)


def test_a_list_that_may_not_be_read_stops_the_host(host):
    host.add(FAILURES_PATH, "[]").deny(FAILURES_PATH)
    with pytest.raises(Refusal, match="may not be accessed"):
        read_failures(host)
