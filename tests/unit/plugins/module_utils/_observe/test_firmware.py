# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._observe.firmware import FWUPD_HISTORY, pending_firmware
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

DEVICE = "e2b4c6d8-1122-3344-5566-778899aabbcc"
VARIABLE = "/sys/firmware/efi/efivars/fwupd-" + DEVICE + "-0-0abba7dc-e516-4167-bbf5-4d9d1c739416"
HISTORY = ["fwupdmgr", "get-history", "--json"]


def update(status):
    return struct.pack("<4xI16sIQ16sI", 7, uuid.UUID(DEVICE).bytes_le, 0, 0, bytes(16), status)


@pytest.mark.parametrize(("status", "pending"), [(1, True), (2, False), (0, False)])
def test_what_fwupd_leaves_for_its_program(tmp_path, status, pending):
    host = FakeRoot(tmp_path).add(VARIABLE, update(status) + b"device path")
    assert pending_firmware(host) == ((f"firmware of {DEVICE}",) if pending else ())
    entry = "/sys/firmware/efi/esrt/entries/entry0/"
    host.add(entry + "fw_class", DEVICE + "\n").add(entry + "fw_type", "1\n")
    assert pending_firmware(host) == ((f"the system's firmware ({DEVICE})",) if pending else ())


def test_a_variable_that_is_too_short(tmp_path):
    assert pending_firmware(FakeRoot(tmp_path).add(VARIABLE, update(1)[:50])) == ()


def test_capsules(tmp_path):
    host = FakeRoot(tmp_path).add("/boot/efi/EFI/UpdateCapsule/bios.cap", b"")
    assert pending_firmware(host) == ("the capsule bios.cap",)


@pytest.mark.parametrize("state", [1, 4, "pending", "needs-reboot"])
def test_the_history_of_fwupd(tmp_path, state):
    told = {
        "Devices": [
            {"Name": "UEFI dbx", "UpdateState": state, "Releases": [{"Version": "217"}]},
            {"Name": "System Firmware", "UpdateState": 2},
            {"Name": "Dock", "UpdateState": state, "Releases": []},
        ]
    }
    host = FakeRoot(tmp_path).add(FWUPD_HISTORY, b"").expect_run(HISTORY, stdout=json.dumps(told))
    assert pending_firmware(host) == ("UEFI dbx 217", "Dock")


@pytest.mark.parametrize("ending", [{"rc": 2}, {"stdout": "text"}, {"stdout": "[]"}])
def test_a_history_that_is_not_told(tmp_path, ending):
    assert pending_firmware(FakeRoot(tmp_path).add(FWUPD_HISTORY, b"").expect_run(HISTORY, **ending)) == ()


KEYS = st.sampled_from(["Devices", "Name", "UpdateState", "Releases", "Version"])
TOLD = st.recursive(
    st.none() | st.integers() | st.text(max_size=3), lambda one: st.lists(one) | st.dictionaries(KEYS, one)
)


@given(TOLD)
def test_whatever_fwupd_says(tmp_path_factory, told):
    host = FakeRoot(tmp_path_factory.mktemp("host")).add(FWUPD_HISTORY, b"")
    host.expect_run(HISTORY, stdout=json.dumps(told))
    assert all(name.isprintable() for name in pending_firmware(host))


def test_a_host_that_has_fwupd_no_more(tmp_path):
    assert pending_firmware(FakeRoot(tmp_path).add(FWUPD_HISTORY, b"").expect_missing(HISTORY)) == ()


def test_this_machine():
    assert all(isinstance(name, str) for name in pending_firmware(LocalHost()))
