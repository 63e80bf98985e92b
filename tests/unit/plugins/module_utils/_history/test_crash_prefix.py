# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_prefix import read_line

SAID = "Kernel panic - not syncing: no"
TIMES = [
    "[   12.345678] ",
    "<0>[   12.345678] ",
    "[   12.345678][    T1] ",
    "[   12.345678] [    T1] ",
    "<4>[   12.345678][   C12] ",
    "Nov 22 15:30:00 web1 kernel: [   12.345678] ",
    "Nov  2 15:30:00 web1 kernel: [   12.345678][    T1] ",
    "[2026-11-22 15:30:00] web1: [   12.345678] ",
    "2026-11-22T15:30:00.123456+00:00 web1 kernel: [   12.345678] ",
    "2026-11-22 15:30:00 [   12.345678] ",
    "15:30:00 [   12.345678] ",
    "web1 login: [   12.345678] ",
    "root@web1:~# [   12.345678] ",
    "\x1b[0m[   12.345678] ",
    "\x1b[?2004l\x1b[0;1;39m\r[   12.345678] ",
    "6,1416,12345678,-;",
    "6,1416,12345678,-,caller=T1;",
    "6.12.0-lab,6,1416,12345678,-,caller=T1;",
    "Nov 22 15:30:00 192.0.2.50 6,1416,12345678,-;",
    "2026-11-22T15:30:00Z 192.0.2.50 6.12.0-lab,6,1416,12345678,-;",
]


@pytest.mark.parametrize("prefix", TIMES)
def test_what_stands_before_a_line(prefix):
    words = read_line(prefix + SAID)
    assert (words.text, words.uptime, words.kernel) == (SAID, 12.345678, True)


@pytest.mark.parametrize(
    ("prefix", "caller"),
    [
        ("[   12.345678][    T1] ", "T1"),
        ("[   12.345678] [     C33] ", "C33"),
        ("6,1416,12345678,-,caller=C2;", "C2"),
        ("[   12.345678] ", None),
        ("6,1416,12345678,c,ncfrag=0/1200;", None),
    ],
)
def test_who_said_it(prefix, caller):
    assert read_line(prefix + SAID).caller == caller


@pytest.mark.parametrize(
    "prefix", ["", "Nov 22 15:30:00 web1 kernel: ", "[Sun Nov 22 15:30:00 2026] ", "2026-11-22T15:30:00Z web1 kernel: "]
)
def test_lines_without_the_time_of_the_kernel(prefix):
    words = read_line(prefix + SAID)
    assert (words.text, words.uptime) == (SAID, None)


@pytest.mark.parametrize("forged", ["<8>[    1.000000] ", "<30>[    1.000000] ", "12,1416,12345678,-;"])
def test_what_programs_wrote(forged):
    assert not read_line(forged + SAID).kernel


@pytest.mark.parametrize(
    "before",
    [
        "input: ",
        "Nov 22 15:30:00 web1 input: ",
        "[   10.000000] usb 1-1: Product: x ",
        "usb 1-1: Product: x ",
        "Nov 22 15:30:00 web1 kernel: usb 1-1: Product: x ",
    ],
)
def test_a_time_in_a_name_begins_no_line(before):
    assert not read_line(f"{before}[    1.000000] {SAID}").text.startswith("Kernel")


def test_of_two_lines_in_one_the_first_counts():
    assert read_line(f"[   12.345678] {SAID}[   12.345679] audit: x").text == SAID


def test_frames_keep_their_blank():
    assert read_line("[   12.345678]  do_idle+0x1/0x2").text == " do_idle+0x1/0x2"


@given(st.text())
def test_any_text(line):
    read_line(line)


@pytest.mark.parametrize("piece", ["a ", "\x1b[", "[", "# ", "x: ", "1,", "Jan 1 ", "login: ", "[ 1.0000001"])
def test_long_lines_cost_no_more_than_short_ones(piece):
    start = time.process_time()
    read_line(piece * (4096 // len(piece)))
    assert time.process_time() - start < 0.5
