# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in the middle of something, seen by files of logind and by the real locks of a real process."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host import busy as subject
from ansible_collections.kho.kexec.plugins.module_utils._host.busy import busy, require_idle, wait_until_idle
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

HEAD = "# This is private data. Do not parse.\n"
LOCK = "/var/lib/dpkg/lock-frontend"


def inhibitor(what="shutdown:sleep", mode="block", who="fwupd", why="Firmware update in progress"):
    return f"{HEAD}WHAT={what}\nMODE={mode}\nUID=0\nPID=4711\nWHO={who}\nWHY={why}\nFIFO=/run/systemd/inhibit/7.ref\n"


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def codes(host):
    return [note.code for note in busy(host)]


def test_nobody(host):
    assert busy(host) == ()
    require_idle(host)


def test_an_inhibitor(host):
    host.add("/run/systemd/inhibit/7", inhibitor()).add("/run/systemd/inhibit/7.ref", "")
    assert codes(host) == ["shutdown_inhibited"]
    with pytest.raises(Refusal, match=r"fwupd \(process 4711\): Firmware update in progress") as caught:
        require_idle(host)
    assert caught.value.code == "shutdown_inhibited"


@pytest.mark.parametrize(
    "text",
    [
        inhibitor(mode="delay"),
        inhibitor(mode="block-weak"),
        inhibitor(what="sleep:idle"),
        inhibitor(what="handle-power-key"),
        HEAD,
        "\0\xff=",
        "",
    ],
)
def test_what_keeps_nobody(host, text):
    assert codes(host.add("/run/systemd/inhibit/7", text)) == []


def test_what_an_inhibitor_says_is_bounded_and_printable(host):
    host.add("/run/systemd/inhibit/7", inhibitor(who="\x1b[2J" + "x" * 5000))
    assert len(busy(host)[0].message) < 1000
    assert "\x1b" not in busy(host)[0].message


def locks(host, inode, pid=4711, kind="POSIX  ADVISORY  WRITE"):
    return host.add("/proc/locks", f"1: {kind} {pid} fd:01:{inode} 0 EOF\n2: FLOCK  ADVISORY  READ 1 00:1:2 0 EOF\n")


@pytest.mark.parametrize("path", subject.LOCK_FILES)
def test_a_package_manager_at_work(host, path):
    host.add(path)
    locks(host, host.identity(path).inode).add("/proc/4711/comm", "apt-get\n")
    host.link("/proc/4711/fd/4", path)
    assert codes(host) == ["packages_locked"]
    assert f"{path} is locked by apt-get (process 4711)" in busy(host)[0].message


def test_a_holder_that_cannot_be_looked_at_counts(host):
    host.add(LOCK)
    assert codes(locks(host, host.identity(LOCK).inode, pid=-1, kind="OFDLCK ADVISORY  WRITE")) == ["packages_locked"]


def test_the_same_inode_of_another_file_system_is_another_file(host):
    host.add(LOCK).add("/home/other")
    locks(host, host.identity(LOCK).inode).link("/proc/4711/fd/4", "/home/other")
    assert codes(host) == []


@pytest.mark.parametrize("kind", ["POSIX  ADVISORY  READ ", "-> POSIX  ADVISORY  WRITE"])
def test_who_only_reads_or_waits_holds_nothing(host, kind):
    host.add(LOCK)
    assert codes(locks(host, host.identity(LOCK).inode, kind=kind)) == []


@pytest.mark.parametrize(("content", "there"), [("4711\n", ["packages_locked"]), ("4712", []), ("", []), ("self", [])])
def test_zypper_at_work(host, content, there):
    host.add("/run/zypp.pid", content).add("/proc/4711/comm", "zypper\n")
    assert codes(host) == there


def test_waiting(host):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds
        if now[0] >= 12:
            host.remove("/run/systemd/inhibit/7")

    host.add("/run/systemd/inhibit/7", inhibitor())
    assert wait_until_idle(host, 8, lambda: now[0], sleep) == 8
    assert wait_until_idle(host, 60, lambda: now[0], sleep) == 5
    assert wait_until_idle(host, 60, lambda: now[0], sleep) == 0


@pytest.mark.parametrize("call", ["lockf", "flock"])
def test_the_locks_of_a_real_process(tmp_path, monkeypatch, call):
    path = tmp_path / "lock-frontend"
    path.touch()
    monkeypatch.setattr(subject, "LOCK_FILES", (str(path),))
    monkeypatch.setattr(subject, "PID_FILES", ())
    monkeypatch.setattr(subject, "INHIBITORS", str(tmp_path / "none"))
    code = f"import fcntl,sys; f=open({str(path)!r},'w'); fcntl.{call}(f, fcntl.LOCK_EX); print(1,flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert codes(LocalHost()) == ["packages_locked"]
        assert f"(process {holder.pid})" in busy(LocalHost())[0].message
        holder.communicate(b"\n")
    assert codes(LocalHost()) == []
    with path.open("w") as own:
        fcntl.lockf(own, fcntl.LOCK_EX)
        assert f"(process {os.getpid()})" in busy(LocalHost())[0].message
