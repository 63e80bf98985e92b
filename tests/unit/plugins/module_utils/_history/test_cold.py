# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running kernel complained about after cold boots."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.compare import OwnComplaints
from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import ColdBoots
from ansible_collections.kho.kexec.plugins.module_utils._history.cold import (
    RELEASE,
    complaints_after_cold_boots,
    own_complaints,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support import journals
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.journals import INIT, expect_journal, kernel

START = journals.start("7.3.4-kho")
EXEC = "KHO: exec from: 7.2.13-kho (count 1)"
COLD, AFTER_KEXEC = "ACPI Error: Aborting method (20250404/psparse-529)", "DMAR: DRHD: handling fault status reg 2"
ERROR = ("acpi_error", "ACPI Error: Aborting method (#/psparse-#)")
GOODBYES = journals.goodbye(1, "reboot.target") + journals.goodbye(2, "kexec.target")


@pytest.fixture
def host(tmp_path):
    host = FakeRoot(tmp_path).add(RELEASE, "7.3.4-kho\n")
    return host.add(BOOT_ID, "00000000-0000-0000-0000-000000000009\n")


def with_journal(host, *said, goodbyes=GOODBYES):
    expect_journal(host, range(1, len(said) + 1), goodbyes, [line for lines in said for line in lines])
    return host


def told(host, *said, **how):
    return complaints_after_cold_boots(with_journal(host, *said, **how))


def test_those_of_cold_boots_of_this_release(host):
    found = told(host, kernel(1, START, INIT), kernel(2, START, INIT, COLD), kernel(3, START, EXEC, INIT, AFTER_KEXEC))
    assert found == OwnComplaints({ERROR: ColdBoots(1, 1, of_fleet=False)}, complete=True)


def test_each_cold_boot_counts_once(host):
    said = [kernel(number, START, INIT, COLD, COLD) for number in (2, 3)]
    goodbyes = [line for number in (1, 2, 3) for line in journals.goodbye(number, "reboot.target")]
    found = told(host, kernel(1, START, INIT), *said, kernel(4, START, INIT), goodbyes=goodbyes)
    assert found.told == {ERROR: ColdBoots(2, 1, of_fleet=False)}


def of_fleet(code, signature, release="7.3.4-kho", boots=31, hosts=7):
    return {"release": release, "code": code, "signature": signature, "boots": boots, "hosts": hosts}


def test_what_the_fleet_and_the_host_know(host):
    fleet = [of_fleet(*ERROR), of_fleet("iommu_fault", "DMAR"), of_fleet("firmware_bug", "bug", "7.9.9")]
    said, numbers = (kernel(1, START, INIT), kernel(2, START, INIT, COLD)), ColdBoots(31, 7, of_fleet=True)
    known = own_complaints(with_journal(host, *said), fleet)
    assert known == OwnComplaints({ERROR: numbers, ("iommu_fault", "DMAR"): numbers}, complete=True)
    alone = own_complaints(with_journal(host, *said), [])
    assert alone == OwnComplaints({ERROR: ColdBoots(1, 1, of_fleet=False)}, complete=True)


def test_the_fleet_knows_what_a_new_kernel_says_that_this_host_has_never_cold_booted(host):
    said = (kernel(1, START, INIT), kernel(2, START, EXEC, INIT))
    known = own_complaints(with_journal(host, *said), [of_fleet(*ERROR)])
    assert known == OwnComplaints({ERROR: ColdBoots(31, 7, of_fleet=True)}, complete=False)
    assert own_complaints(with_journal(host, *said), [of_fleet(*ERROR, "7.9.9")]) is None


def test_cold_boots_of_another_release_say_nothing(host):
    host.add(RELEASE, "7.9.9\n")
    assert told(host, kernel(1, START, INIT), kernel(2, START, INIT, COLD)) is None


def test_nothing_is_known_without_the_beginning_of_the_log(host):
    assert told(host, kernel(1, START, INIT), kernel(2, COLD)) is None


def test_the_running_boot_says_nothing_of_itself(host):
    host.add(BOOT_ID, "00000000-0000-0000-0000-000000000002\n")
    assert told(host, kernel(1, START, INIT), kernel(2, START, INIT, COLD)) is None


def test_a_cold_boot_without_complaints(host):
    assert told(host, kernel(1, START, INIT), kernel(2, START, INIT)) == OwnComplaints({}, complete=True)
