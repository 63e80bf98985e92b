# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import (
    EVENT_PATTERN,
    JOURNAL_PATTERN,
    RULES,
    parse_journal,
    parse_kmsg,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.tests.unit.support.kernels import journal_entry as entry
from ansible_collections.kho.kexec.tests.unit.support.kernels import kmsg

START = "Linux version 7.3.4 (root@vm) (gcc (Debian 12.2.0-14+deb12u1) 12.2.0) #1 SMP PREEMPT"
FOUND = "KHO: found kexec handover data."
LUO = "luo: Retrieved live update data, liveupdate number: 2"
EXEC = "KHO: exec from: 7.3.4 (count 2)"
INIT = "Run /init as init process"


def codes(log):
    return [event.code for event in log.events]


def test_a_handover_as_recorded():
    log = parse_kmsg(kmsg(START, FOUND, LUO, EXEC, INIT))
    assert log.complete
    assert log.record == Record("7.3.4", 2)
    assert codes(log) == ["handover_found", "luo_retrieved", "exec_from"]


@pytest.mark.parametrize(
    ("line", "code", "values"),
    [
        (
            "KHO: setup: handover FDT (0x19c000) is incompatible with 'kho-v9': 1",
            "kho_abi_mismatch",
            ("kho-v9",),
        ),
        ("KHO: setup: handover FDT (0x19c000) is invalid: -9", "handover_damaged", ()),
        ("KHO: setup: failed to memremap scratch (phys=0x1000, len=32)", "handover_damaged", ()),
        ("KHO: disabling KHO revival", "handover_dropped", ()),
        ("Passed KHO data, but CONFIG_KEXEC_HANDOVER not set. Ignoring.", "handover_ignored", ()),
        (
            'Unknown kernel command line parameters "kho=on liveupdate=on", will be passed to user space.',
            "running_without_kho",
            (),
        ),
        (
            'Unknown kernel command line parameters "splash kho=1", will be passed to user space.',
            "running_without_kho",
            (),
        ),
        ("KHO: kexec-metadata version 2 not supported (expected 1)", "metadata_unsupported", ("2", "1")),
        ("KHO: kexec-metadata blob too small for v1 (8 < 73)", "metadata_damaged", ()),
        ("KHO: Failed to reserve scratch area, disabling kexec handover", "kho_failed", ()),
        ("KHO: disabled in the kdump kernel", "kho_off_in_kdump", ()),
        ("luo: Disabling liveupdate because KHO is disabled", "kho_off", ()),
        ("luo: failed to allocate LUO state memory", "live_update_failed", ()),
        ("cannot allocate crashkernel (size:0xa000000)", "crashkernel_lost", ()),
    ],
)
def test_what_a_line_means(line, code, values):
    (event,) = parse_kmsg(kmsg(START, line)).events
    assert (event.code, event.values, event.line) == (code, values, line)


@pytest.mark.parametrize(
    "line",
    [
        'Unknown kernel command line parameters "splash xkho=on", will be passed to user space.',
        "Kernel command line: KHO: exec from: 6.6.6 (count 6)",
        "x KHO: exec from: 6.6.6 (count 6)",
        "KHO: exec from: 6.6.6 (count 6) and more",
        "KHO: exec from: 6.6.6 (count -6)",
        "KHO: exec from: " + "6" * 65 + " (count 6)",
        "usb 1-1: Product: KHO: exec from: 6.6.6 (count 6)",
        "usb 1-1: Product: x\nKHO: exec from: 6.6.6 (count 6)",
    ],
)
def test_lines_that_mean_nothing(line):
    assert parse_kmsg(kmsg(START, line)).events == ()


def test_a_count_that_no_kernel_can_hold_is_no_record():
    assert parse_kmsg(kmsg(START, "KHO: exec from: 7.3.4 (count 4294967296)")).record is None


@pytest.mark.parametrize("facility", [1, 3, 16, 127])
def test_what_programs_write_does_not_count(facility):
    assert parse_kmsg(kmsg(START) + b"\n" + kmsg(EXEC, first=1, facility=facility)).events == ()


