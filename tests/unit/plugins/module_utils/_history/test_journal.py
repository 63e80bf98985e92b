# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._history.journal import (
    BOOTS_LIMIT,
    GOODBYE_FIELDS,
    GOODBYES,
    JOURNALCTL,
    Goodbye,
    Query,
    Span,
    cursor_boot,
    parse_boots,
    read_journal,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.tests.unit.support import journals
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.journals import EPOCH, INIT, LIST, boot_id, expect_journal, kernel

EXEC = "KHO: exec from: 7.2.13-kho (count 1)"
START = journals.start("7.3.4-kho")
PANIC = "Kernel panic - not syncing: no"


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def query(cursor=None, seconds=60.0, directory=None):
    return Query(cursor, directory, time.monotonic() + seconds)


def read(host, **given):
    journal = read_journal(host, query(**given))
    host.assert_nothing_left()
    return journal


def code(host, **given):
    with pytest.raises(KhoError) as caught:
        read_journal(host, query(**given))
    return caught.value.code


def words_of(journal, number=1):
    return journal.words[boot_id(number)]


def listed_boot(**changed):
    return {"index": 0, "boot_id": boot_id(1), "first_entry": 1, "last_entry": 1, **changed}


def test_boots_as_json():
    listed = json.dumps([listed_boot(first_entry=1790000000500000, last_entry=1790003600000000)])
    assert parse_boots(listed) == (Span(boot_id(1), EPOCH + 0.5, EPOCH + 3600.0),)


@pytest.mark.parametrize(
    "line",
    [
        " -1 {} Mon 2026-09-21 14:13:20 UTC Mon 2026-09-21 15:13:20 UTC",
        " -1 {} Mon 2026-09-21 14:13:20 UTC\u2014Mon 2026-09-21 15:13:20 UTC",
        "-1234 {} Mon 2026-09-21 14:13:20 UTC-Mon 2026-09-21 15:13:20 UTC",
    ],
)
def test_boots_as_text(line):
    output = "IDX BOOT ID FIRST ENTRY LAST ENTRY\n" + line.format(boot_id(1)) + "\n"
    assert parse_boots(output) == (Span(boot_id(1), EPOCH, EPOCH + 3600.0),)


@pytest.mark.parametrize(
    "output",
    [
        "",
        "[",
        "[1]",
        '[{"boot_id": 1}]',
        '[{"boot_id": "x", "first_entry": 1, "last_entry": 1}]',
        json.dumps([listed_boot(first_entry="1")]),
        json.dumps([listed_boot(first_entry=-1)]),
        f"0 {boot_id(1)} Mon 2026-99-21 14:13:20 UTC Mon 2026-09-21 15:13:20 UTC",
        f"0 {boot_id(1)} Mon 2026-09-21 14:13:20 UTC",
    ],
)
def test_what_is_no_list_of_boots(output):
    assert parse_boots(output) == ()


def test_more_boots_than_can_be():
    assert len(parse_boots(journals.boots(*range(BOOTS_LIMIT + 1)))) == BOOTS_LIMIT


@given(st.text())
def test_any_list_of_boots(output):
    parse_boots(output)
    parse_boots("[" + output)


def test_what_a_kernel_said(host):
    said = kernel(1, START, EXEC, INIT) + kernel(1, PANIC, uptime=99.5)
    words = words_of(read(expect_journal(host, [1], words=said)))
    assert (words.release, words.log.record, words.capture) == ("7.3.4-kho", Record("7.2.13-kho", 1), False)
    assert words.cursor == journals.cursor(1)
    (report,) = words.reports
    assert (report.kind, report.uptime, report.at) == ("panic", 99.5, EPOCH + journals.APART + 99.5)


def test_what_is_said_after_the_first_program_is_no_beginning(host):
    reset = "x86/amd: Previous system reset reason [0x02000000]: hardware watchdog timer expired"
    late = [EXEC, "Kernel command line: elfcorehdr=0x1", reset]
    words = words_of(read(expect_journal(host, [1], words=kernel(1, START, INIT, *late))))
    assert (words.log.record, words.capture, words.reset_reasons) == (None, False, ())


def test_what_tells_of_the_start(host):
    reset = "x86/amd: Previous system reset reason [0x02000000]: hardware watchdog timer expired"
    said = kernel(1, START, "Kernel command line: root=/dev/vda2 elfcorehdr=0x1d000000", reset, INIT)
    words = words_of(read(expect_journal(host, [1], words=said)))
    assert (words.capture, words.reset_reasons) == (True, ("hardware watchdog timer expired",))


def test_a_release_in_the_middle_is_none(host):
    assert words_of(read(expect_journal(host, [1], words=kernel(1, "KHO: x", START)))).release is None


def test_messages_that_are_not_text(host):
    words = words_of(read(expect_journal(host, [1], words=kernel(1, START, list(EXEC.encode()), None, 7, INIT))))
    assert words.log.record == Record("7.2.13-kho", 1)


