# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fakes promise to the tests that rely on them."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.hosts import handed_over
from ansible_collections.kho.kexec.tests.unit.support.kernels import kho_files, kmsg, metadata, x86_host
from ansible_collections.kho.kexec.tests.unit.support.recorder import Recorder
from ansible_collections.kho.kexec.tests.unit.support.recording import record, replay

LOG = kmsg("Linux version 7.3.4", "KHO: exec from: 7.2.13 (count 2)", "Run /init as init process")


def test_a_recorded_host_plays_back_the_same(tmp_path):
    host = x86_host(FakeRoot(tmp_path / "host"), loader=208, setup_data=[0x9, 0xA], log=LOG)
    kho_files(host, {"kexec-metadata": metadata(b"7.2.13", 2)}, {"kexec-metadata": metadata(b"7.3.4", 3)})
    recorder = Recorder(host, tmp_path / "tree")
    seen = observe_running(recorder)
    assert seen.boot == "handover"
    assert observe_running(FakeRoot(tmp_path / "tree")) == seen


def test_programs_are_recorded_beside_the_tree(tmp_path):
    host = FakeRoot(tmp_path / "host").expect_run(["kexec", "-u"], stdout="done")
    recorder = Recorder(host, tmp_path / "tree")
    done = recorder.run(["kexec", "-u"])
    assert recorder.runs == [(("kexec", "-u"), done)]


def test_a_program_that_nobody_expected_fails_the_test(tmp_path):
    with pytest.raises(AssertionError, match="unexpected program"):
        FakeRoot(tmp_path).run(["kexec", "-u"])


def test_another_program_than_expected_fails_the_test(tmp_path):
    with pytest.raises(AssertionError, match="expected program"):
        FakeRoot(tmp_path).expect_run(["kexec", "-u"]).run(["kexec", "-e"])


def test_a_program_that_was_not_run_fails_the_test(tmp_path):
    with pytest.raises(AssertionError, match="not run"):
        FakeRoot(tmp_path).expect_run(["kexec", "-u"]).assert_nothing_left()


def test_denied_paths(tmp_path):
    host = FakeRoot(tmp_path).add("/a/b/c", "x").deny("/a/b")
    assert host.listdir("/a") == ["b"]
    assert host.exists("/a/b")
    assert not host.exists("/a/b/c")
    for call in (host.read_bytes, host.listdir, host.owner_and_mode, host.resolve):
        with pytest.raises(HostError, match="may not be accessed"):
            call("/a/b/c")


def test_writing_and_removing(tmp_path):
    host = FakeRoot(tmp_path)
    host.write_atomically("/var/lib/x/file", b"data")
    assert host.read_bytes("/var/lib/x/file") == b"data"
    assert (host.owner_and_mode("/var/lib/x").mode, host.owner_and_mode("/var/lib/x/file").mode) == (0o700, 0o600)
    host.remove("/var/lib/x/file")
    host.remove("/var/lib/x/file")
    assert host.listdir("/var/lib/x") == []


def test_owners_and_links(tmp_path):
    host = FakeRoot(tmp_path).add("/boot/vmlinuz-1", mode=0o664).link("/vmlinuz", "/boot/vmlinuz-1")
    assert host.resolve("/vmlinuz") == "/boot/vmlinuz-1"
    assert (host.owner_and_mode("/vmlinuz").uid, host.owner_and_mode("/vmlinuz").mode) == (0, 0o664)
    assert host.own("/boot/vmlinuz-1", 1000, 1000).owner_and_mode("/boot/vmlinuz-1").uid == 1000


def test_piping(tmp_path):
    host = FakeRoot(tmp_path).expect_pipe(["cat"], b"x" * 2500).expect_pipe(["cat"], b"half", error="broken")
    recorder = Recorder(host, tmp_path / "tree")
    assert [len(piece) for piece in recorder.pipe(["cat"], b"in")] == [1000, 1000, 500]
    pieces = recorder.pipe(["cat"], memoryview(b"again"))
    assert next(pieces) == b"half"
    with pytest.raises(HostError, match="broken"):
        next(pieces)
    assert host.piped == [b"in", b"again"]
    host.assert_nothing_left()


def test_a_program_is_run_or_piped_through_as_expected(tmp_path):
    with pytest.raises(AssertionError, match="not expected to be piped"):
        list(FakeRoot(tmp_path).expect_run(["cat"]).pipe(["cat"], b""))
    with pytest.raises(AssertionError, match="expected to be piped"):
        FakeRoot(tmp_path).expect_pipe(["cat"], b"").run(["cat"])


def test_identity(tmp_path):
    host = FakeRoot(tmp_path).add("/boot/x", b"12").link("/x", "/boot/x")
    recorder = Recorder(host, tmp_path / "tree")
    assert recorder.identity("/x") == host.identity("/boot/x")
    assert host.identity("/x").size == 2
    with pytest.raises(HostError, match="does not exist"):
        host.identity("/boot/y")


def test_a_recording_is_the_host_again(tmp_path):
    host = handed_over(FakeRoot(tmp_path / "host"), LOG)
    recording = record(host)
    replayed = replay(json.loads(json.dumps(recording)), tmp_path / "again")
    assert observe_running(replayed).as_facts() == recording["facts"] == observe_running(host).as_facts()


def test_what_is_denied_stays_denied_in_a_recording(tmp_path):
    host = handed_over(FakeRoot(tmp_path / "host"), LOG).deny("/sys/kernel/debug")
    recording = record(host)
    assert recording["denied"] == ["/sys/kernel/debug/kho"]
    assert "root_missing" in [note["code"] for note in recording["facts"]["notes"]]
    assert observe_running(replay(recording, tmp_path / "again")).as_facts() == recording["facts"]
