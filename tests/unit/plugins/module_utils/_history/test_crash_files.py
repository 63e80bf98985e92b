# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history import crash_files
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import (
    CONSOLE_LIMIT,
    FILES_LIMIT,
    KDUMP,
    NO_REPORT,
    PSTORE,
    read_crash_files,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

START = "[    0.000000] Linux version 7.3.4-kho (lab@lab) (gcc) #2 SMP\n"
OOPS = "[   12.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
PANIC = "[   12.100000] Kernel panic - not syncing: Fatal exception\n"
WRITTEN = 1_790_000_000


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def add(host, path, content, written=WRITTEN):
    host.add(path, content)
    os.utime(str(host.root) + path, (written, written))


def read(host, since=0.0, console_logs=()):
    witnesses, notes = read_crash_files(host, since, console_logs, time.monotonic() + 60)
    host.assert_nothing_left()
    return witnesses, [note.code for note in notes]


def told(witnesses):
    return [(one.source, [(report.kind, report.fatal) for report in one.text.reports]) for one in witnesses]


def test_a_host_without_crashes(host):
    assert read(host) == ([], [])


@pytest.mark.parametrize("path", ["dmesg.txt", "1790000000/dmesg.txt", "1790000000/001/dmesg.txt"])
def test_what_systemd_put_together(host, path):
    add(host, f"{PSTORE}/{path}", f"Panic#1 Part1\n{PANIC}Panic#1 Part2\n{START}{OOPS}")
    witnesses, notes = read(host)
    assert (told(witnesses), notes) == ([("pstore", [("oops", True)])], [])
    assert (witnesses[0].written, witnesses[0].text.release) == (WRITTEN, "7.3.4-kho")


def test_parts_as_the_kernel_wrote_them(host):
    add(host, f"{PSTORE}/179/dmesg-efi-179000000001001", f"Panic#1 Part1\n{PANIC}")
    add(host, f"{PSTORE}/179/dmesg-efi-179000000002001", f"Panic#1 Part2\n{OOPS}")
    add(host, f"{PSTORE}/179/dmesg-efi-179000000003001.enc.z", b"\x78\x9c")
    assert told(read(host)[0]) == [("pstore", [("oops", True)])]


def test_a_dump_that_was_written_over_the_turn_of_a_second_is_one(host):
    add(host, f"{PSTORE}/1795439162/001/dmesg.txt", f"Oops#1 Part1\n{PANIC}", WRITTEN + 1)
    add(host, f"{PSTORE}/1795439163/001/dmesg.txt", f"Oops#1 Part3\n{START}Oops#1 Part2\n{OOPS}", WRITTEN)
    (witness,) = read(host)[0]
    assert told([witness]) == [("pstore", [("oops", True)])]
    assert (witness.written, witness.text.release) == (WRITTEN + 1, "7.3.4-kho")


@pytest.mark.parametrize("other", ["1795439164/001", "1795439163/002", "1795439163"])
def test_dumps_of_other_times_and_numbers_are_others(host, other):
    add(host, f"{PSTORE}/1795439162/001/dmesg.txt", f"Oops#1 Part1\n{START}{OOPS}")
    add(host, f"{PSTORE}/{other}/dmesg.txt", f"Oops#1 Part1\n{START}{OOPS}")
    assert told(read(host)[0]) == [("pstore", [("oops", False)])] * 2


def test_each_file_of_ramoops_is_a_dump(host):
    add(host, f"{PSTORE}/dmesg-ramoops-0", f"Panic#1 Part1\n{PANIC}")
    add(host, f"{PSTORE}/dmesg-ramoops-1", f"Oops#1 Part1\n{OOPS}", WRITTEN - 1)
    assert told(read(host)[0]) == [("pstore", [("panic", True)]), ("pstore", [("oops", False)])]


@pytest.mark.parametrize("name", ["202611221530/dmesg.202611221530", "127.0.0.1-2026-11-22-15:30:00/vmcore-dmesg.txt"])
def test_a_dump_shows_that_the_kernel_died(host, name):
    add(host, f"{KDUMP}/{name}", START + OOPS)
    assert told(read(host)[0]) == [("kdump", [("oops", True)])]


def test_a_dump_without_a_report(host):
    add(host, f"{KDUMP}/1/dmesg.1", START)
    ((report,),) = [one.text.reports for one in read(host)[0]]
    assert (report.kind, report.message, report.fatal, report.uptime) == ("unknown", NO_REPORT, True, 0.0)


def test_other_files_are_left_alone(host):
    add(host, f"{KDUMP}/kexec_cmd", PANIC)
    add(host, f"{KDUMP}/1/dump.1", PANIC)
    add(host, f"{PSTORE}/1/other.txt", PANIC)
    assert read(host) == ([], [])


def test_only_what_is_new(host):
    add(host, f"{KDUMP}/1/dmesg.1", OOPS, WRITTEN - 1)
    add(host, f"{KDUMP}/2/dmesg.2", PANIC, WRITTEN)
    assert told(read(host, since=WRITTEN)[0]) == [("kdump", [("panic", True)])]


def test_the_newest_of_too_many(host):
    for number in range(FILES_LIMIT + 1):
        add(host, f"{KDUMP}/{number}/dmesg.{number}", PANIC, WRITTEN + number)
    witnesses, notes = read(host)
    assert (len(witnesses), notes) == (FILES_LIMIT, ["crash_files_left_out"])
    assert min(one.written for one in witnesses) == WRITTEN + 1


def test_a_dump_that_is_too_large(host, monkeypatch):
    monkeypatch.setattr(crash_files, "FILE_LIMIT", len(PANIC))
    add(host, f"{KDUMP}/1/dmesg.1", PANIC + "x")
    add(host, f"{KDUMP}/2/dmesg.2", PANIC)
    witnesses, notes = read(host)
    assert (len(witnesses), notes) == (1, ["crash_file_unreadable"])


def tail(path):
    return ("tail", f"--bytes={CONSOLE_LIMIT}", "--", path)


DUMP = f"{KDUMP}/202611221530/dmesg.202611221530"


def test_what_others_have_put_beside_dumps_is_listed_and_not_read(host):
    add(host, DUMP, f"{START}{PANIC}")
    host.own(DUMP, 1000, 1000)
    host.link(f"{KDUMP}/dmesg.link", "/etc/dmesg.txt").add("/etc/dmesg.txt", PANIC)
    assert read(host) == ([], ["crash_file_foreign"] * 2)


def test_files_of_root_count_in_a_directory_that_is_open_to_all(host):
    add(host, DUMP, f"{START}{PANIC}")
    host.add_directory(KDUMP, 0o1777)
    assert len(read(host)[0]) == 1


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_directory_below_that_others_may_write_is_left_alone(host, mode):
    add(host, DUMP, f"{START}{PANIC}")
    host.add_directory(f"{KDUMP}/202611221530", mode)
    assert read(host) == ([], [])


def test_a_directory_of_somebody_elses_and_a_link_are_left_alone(host):
    add(host, DUMP, f"{START}{PANIC}")
    host.own(f"{KDUMP}/202611221530", 1000, 1000)
    add(host, "/home/somebody/dmesg.1", f"{START}{PANIC}")
    host.link(f"{KDUMP}/link", "/home/somebody")
    assert read(host) == ([], [])


def test_consoles(host):
    host.expect_pipe(tail("/var/log/a"), (START + OOPS + PANIC + START + PANIC).encode())
    host.expect_pipe(tail("/var/log/b"), b"", error="no such file")
    witnesses, notes = read(host, console_logs=["/var/log/a", "/var/log/b"])
    assert told(witnesses) == [("console", [("oops", True)]), ("console", [("panic", True)])]
    assert (witnesses[0].written, notes) == (None, ["crash_file_unreadable"])


def test_a_console_without_line_ends(host):
    host.expect_pipe(tail("/a"), b"x" * 100_000 + b"\n" + PANIC.encode())
    assert told(read(host, console_logs=["/a"])[0]) == [("console", [("panic", True)])]
