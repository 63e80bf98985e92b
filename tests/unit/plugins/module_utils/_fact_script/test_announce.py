# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._fact_script import announce as subject
from ansible_collections.kho.kexec.plugins.module_utils._fact_script import main as script
from ansible_collections.kho.kexec.plugins.module_utils._fact_script.announce import NETCONSOLE, announce, naming_of
from ansible_collections.kho.kexec.plugins.module_utils._host.port import KMSG
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._kernel.naming import naming_in
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.transitions import running

ID = "01234567-89ab-cdef-0123-456789abcdef"
HANDOVER = running(release="7.3.4-kho", boot_id=ID, boot="handover", previous_release="7.2.13-kho", kexec_count=3)
VALUE = f"boot {ID.replace('-', '')} of 7.3.4-kho began 900: handover from 7.2.13-kho count 3"
LINE = f"<14>kho-kexec: {VALUE}\n".encode()


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "observe_running", lambda _host: HANDOVER)
    monkeypatch.setattr(subject.time, "time", lambda: 1000.0)
    return FakeRoot(tmp_path).add("/proc/uptime", "100.25 50.00\n")


def test_the_line_is_a_programs_and_says_all(host):
    host.expect_pipe(["tee", KMSG], b"")
    assert announce(host) is None
    host.assert_nothing_left()
    assert host.piped == [LINE]
    naming = naming_in(LINE.decode().strip().replace("<14>", ""))
    assert (naming.record, naming.began) == (Record("7.2.13-kho", 3), 900)


def test_netconsole_sends_it_along(host):
    for target in ("cmdline0", "old", "web"):
        host.add_directory(f"{NETCONSOLE}/{target}" + ("" if target == "old" else "/userdata"))
    values = [f"{NETCONSOLE}/{target}/userdata/kho-kexec/value" for target in ("cmdline0", "web")]
    host.expect_pipe(["tee", KMSG], b"")
    # One is removed at that moment.
    host.expect_pipe(["tee", values[0]], b"", "No such file or directory")
    host.expect_pipe(["tee", values[1]], b"")
    assert announce(host) is None
    host.assert_nothing_left()
    assert host.piped[1:] == [f"{VALUE}\n".encode()] * 2


def test_a_kernel_that_saves_a_dump_is_not_named(host, monkeypatch):
    monkeypatch.setattr(subject, "observe_running", lambda _host: replace(HANDOVER, boot="kdump"))
    assert announce(host) is None
    assert host.piped == []


def test_a_log_that_cannot_be_written(host):
    host.expect_pipe(["tee", KMSG], b"", "Operation not permitted")
    assert "Operation not permitted" in announce(host)


@pytest.mark.parametrize("changes", [{"release": None}, {"boot_id": None}, {"release": "7.3 4"}])
def test_what_could_not_be_read_again_is_not_written(host, monkeypatch, changes):
    monkeypatch.setattr(subject, "observe_running", lambda _host: replace(HANDOVER, **changes))
    assert "release" in announce(host)


@pytest.mark.parametrize(
    "changes", [{"boot": "kexec"}, {"previous_release": None}, {"kexec_count": None}, {"boot": "cold"}]
)
def test_only_a_whole_record_is_told(changes):
    assert naming_of(replace(HANDOVER, **changes), 0.0).record is None


def test_the_script_says_in_its_exit_code_whether_it_could(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kho.fact", "name"])
    for said, code in ((None, None), ("no", "no")):
        monkeypatch.setattr(subject, "announce", lambda _host, said=said: said)
        with pytest.raises(SystemExit) as caught:
            script.main()
        assert caught.value.code == code
    assert capsys.readouterr().out == ""
