# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe import boot_kind as boot_kind_file
from ansible_collections.kho.kexec.plugins.module_utils._observe.boot_kind import (
    BOOT_KINDS,
    Loader,
    StartEvidence,
    boot_kind,
    read_loader,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

ANY = (True, False, None)
EVERYTHING = [
    StartEvidence(capture, kexec, offered, accepted)
    for capture, kexec, offered, accepted in itertools.product((True, False), ANY, ANY, ANY)
]


@pytest.mark.parametrize("evidence", EVERYTHING)
def test_what_must_hold_for_every_evidence(evidence):
    boot = boot_kind(evidence)
    assert (boot == "kdump") == evidence.capture
    if boot == "handover":
        assert evidence.accepted is True
    if boot == "cold":
        assert evidence.kexec is False
        assert not evidence.offered
        assert not evidence.accepted
    if boot == "kexec":
        assert evidence.kexec or evidence.offered
        assert not evidence.accepted


def test_every_row_decides_something(monkeypatch):
    before = [boot_kind(evidence) for evidence in EVERYTHING]
    for row in BOOT_KINDS:
        if row[-1] == "unknown":  # says only what would come out anyway, to explain it
            continue
        monkeypatch.setattr(boot_kind_file, "BOOT_KINDS", tuple(other for other in BOOT_KINDS if other != row))
        assert [boot_kind(evidence) for evidence in EVERYTHING] != before, row


def test_nothing_is_known_without_evidence():
    assert boot_kind(StartEvidence(capture=False, kexec=None, offered=None, accepted=None)) == "unknown"


def x86(host, loader, *setup_data):
    host.add("/proc/sys/kernel/bootloader_type", f"{loader}\n").add_directory("/sys/kernel/boot_params")
    for number, kind in enumerate(setup_data):
        host.add(f"/sys/kernel/boot_params/setup_data/{number}/type", kind)
    return host


@pytest.mark.parametrize(
    ("loader", "setup_data", "kexec", "offered"),
    [
        (176, (), False, False),  # QEMU
        (114, (), False, False),  # GRUB 2
        (33, (), False, False),  # the kernel's own EFI stub
        (208, (), True, False),
        (208, ("0x9", "0xa"), True, True),
        (0, (), None, False),
        (255, (), None, False),
        (255, ("0x4",), True, False),
        (255, ("0xa",), True, True),
        ("{{ x }}", ("{{ x }}",), None, False),
    ],
)
def test_x86(tmp_path, loader, setup_data, kexec, offered):
    host = x86(FakeRoot(tmp_path), loader, *setup_data)
    assert read_loader(host) == Loader(capture=False, kexec=kexec, offered=offered)


@pytest.mark.parametrize(
    ("chosen", "kexec", "offered"),
    [
        (["bootargs"], None, False),
        (["bootargs", "linux,booted-from-kexec"], True, False),
        (["linux,booted-from-kexec", "linux,kho-fdt"], True, True),
    ],
)
def test_arm64(tmp_path, chosen, kexec, offered):
    host = FakeRoot(tmp_path)
    for name in chosen:
        host.add("/proc/device-tree/chosen/" + name)
    assert read_loader(host) == Loader(capture=False, kexec=kexec, offered=offered)


def test_capture_kernel(tmp_path):
    assert read_loader(x86(FakeRoot(tmp_path), 208).add("/proc/vmcore")).capture


def test_nothing_is_known(tmp_path):
    assert read_loader(FakeRoot(tmp_path)) == Loader(capture=False, kexec=None, offered=None)


def test_setup_data_that_may_not_be_read(tmp_path):
    host = x86(FakeRoot(tmp_path), 208, "0xa").deny("/sys/kernel/boot_params/setup_data")
    assert read_loader(host) == Loader(capture=False, kexec=True, offered=None)
