# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running kernel complained about after cold boots."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.cold import RELEASE, complaints_after_cold_boots
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support import journals
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.journals import INIT, expect_journal, kernel

START = journals.start("7.3.4-kho")
EXEC = "KHO: exec from: 7.2.13-kho (count 1)"
COLD, AFTER_KEXEC = "ACPI Error: Aborting method (20250404/psparse-529)", "DMAR: DRHD: handling fault status reg 2"
GOODBYES = journals.goodbye(1, "reboot.target") + journals.goodbye(2, "kexec.target")


@pytest.fixture
def host(tmp_path):
    host = FakeRoot(tmp_path).add(RELEASE, "7.3.4-kho\n")
    return host.add(BOOT_ID, "00000000-0000-0000-0000-000000000009\n")


def told(host, *said):
    expect_journal(host, range(1, len(said) + 1), GOODBYES, [line for lines in said for line in lines])
    return complaints_after_cold_boots(host)


def test_those_of_cold_boots_of_this_release(host):
    found = told(host, kernel(1, START, INIT), kernel(2, START, INIT, COLD), kernel(3, START, EXEC, INIT, AFTER_KEXEC))
    assert found == {("acpi_error", "ACPI Error: Aborting method (#/psparse-#)")}


def test_cold_boots_of_another_release_say_nothing(host):
    host.add(RELEASE, "7.9.9\n")
    assert told(host, kernel(1, START, INIT), kernel(2, START, INIT, COLD)) is None


def test_nothing_is_known_without_the_beginning_of_the_log(host):
    assert told(host, kernel(1, START, INIT), kernel(2, COLD)) is None


def test_the_running_boot_says_nothing_of_itself(host):
    host.add(BOOT_ID, "00000000-0000-0000-0000-000000000002\n")
    assert told(host, kernel(1, START, INIT), kernel(2, START, INIT, COLD)) is None


def test_a_cold_boot_without_complaints(host):
    assert told(host, kernel(1, START, INIT), kernel(2, START, INIT)) == frozenset()
