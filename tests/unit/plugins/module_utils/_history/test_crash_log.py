# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_frames import (
    is_generic,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import (
    CRASH_PATTERN,
    CRASHES_LIMIT,
    CrashReader,
    Line,
    header_kind,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import read_boots

GOLDEN = Path(__file__).parents[3] / "golden" / "crashes"

LOGS = {path.stem: path.read_text() for path in GOLDEN.glob("*.txt")}

ACTION = ("lkdtm_do_action", "direct_entry")

EXPECTED = {
    "arm64-null-pointer-panic": ("oops", True, ("lkdtm_EXCEPTION", *ACTION)),
    "arm64-serror": ("machine_check", True, ("ffa_rxtx_unmap",)),
    "x86-bug": ("bug", False, ("lkdtm_BUG", *ACTION)),
    "x86-general-protection": ("oops", True, ("__list_del_entry_valid_or_report", "mlx5e_poll_rx_cq")),
    "x86-hard-lockup": ("lockup", True, ("lkdtm_HARDLOCKUP", *ACTION)),
    "x86-hung-task": ("hung_task", False, ("bit_wait_io", "__wait_on_bit", "ext4_writepages")),
    "x86-kasan": ("memory", False, ("lkdtm_WRITE_AFTER_FREE", *ACTION)),
    "x86-machine-check-panic": ("machine_check", True, ()),
    "x86-null-pointer-panic": ("oops", True, ("lkdtm_EXCEPTION", *ACTION)),
    "x86-panic-on-warn": ("warning", True, ("kho_preserve_folio", "memfd_luo_preserve")),
    "x86-rcu-stall": ("rcu_stall", False, ("nvme_poll_irqdisable", "nvme_timeout")),
    "x86-recorded-early-panic": ("panic", True, ("setup_IO_APIC", "apic_intr_mode_init")),
    "x86-soft-lockup-panic": ("lockup", True, ("lkdtm_SOFTLOCKUP", *ACTION)),
    "x86-sysrq-panic": ("panic", True, ("sysrq_handle_crash", "__handle_sysrq")),
}


def report_of(text):
    (report,) = [report for boot in read_boots(text.splitlines()) for report in boot.reports]
    return report


def reports(*lines):
    reader = CrashReader()
    for line in lines:
        reader.feed(line if isinstance(line, Line) else Line(line))
    return reader.reports()


def test_every_log_is_expected():
    assert set(LOGS) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_log_tells_of_one_crash(name):
    kind, fatal, frames = EXPECTED[name]
    report = report_of(LOGS[name])
    assert (report.kind, report.fatal, report.frames[: len(frames)]) == (kind, fatal, frames)
    assert report.frames or not frames
    assert not any(is_generic(function) for function in report.frames)


def test_the_release_is_that_of_the_report():
    assert report_of(LOGS["x86-bug"]).release == "7.3.4-kho"


def test_a_task_cannot_forge_the_release():
    line = "CPU: 1 UID: 0 PID: 9 Comm: Not tainted 6 # Not tainted 7.3.4-kho #2 PREEMPT"
    (report,) = reports("kernel BUG at mm/slub.c:1!", line)
    assert report.release == "7.3.4-kho"


def test_different_crashes_have_different_signatures():
    same_bug = {"arm64-null-pointer-panic", "x86-null-pointer-panic"}
    signatures = {name: report_of(text).signature for name, text in LOGS.items()}
    assert len(set(signatures.values())) == len(LOGS) - 1
    assert len({signatures[name] for name in same_bug}) == 1


def other_build(text, chance):
    """The same crash on another host, in another boot, of another build."""
    text = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", lambda _found: f"+{chance(4095):#x}/{chance(4095):#x}", text)
    text = re.sub(r"\b[0-9a-f]{16}\b", lambda _found: f"{chance(1 << 64):016x}", text)
    text = re.sub(
        r"(PID: |pid:|stuck for |\[sh:|/u8:2:|task sh/)\d+", lambda found: found[1] + str(chance(32768)), text
    )
    text = re.sub(r"(CPU#?:? ?|cpu )\d+", lambda found: found[1] + str(chance(512)), text)
    text = re.sub(r"(?<=^\[ {4})[ \d.]+(?=\])", "9999.123456", text, flags=re.MULTILINE)
    suffix = ("", ".constprop.0", ".isra.0", ".part.0.isra.0", ".cold", ".llvm.1234567890")[chance(6)]
    text = text.replace(f"{ACTION[1]}+", f"{ACTION[1]}{suffix}+").replace("__handle_sysrq.cold", "__handle_sysrq")
    return text.replace("[lkdtm]", ("", "[lkdtm 0123456789abcdef0123456789abcdef01234567]")[chance(2)])


@pytest.mark.parametrize("name", sorted(EXPECTED))
@given(chance=st.randoms(use_true_random=False))
def test_the_signature_stays(name, chance):
    changed = report_of(other_build(LOGS[name], chance.randrange))
    assert changed.signature == report_of(LOGS[name]).signature


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Oops: divide error: 0000 [#1] SMP NOPTI", "oops"),
        ("invalid opcode: 0000 [#2] PREEMPT SMP", "oops"),
        ("BUG: unable to handle page fault for address: ffffffffc0401000", "oops"),
        (
            "BUG: TASK stack guard page was hit at ffffc90000123fff (stack is ffffc90000120000..ffffc90000123fff)",
            "oops",
        ),
        ("traps: PANIC: double fault, error_code: 0x0", "oops"),
        ("Internal error: Oops - BUG: 00000000f2000800 [#1]  SMP", "oops"),
        ("BUG: KFENCE: use-after-free read in foo+0x1/0x2", "memory"),
        ("BUG kmalloc-64 (Tainted: G    B  ): Redzone overwritten", "memory"),
        ("BUG: Bad page state in process sh  pfn:1234", "memory"),
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 1", "lockup"),
        ("INFO: task sh:1 blocked in I/O wait for more than 241 seconds.", "hung_task"),
        ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", "rcu_stall"),
        ("mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 7: 8c00004000010090", None),
        ("usb 1-1: Product: Kernel panic - not syncing: no", None),
        ("INFO: task sh:1 blocked on a mutex likely owned by task x:2.", None),
        ("BUG: a text of something else", None),
        ("watchdog: Delayed init of the lockup detector failed: -19", None),
    ],
)
def test_headers(line, kind):
    assert header_kind(line) == kind
    if kind:
        assert re.search(CRASH_PATTERN, line), "journalctl is not asked for it"


def test_the_journal_gives_the_same_as_the_whole_log():
    for text in LOGS.values():
        lines = [re.sub(r"^\[[^]]*\] ", "", line) for line in text.splitlines()]
        asked = [line for line in lines if re.search(CRASH_PATTERN, line)]
        assert [one.signature for one in reports(*asked)] == [one.signature for one in reports(*lines)]


def test_a_panic_long_after_a_report_is_another_crash():
    lines = [Line("kernel BUG at mm/slub.c:1!", 10.0), Line("---[ end trace 0 ]---", 10.0)]
    assert [one.fatal for one in reports(*lines, Line("Kernel panic - not syncing: x", 11.0))] == [True]
    both = reports(*lines, Line("Kernel panic - not syncing: x", 99.0))
    assert [(one.kind, one.fatal) for one in both] == [("bug", False), ("panic", True)]


def test_a_warning_is_a_crash_only_when_the_kernel_panics_of_it():
    warning = "WARNING: mm/slub.c:1 at foo+0x1/0x2, CPU#0: sh/1"
    assert reports(warning, "---[ end trace 0000000000000000 ]---") == ()
    assert [one.kind for one in reports(warning, "Kernel panic - not syncing: sysrq triggered crash")] == ["panic"]


def test_a_crash_that_comes_again_and_again_counts_once():
    again = [Line(f"watchdog: BUG: soft lockup - CPU#1 stuck for {22 * n}s! [sh:1]", 30.0 * n) for n in range(1, 300)]
    (report,) = reports(*again)
    assert report.uptime == 30.0


def test_a_flood_of_crashes_is_bounded():
    lines = [Line(f"kernel BUG at {'x' * number}", 9.0 * number) for number in range(900)]
    lines += [Line("---[ end trace 0 ]---", 9.0)]
    assert len(reports(*(part for line in lines for part in (line, lines[-1])))) == CRASHES_LIMIT


@given(
    st.lists(st.one_of(st.text(), st.sampled_from(sorted({line for t in LOGS.values() for line in t.splitlines()}))))
)
def test_any_text_gives_printable_reports(lines):
    for boot in read_boots(lines):
        for report in boot.reports:
            shown = "".join((report.message, *report.frames, report.release or ""))
            assert shown.isascii()
            assert shown.isprintable()
