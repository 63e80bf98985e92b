# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.boots import (
    Ending,
    after_endings,
    ending_of,
    start_of,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReport
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import Goodbye, KernelWords, Span
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import parse_kmsg
from ansible_collections.kho.kexec.tests.unit.support.kernels import kmsg

RELEASE = "7.3.4-kho"
START = f"Linux version {RELEASE} (lab@lab) (gcc) #2 SMP"
INIT = "Run /init as init process"
FOUND = "KHO: found kexec handover data."
EXEC = "KHO: exec from: 7.2.13-kho (count 2)"
SPAN = Span("1" * 32, 1000.0, 5000.0)


def words(*lines, first=0, release=RELEASE, capture=False, reasons=()):
    log = parse_kmsg(kmsg(START, *lines, INIT, first=first))
    return KernelWords(log, (), release, capture, tuple(reasons), "cursor")


def start(*lines, before=None, target=None, **given):
    return start_of(SPAN, words(*lines, **given), Goodbye(target, target is not None), before)


def left_by(target, release=RELEASE):
    return start(target=target, release=release)


@pytest.mark.parametrize(
    ("lines", "before", "boot", "record"),
    [
        ([FOUND, EXEC], None, "handover", ("7.2.13-kho", 2)),
        ([FOUND, "KHO: setup: handover FDT (0x1) is incompatible with 'kho-v4': 1"], None, "kexec", (None, 0)),
        ([FOUND, "KHO: kexec-metadata version 2 not supported (expected 1)"], None, "handover", (None, None)),
        (["Passed KHO data, but CONFIG_KEXEC_HANDOVER not set. Ignoring."], None, "kexec", (None, 0)),
        ([FOUND], None, "unknown", (None, None)),
        ([], None, "unknown", (None, 0)),
        ([], left_by("kexec.target"), "unknown", (None, 0)),
        ([], left_by(None), "unknown", (None, 0)),
        ([], left_by("reboot.target"), "cold", (None, 0)),
        ([], left_by("poweroff.target"), "cold", (None, 0)),
        ([FOUND, EXEC], left_by("reboot.target"), "handover", ("7.2.13-kho", 2)),
        (["KHO: disabled in the kdump kernel"], left_by("reboot.target"), "cold", (None, 0)),
    ],
)
def test_how_a_boot_was_started(lines, before, boot, record):
    found = start(*lines, before=before)
    assert (found.boot, (found.previous_release, found.kexec_count)) == (boot, record)
    assert found.evidence


def test_a_kernel_that_saves_a_dump_has_no_part_in_a_chain():
    found = start(FOUND, EXEC, capture=True)
    assert (found.boot, found.previous_release, found.kexec_count) == ("kdump", None, None)


def test_without_its_beginning_the_count_is_unknown():
    found = start(first=900)
    assert (found.boot, found.kexec_count) == ("unknown", None)
    assert "does not hold the beginning" in found.evidence[0]


@pytest.mark.parametrize(
    ("release", "boot"), [("6.16.0", "cold"), (RELEASE, "cold"), ("6.12.9", "unknown"), (None, "unknown")]
)
def test_a_reason_of_a_reset_is_believed_only_when_old_ones_are_cleared(release, boot):
    reasons = ["hardware watchdog timer expired"]
    assert start(before=left_by(None, release), reasons=reasons).boot == boot


def report(kind="oops", fatal=False, at=None):
    return CrashReport(kind, "what it said", ("f",), fatal, 1.0, at, None)


NO_GOODBYE = start()
WATCHDOG = "hardware watchdog timer expired"
BUTTON = "power button was pressed for 4 seconds"
PIN = "system reset pin BP_SYS_RST_L was tripped"


@pytest.mark.parametrize(
    ("this", "after", "crashes", "ending"),
    [
        (left_by("kexec.target"), start(), [], "kexec"),
        (left_by("kexec.target"), None, [], "kexec"),
        (left_by("reboot.target"), start(), [], "clean"),
        (left_by("halt.target"), None, [], "clean"),
        (left_by("reboot.target"), start(), [report()], "clean"),
        (left_by("reboot.target"), start(), [report(fatal=True)], "crash"),
        (left_by("kexec.target"), start(capture=True), [], "crash"),
        (NO_GOODBYE, start(capture=True), [], "crash"),
        (NO_GOODBYE, start(), [report(fatal=True)], "crash"),
        (NO_GOODBYE, start(), [report(at=SPAN.end - 59)], "crash"),
        (NO_GOODBYE, start(), [report(at=SPAN.end - 61)], "unknown"),
        (NO_GOODBYE, start(), [report(kind="hung_task", at=SPAN.end)], "unknown"),
        (NO_GOODBYE, start(), [report()], "unknown"),
        (NO_GOODBYE, start(), [], "unknown"),
        (NO_GOODBYE, None, [], "unknown"),
        (NO_GOODBYE, start(FOUND, EXEC), [], "unknown"),
        (start(release="7.2.13-kho"), start(FOUND, EXEC), [], "unknown"),
        (start(FOUND, EXEC.replace("2)", "1)"), release="7.2.13-kho"), start(FOUND, EXEC), [], "kexec"),
        (start(first=900, release="7.2.13-kho"), start(FOUND, EXEC), [], "kexec"),
        (NO_GOODBYE, start(reasons=[WATCHDOG]), [], "crash"),
        (NO_GOODBYE, start(reasons=[PIN, BUTTON]), [], "power_loss"),
        (NO_GOODBYE, start(reasons=[PIN]), [], "unknown"),
        (NO_GOODBYE, start(FOUND, EXEC, reasons=[WATCHDOG]), [], "unknown"),
        (start(release="6.12.9"), start(reasons=[WATCHDOG]), [], "unknown"),
    ],
)
def test_how_a_boot_ended(this, after, crashes, ending):
    found = ending_of(this, after, crashes, running=False)
    assert found.ending == ending
    assert found.evidence
    assert ending_of(this, after, crashes, running=True) == Ending("running", ())


@pytest.mark.parametrize(
    ("lines", "before", "boot"),
    [
        ([], "crash", "cold"),
        ([], "power_loss", "cold"),
        ([], "unknown", "unknown"),
        ([], "kexec", "unknown"),
        ([FOUND], "crash", "unknown"),
        ([FOUND, EXEC], "crash", "handover"),
    ],
)
def test_what_follows_from_the_ending_of_the_boot_before(lines, before, boot):
    told = after_endings([start(), start(*lines)], [Ending(before, ()), Ending("running", ())])
    assert [one.boot for one, _ending in told] == ["unknown", boot]
    assert (told[1][0].kexec_count == 0) == (boot == "cold" or not lines)
