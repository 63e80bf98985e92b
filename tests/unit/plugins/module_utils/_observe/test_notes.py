# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the notes say when sources disagree, are damaged, or want to harm."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.hosts import (
    EXEC,
    FOUND,
    INIT,
    NOT_BUILT,
    START,
    handed_over,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import KHO, kmsg, metadata, x86_host


@pytest.fixture
def host(tmp_path):
    root = FakeRoot(tmp_path)
    yield root
    root.assert_nothing_left()


def codes(running):
    return [note.code for note in running.notes]


def test_log_and_debugfs_disagree(host):
    handed_over(host, kmsg(START, FOUND, "KHO: exec from: 6.6.6 (count 9)", INIT))
    running = observe_running(host)
    assert (running.previous_release, running.kexec_count, running.source) == ("7.2.13", 2, "debugfs")
    assert codes(running) == ["sources_disagree"]


def test_loader_disagrees(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT)).add("/proc/sys/kernel/bootloader_type", "114\n")
    (host.root / "sys/kernel/boot_params/setup_data/1/type").write_text("0x9\n")
    running = observe_running(host)
    assert (running.boot, codes(running)) == ("handover", ["loader_disagrees"])


@pytest.mark.parametrize("blob", [metadata(b"7.3.4", 9), metadata(b"6.6.6", 3)])
def test_outgoing_record_that_does_not_follow(host, blob):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT)).add(KHO + "/out/sub_fdts/kexec-metadata", blob)
    assert codes(observe_running(host)) == ["outgoing_record_unexpected"]


def test_count_goes_round(host):
    handed_over(host, kmsg(START, FOUND, INIT), count=0xFFFFFFFE)
    host.add(KHO + "/in/sub_fdts/kexec-metadata", metadata(b"7.2.13", 0xFFFFFFFF))
    host.add(KHO + "/out/sub_fdts/kexec-metadata", metadata(b"7.3.4", 0))
    running = observe_running(host)
    assert (running.kexec_count, codes(running)) == (0xFFFFFFFF, [])


def test_damaged_files_are_noted(host):
    handed_over(host, kmsg(START, FOUND, INIT))
    host.add(KHO + "/in/fdt", b"\xd0\r\xfe\xed" + b"\xff" * 100)
    host.add(KHO + "/in/sub_fdts/kexec-metadata", b"\1\0\0\0too short")
    host.add(KHO + "/out/scratch_len", "0x10\n{{ x }}\n")
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.abi, running.scratch_bytes) == ("handover", None, None, None)
    assert running.subtrees == ("LUO", "kexec-metadata")
    assert codes(running) == ["fdt_damaged", "metadata_damaged", "scratch_damaged"]


def test_lost_crashkernel(host):
    handed_over(host, kmsg(START, FOUND, "cannot allocate crashkernel (size:0xa000000)", EXEC, INIT))
    assert codes(observe_running(host)) == ["crashkernel_lost"]


def test_lockdown(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    host.add("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    host.deny(*(f"{KHO}/{name}" for name in ("in/fdt", "in/sub_fdts", "out/sub_fdts/LUO", "out/scratch_len")))
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.source) == ("handover", 2, "kernel_log")
    assert codes(running) == ["sources_disagree", "lockdown"]


def test_container(host):
    x86_host(host).add("/.dockerenv").add("/boot/config-7.3.4", NOT_BUILT)
    (host.root / "dev/kmsg").unlink()
    assert codes(observe_running(host)) == ["container", "running_without_kho"]


def test_hostile_previous_kernel(host):
    handed_over(host, kmsg(START, FOUND, INIT), release=b"{{ lookup('pipe','id') }}\x1b]0;x\x07\n" + b"x" * 40)
    host.add(KHO + "/in/sub_fdts/\x1b[2J", b"")
    running = observe_running(host)
    assert running.previous_release == "?{ lookup('pipe','id') }}?]0;x??" + "x" * 32
    assert all(note.message.isprintable() and note.message.isascii() for note in running.notes)