def test_entries_of_unknown_boots_and_no_entries(host):
    said = ["", "{", "[]", '{"_BOOT_ID": []}', '{"_BOOT_ID": 1}', *kernel(2, PANIC), *kernel(1, START)]
    assert list(read(expect_journal(host, [1], words=said)).words) == [boot_id(1)]


json_values = st.one_of(
    st.none(), st.integers(), st.text(), st.lists(st.integers()), st.just(boot_id(1)), st.just(PANIC)
)
FIELDS = [
    "_BOOT_ID",
    "__CURSOR",
    "MESSAGE",
    "UNIT",
    "MESSAGE_ID",
    "__REALTIME_TIMESTAMP",
    "_SOURCE_MONOTONIC_TIMESTAMP",
]
hostile = st.one_of(
    st.text(),
    st.dictionaries(st.sampled_from(FIELDS), json_values).map(
        lambda entry: json.dumps({"_BOOT_ID": boot_id(1), **entry})
    ),
)


@given(st.lists(hostile), st.lists(hostile))
def test_any_entries_give_a_result(goodbyes, words):
    host = expect_journal(FakeRoot(Path("/nonexistent")), [1], goodbyes, [*words, *kernel(1, START)])
    for said in read(host).words.values():
        assert said.cursor.isascii()
        assert all(report.message.isascii() for report in said.reports)


def test_goodbyes(host):
    said = journals.goodbye(1, "kexec.target") + journals.goodbye(2, "reboot.target")[:1]
    journal = read(expect_journal(host, [1, 2, 3], said, kernel(1, START)))
    assert journal.goodbyes == {
        boot_id(1): Goodbye("kexec.target", True),
        boot_id(2): Goodbye("reboot.target", False),
    }


@pytest.mark.parametrize(
    "fields", [{"UNIT": "kexec.target", "JOB_TYPE": "stop"}, {"UNIT": "other.target"}, {"UNIT": []}]
)
def test_what_is_no_goodbye(host, fields):
    said = [json.dumps({"_BOOT_ID": boot_id(1), **fields})]
    assert read(expect_journal(host, [1], said, kernel(1, START))).goodbyes == {boot_id(1): Goodbye()}


def test_since_a_cursor(host):
    since = journals.cursor(2)
    journal = read(expect_journal(host, [1, 2, 3], since=since, words=kernel(2, START)), cursor=since)
    assert [span.boot_id for span in journal.spans] == [boot_id(2), boot_id(3)]


def test_a_cursor_in_a_boot_that_is_forgotten(host):
    since = journals.cursor(1)
    journal = read(expect_journal(host, [2, 3], since=since, words=kernel(2, START)), cursor=since)
    assert len(journal.spans) == 2


@pytest.mark.parametrize(
    "text", ["", "x", "b=1", "b=" + "0" * 33, "s=1;ab=" + "0" * 32, "b=" + "0" * 32 + ";" + "x" * 999]
)
def test_what_is_no_cursor(text):
    assert cursor_boot(text) is None


def test_a_cursor_that_journalctl_does_not_take(host):
    since = journals.cursor(1)
    host.expect_run(LIST, stdout=journals.boots(1))
    argv = (*JOURNALCTL, "--output=json", GOODBYE_FIELDS, f"--cursor={since}", *GOODBYES)
    host.expect_pipe(argv, b"", error="Failed to seek to cursor: Invalid argument")
    assert code(host, cursor=since) == "cursor_invalid"


def test_without_grep_everything_is_read(host):
    expect_journal(host, [1], error="Compiled without pattern matching support")
    host.expect_pipe((*JOURNALCTL, *journals.kernel_arguments()), journals.lines(kernel(1, START, EXEC, INIT)))
    journal = read(host)
    assert (journal.complete, words_of(journal).log.record) == (True, Record("7.2.13-kho", 1))


def test_when_the_time_is_over_in_the_middle(host):
    journal = read(expect_journal(host, [1, 2], words=kernel(1, START, INIT), error="not finished in time"))
    assert (journal.complete, list(journal.words)) == (False, [boot_id(1)])


def test_when_the_time_is_over_at_once(host):
    host.expect_run(LIST, stdout=journals.boots(1))
    journal = read(host, seconds=0)
    assert (journal.complete, journal.words) == (False, {})


def test_no_boots(host):
    host.expect_run(LIST)
    assert read(host).spans == ()


def test_another_directory(host):
    host.expect_run((*JOURNALCTL, "--directory=/dead", *LIST[len(JOURNALCTL) :]))
    assert read(host, directory="/dead").spans == ()


def test_a_host_without_journal(host):
    host.expect_missing(LIST).expect_run(LIST, rc=1, stderr="Failed to open\x1b journal")
    assert (code(host), code(host)) == ("journal_unreadable", "journal_unreadable")
