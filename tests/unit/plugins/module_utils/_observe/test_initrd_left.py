# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for _observe/initrd_left.py"""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe.initrd_left import EFI, JOURNAL_ARGV, initrd_left
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import journal_entry, kmsg

START = "Linux version 7.3.4-kho (lab@lab)"
INIT = "Run /sbin/init as init process"
TABLES = "efi: SMBIOS=0x3fbcd000 ACPI 2.0=0x3fb7d014 MEMATTR=0x3e98c018 INITRD=0x3e98a518 RNG=0x3fb4c018 "


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path).add(EFI + "/fw_platform_size", "64\n")


@pytest.mark.parametrize("line", [TABLES, "efi: INITRD=0x3e98a518"])
def test_the_kernel_names_the_table(host, line):
    assert initrd_left(host.add("/dev/kmsg", kmsg(START, line, INIT)))


@pytest.mark.parametrize(
    "lines",
    [
        (START, "efi: SMBIOS=0x3fbcd000 RNG=0x3fb4c018 ", INIT),
        (START, "efi: NOINITRD=0x3e98a518", INIT),
        (START, INIT, TABLES),
        (START, "usb 1-1: Product: efi: INITRD=0x3e98a518", INIT),
    ],
)
def test_it_names_none(host, lines):
    assert not initrd_left(host.add("/dev/kmsg", kmsg(*lines)).expect_run(JOURNAL_ARGV))


def test_the_journal_knows_what_the_ring_buffer_has_lost(host):
    entries = "\n".join(map(journal_entry, (START, TABLES, INIT)))
    assert initrd_left(
        host.add("/dev/kmsg", kmsg("usb 1-1: new device", first=900)).expect_run(JOURNAL_ARGV, stdout=entries)
    )


def test_nothing_is_known_without_either(host):
    assert not initrd_left(host.deny("/dev/kmsg").expect_missing(JOURNAL_ARGV))


def test_a_host_without_efi_is_not_asked(tmp_path):
    assert not initrd_left(FakeRoot(tmp_path))