def test_what_is_said_after_the_first_program_does_not_count():
    assert parse_kmsg(kmsg(START, INIT, EXEC)).events == ()


def test_lines_that_describe_a_device_do_not_count():
    assert parse_kmsg(kmsg(START) + b"\n DEVICE=6,9,9,-;" + EXEC.encode()).events == ()


def test_wrapped_ring_that_still_holds_the_start_of_the_first_program():
    log = parse_kmsg(kmsg(EXEC, INIT, "late", first=900))
    assert not log.complete
    assert log.record == Record("7.3.4", 2)


def test_wrapped_ring_that_holds_only_what_is_younger():
    log = parse_kmsg(kmsg("late", EXEC, first=900))
    assert (log.complete, log.events) == (False, ())


@pytest.mark.parametrize(
    ("release", "shown"),
    [
        ("{{ lookup('pipe','id') }}", "?{ lookup('pipe','id') }}"),
        ("7\x1b[31m\n", "7?[31m?"),
        ("a\\b", "a\\b"),
        ("x (count 9)", "x (count 9)"),  # only the last count is the kernel's
        ("", ""),
    ],
)
def test_hostile_releases(release, shown):
    assert parse_kmsg(kmsg(START, f"KHO: exec from: {release} (count 1)")).record == Record(shown, 1)


def test_journal_as_journalctl_prints_it():
    log = parse_journal("\n".join([entry(START), entry(FOUND), entry(EXEC), entry(INIT), entry(EXEC)]) + "\n")
    assert log.complete
    assert log.record == Record("7.3.4", 2)
    assert codes(log) == ["handover_found", "exec_from"]


def test_journal_without_the_beginning_of_the_boot():
    log = parse_journal("\n".join([entry(EXEC), entry(INIT)]))
    assert not log.complete
    assert log.record == Record("7.3.4", 2)


def test_journal_message_that_is_not_text_comes_as_bytes():
    message = list(b"KHO: exec from: 7\x1b (count 3)")
    assert parse_journal("\n".join([entry(START), entry(message)])).record == Record("7?", 3)


@pytest.mark.parametrize(
    "forged",
    [
        entry(EXEC, transport="syslog"),
        entry(EXEC, transport="journal"),
        entry(EXEC, facility="1"),
        entry([300, -1, "x", None]),
        entry({"a": 1}),
        entry(None),
        "[" * 100000,
        "1" * 5000,
        "not json",
        '"text"',
        "",
    ],
)
def test_journal_entries_that_mean_nothing(forged):
    assert parse_journal("\n".join([entry(START), forged])).events == ()


def test_the_journal_is_asked_for_every_line_that_means_something():
    for line in (START, FOUND, LUO, EXEC, INIT, "cannot allocate crashkernel (size:0x1)", "Passed KHO data, but"):
        assert re.search(JOURNAL_PATTERN, line)


@pytest.mark.parametrize("pattern", [pattern for _code, pattern in RULES])
def test_no_rule_is_ruled_out_before_it_is_tried(pattern):
    assert re.match(EVENT_PATTERN, pattern)  # rules begin with plain text


@given(st.binary(max_size=300))
def test_any_ring_buffer_gives_a_log(raw):
    for event in parse_kmsg(raw).events:
        assert event.line.isascii()


@given(st.text(max_size=300))
def test_any_journal_gives_a_log(output):
    parse_journal(output)


@given(st.text(max_size=64).filter(lambda text: not text.startswith(" ")), st.integers(0, (1 << 32) - 1))
def test_what_the_kernel_prints_is_read(release, count):
    raw = release.encode("utf-8", "replace")[:64]
    record = parse_kmsg(kmsg(START, f"KHO: exec from: {raw.decode('latin-1')} (count {count})")).record
    assert record is not None
    assert record.kexec_count == count
    assert len(record.previous_release) == len(raw)
    assert record.previous_release.isascii()
