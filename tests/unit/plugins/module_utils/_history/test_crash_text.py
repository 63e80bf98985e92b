# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import dumps_of, read_boots
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record

ID = "0123456789abcdef" * 2
NAMED = f"kho-kexec: boot {ID} of 7.3.4-kho began 1795300000: handover from 7.2.13-kho count 2"
START = "Linux version 7.3.4-kho (lab@lab) (gcc) #2 SMP"
EXEC = "KHO: exec from: 7.2.13-kho (count 2)"
INIT = "Run /init as init process"
PANIC = "Kernel panic - not syncing: no"


def only(lines):
    (boot,) = read_boots(lines)
    return boot


def test_without_times():
    (report,) = only([PANIC]).reports
    assert (report.message, report.uptime) == (PANIC, None)


@pytest.mark.parametrize("forged", ["<8>[    1.000000] ", "<30>[    1.000000] ", "12,1416,12345678,-;"])
def test_what_programs_wrote_does_not_count(forged):
    assert only([forged + PANIC]).reports == ()


@pytest.mark.parametrize("name", ["usb 1-1: Product: x", "tmpfs: Unknown parameter 'x"])
def test_a_name_with_the_end_of_a_line_in_it_begins_no_report(name):
    product = f"[   10.000000] {name}"
    assert only([product, f"[   10.000000] {PANIC}"]).reports == ()
    assert only([product, f"[   10.000001] {PANIC}"]).reports != ()


@pytest.mark.parametrize("name", ["usb 1-1: Product: x", "input: x", "hid-generic 0003:0001:0001.0001: input: x"])
def test_a_name_with_the_end_of_a_line_in_it_names_no_boot(name):
    assert only([f"[   10.000000] {name}", f"[   10.000000] {NAMED}", f"[   11.000000] {PANIC}"]).naming is None
    assert only([f"[   10.000000] {name}", f"[   10.000001] {NAMED}", f"[   11.000000] {PANIC}"]).naming is not None


def test_the_kernel_s_own_record_stands_beside_what_the_host_did_not_know():
    told = NAMED.partition(": handover")[0] + ": unknown"
    naming = only([START, EXEC, INIT, told, PANIC]).naming
    assert (naming.boot_id, naming.boot, naming.record) == (ID, "handover", Record("7.2.13-kho", 2))
    assert only([START, EXEC, INIT, told.replace("unknown", "cold"), PANIC]).naming is None


def test_a_boot_may_be_named_again_after_the_clock_was_set():
    again = NAMED.replace("began 1795300000", "began 1795303600")
    assert only([NAMED, again, PANIC]).naming.began == 1795303600
    assert only([NAMED, again.replace("count 2", "count 3"), PANIC]).naming is None


def test_the_beginning_of_a_boot_is_believed_until_the_first_program_starts():
    boot = only([START, EXEC, INIT])
    assert (boot.release, boot.log.record) == ("7.3.4-kho", Record("7.2.13-kho", 2))
    assert only([START, INIT, EXEC]).log.record is None


def test_a_log_without_its_beginning_knows_no_record():
    boot = only([EXEC, INIT, PANIC])
    assert (boot.release, boot.log.complete, boot.log.record) == (None, False, None)


def test_a_console_sees_many_boots():
    boots = list(read_boots(["firmware", START, PANIC, "firmware", START.replace("7.3.4", "7.2.13"), EXEC]))
    assert [(boot.release, len(boot.reports)) for boot in boots] == [
        (None, 0),
        ("7.3.4-kho", 1),
        ("7.2.13-kho", 0),
    ]


def test_parts_come_into_the_order_of_time():
    text = "Panic#2 Part1\nc\nOops#1 Part2\na1\nOops#1 Part1\na2\nPanic#2 Part2\nb\n"
    assert "".join(dumps_of(text)).split() == ["a1", "a2", "b", "c"]
    assert dumps_of("as it is") == ["as it is"]


@pytest.mark.parametrize(
    ("text", "dumps"),
    [
        ("Panic#1 Part1\nb\nPanic#1 Part2\na\nPanic#1 Part1\nd\nPanic#1 Part2\nc\n", ["ab", "cd"]),
        ("Panic#1 Part2\na\nPanic#1 Part1\nb\nPanic#1 Part3\nc\nPanic#1 Part2\nd\nPanic#1 Part1\ne\n", ["ab", "cde"]),
        ("Panic#1 Part1\na\nPanic#1 Part1\nb\n", ["a", "b"]),
        ("Oops#1 Part1\na\nPanic#2 Part1\nb\n", ["ab"]),
    ],
)
def test_dumps_of_several_boots_are_not_mixed(text, dumps):
    assert ["".join(dump.split()) for dump in dumps_of(text)] == dumps


def test_no_empty_line_is_left_between_the_parts():
    assert dumps_of("Panic#1 Part1\nc\nd\n\nPanic#1 Part2\na\nb\n") == ["a\nb\nc\nd\n"]


@given(st.text())
def test_parts_of_any_text(text):
    dumps_of(text)


@pytest.mark.parametrize(
    "lines",
    [
        [NAMED, PANIC],
        [f"<14>[    5.000000] {NAMED}", f"<0>[    9.000000] {PANIC}"],
        [f"[    5.000000] {NAMED}", f"[    5.000000] {NAMED}", f"[    9.000000] {PANIC}"],
        [f"14,416,5000000,-;{NAMED}", f"0,417,9000000,-;{PANIC}"],
        [f"0,417,9000000,-;{PANIC}", NAMED.replace("kho-kexec: ", " kho-kexec=")],
        [START, EXEC, INIT, NAMED, PANIC],
    ],
)
def test_a_record_names_its_boot_in_whatever_form_it_comes(lines):
    boot = only(lines)
    assert (boot.naming.boot_id, boot.naming.record) == (ID, Record("7.2.13-kho", 2))
    assert (boot.release, [report.message for report in boot.reports]) == ("7.3.4-kho", [PANIC])


@pytest.mark.parametrize(
    "lines",
    [
        [START, EXEC.replace("count 2", "count 3"), INIT, NAMED],
        [START, INIT, NAMED],  # the kernel was handed nothing
        [START.replace("7.3.4", "7.3.5"), NAMED],
        [NAMED, NAMED.replace("count 2", "count 3")],
        [NAMED, NAMED.replace(ID, ID[::-1])],
        [f"usb 1-1: Product: {NAMED}"],
        ["[   10.000000] usb 1-1: Product: x", f"[   10.000000] {NAMED}"],
    ],
)
def test_a_line_that_is_contradicted_names_nothing(lines):
    assert only([*lines, PANIC]).naming is None


def test_in_the_midst_of_a_report_it_is_passed_over():
    oops = ["BUG: kernel NULL pointer dereference, address: 0", "Call Trace:", " a+0x1/0x2", NAMED, " b+0x1/0x2"]
    assert only(oops).reports == only([line for line in oops if line != NAMED]).reports
