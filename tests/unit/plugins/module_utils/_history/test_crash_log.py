# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_functions import is_machinery
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_headers import CRASH_PATTERN
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CRASHES_LIMIT, CrashReader, Line
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import dumps_of, read_boots

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
    assert not any(is_machinery(function) for function in report.frames)


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
    text = re.sub(r"(?<!Bank \d: )\b[0-9a-f]{16}\b", lambda _found: f"{chance(1 << 64):016x}", text)
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
    same = report_of(LOGS[name])
    assert (changed.bug, changed.signature) == (same.bug, same.signature)


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
    lines = [Line(f"kernel BUG at {'x' * number}x.c:1!", 9.0 * number) for number in range(900)]
    lines += [Line("---[ end trace 0 ]---", 9.0)]
    assert len(reports(*(part for line in lines for part in (line, lines[-1])))) == CRASHES_LIMIT


@given(
    st.lists(st.one_of(st.text(), st.sampled_from(sorted({line for t in LOGS.values() for line in t.splitlines()}))))
)
def test_any_text_gives_printable_reports(lines):
    for boot in read_boots(lines):
        for report in boot.reports:
            shown = "".join((report.message, *report.frames, report.release or "", report.bug, report.signature))
            assert shown.isascii()
            assert shown.isprintable()


OOPS = """\
BUG: kernel NULL pointer dereference, address: 0000000000000018
#PF: supervisor read access in kernel mode
Oops: Oops: 0000 [#1] SMP NOPTI
CPU: 1 UID: 0 PID: 900 Comm: a Not tainted 7.1.0-lab #1 PREEMPT
RIP: 0010:nova_poll+0x12/0x60
Call Trace:
 <TASK>
 nova_wait+0x21/0x80
 nova_ioctl+0x31/0x90
 delta_open+0x41/0xa0
 </TASK>
---[ end trace 0000000000000000 ]---
Kernel panic - not syncing: Fatal exception""".splitlines()
FRAMES = ("nova_poll", "nova_wait", "nova_ioctl", "delta_open")


def printed(lines, caller="", start=100.0, step=0.001):
    return [f"[{start + step * number:12.6f}]{caller} {line}" for number, line in enumerate(lines)]


def first(lines):
    return [report for boot in read_boots(lines) for report in boot.reports][0]


WHOLE = first(printed(OOPS))


def is_whole(lines):
    found = [report for boot in read_boots(lines) for report in boot.reports]
    assert [(one.kind, one.frames, one.fatal) for one in found] == [("oops", FRAMES, True)]
    assert (found[0].bug, found[0].signature) == (WHOLE.bug, WHOLE.signature)
    return found[0]


@pytest.mark.parametrize("cut", range(1, len(OOPS)))
def test_a_trace_goes_on_in_the_next_part_of_pstore(cut):
    lines = [f"<4>{line}" for line in printed(OOPS)]
    older, newer = "\n".join(lines[:cut]), "\n".join(lines[cut:])
    (dump,) = dumps_of(f"Panic#1 Part1\n{newer}\n\nPanic#1 Part2\n{older}\n")
    is_whole(dump.splitlines())


@pytest.mark.parametrize("at", range(1, len(OOPS)))
@pytest.mark.parametrize(
    "foreign", ["", "[  100.0005] ", "[  OK  ] Started x.service.", "[  100.000500][   T77] eth0: NIC Link is Up"]
)
def test_a_foreign_line_ends_no_trace(at, foreign):
    lines = printed(OOPS, "[  T900]")
    is_whole([*lines[:at], foreign, *lines[at:]])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_two_crashes_at_once_are_kept_apart(number):
    others = [line.replace("nova", "omega").replace("[#1]", "[#2]") for line in OOPS[:-1]]
    pairs = zip(printed(OOPS[:-1], "[  T900]"), printed(others, "[    C3]"))
    lines = [line for pair in pairs for line in pair]
    found = [report for boot in read_boots(lines[number - 1 :] if number == 1 else lines) for report in boot.reports]
    assert [one.frames for one in found] == [FRAMES, tuple(name.replace("nova", "omega") for name in FRAMES)]
    assert found[0].signature == WHOLE.signature != found[1].signature


def test_lines_of_another_task_are_of_no_report():
    lines = printed(OOPS, "[  T900]")
    trace = printed([" foreign_a+0x1/0x2", " foreign_b+0x1/0x2"], "[   T77]")
    is_whole([*lines[:7], *trace, *lines[7:]])


def test_the_panic_is_of_its_caller():
    one, other = (printed(OOPS[:-1], caller) for caller in ("[  T900]", "[  T901]"))
    other = [line.replace("nova", "omega") for line in other]
    panic = printed(OOPS[-1:], "[  T900]", start=100.5)
    found = [report for boot in read_boots([*one, *other, *panic]) for report in boot.reports]
    assert [(one.frames[0], one.fatal) for one in found] == [("nova_poll", True), ("omega_poll", False)]


def test_a_slow_console_takes_its_time():
    is_whole(printed(OOPS, step=0.7))
    is_whole([*printed(OOPS[:-1]), *printed(OOPS[-1:], start=115.0)])


@pytest.mark.parametrize(
    ("line", "release"),
    [
        (
            "CPU: 5 PID: 900 Comm: a Kdump: loaded Tainted: G        W    L    -------  ---  5.14.0-9.el9 #1",
            "5.14.0-9.el9",
        ),
        (
            "CPU: 5 PID: 900 Comm: a Tainted: G    B      OE    --------- -  - 4.18.0-513.el8.x86_64 #1",
            "4.18.0-513.el8.x86_64",
        ),
        (
            "CPU: 1 UID: 0 PID: 9 Comm: a Tainted: G               X   5.14.21-150500.55.52-default #1",
            "5.14.21-150500.55.52-default",
        ),
        ("      Not tainted 7.3.4-kho #2", "7.3.4-kho"),
        ("Pid: 900, comm: a Not tainted 3.2.0-4-amd64 #1 Debian 3.2.81-1", "3.2.0-4-amd64"),
    ],
)
def test_releases(line, release):
    (report,) = reports("kernel BUG at mm/slub.c:1!", line)
    assert report.release == release


OLD = """\
BUG: unable to handle kernel NULL pointer dereference at           (null)
IP: [<ffffffff81000001>] nova_poll+0x12/0x60
Oops: 0000 [#1] SMP
CPU: 1 PID: 900 Comm: a Not tainted 3.10.0-1160.el7.x86_64 #1
RIP: 0010:[<ffffffff81000001>]  [<ffffffff81000001>] nova_poll+0x12/0x60
RSP: 0018:ffff880073b55b00  EFLAGS: 00010246
Call Trace:
 [<ffffffff81000002>] ? leftover+0x25/0x60
 [<ffffffff81000003>] nova_wait+0x21/0x80
 [<ffffffff81000004>] nova_ioctl+0x31/0x90
 [<ffffffff81000005>] delta_open+0x41/0xa0
Code: 00 00
RIP  [<ffffffff81000001>] nova_poll+0x12/0x60
 RSP <ffff880073b55b00>
---[ end trace e4754c7187702be5 ]---
Kernel panic - not syncing: Fatal exception""".splitlines()
ARM = """\
Unable to handle kernel NULL pointer dereference at virtual address 00000018
Internal error: Oops: 5 [#1] PREEMPT SMP ARM
CPU: 1 PID: 900 Comm: a Not tainted 5.10.0-lab #1
PC is at nova_poll+0x12/0x60
LR is at nova_wait+0x21/0x80
[<c0109bb8>] (nova_poll) from [<c010d0a8>] (nova_wait+0x10/0x14)
[<c0109bb8>] (nova_wait) from [<c010d0a8>] (nova_ioctl+0x10/0x14)
[<c0109bb8>] (nova_ioctl) from [<c010d0a8>] (delta_open+0x10/0x14)
---[ end trace e4754c7187702be5 ]---
Kernel panic - not syncing: Fatal exception""".splitlines()
DEBUG = """\
BUG: KASAN: null-ptr-deref in nova_poll+0x12/0x60
Read of size 8 at addr 0000000000000018 by task a/900

CPU: 1 UID: 0 PID: 900 Comm: a Not tainted 7.1.0-lab #1 PREEMPT
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 kasan_report+0xda/0x110
 nova_poll+0x12/0x60
 lock_acquire+0x1/0x2
 nova_wait+0x21/0x80
 __might_sleep+0x1/0x2
 nova_ioctl+0x31/0x90
 delta_open+0x41/0xa0
 </TASK>
==================================================================
BUG: kernel NULL pointer dereference, address: 0000000000000018
Oops: Oops: 0000 [#1] SMP KASAN NOPTI
RIP: 0010:nova_poll+0x12/0x60
---[ end trace 0000000000000000 ]---
Kernel panic - not syncing: Fatal exception""".splitlines()


@pytest.mark.parametrize("lines", [OLD, ARM, DEBUG])
def test_one_bug_of_old_kernels_other_machines_and_debug_kernels(lines):
    (found,) = [report for boot in read_boots(printed(lines)) for report in boot.reports]
    assert (found.frames, found.fatal) == (FRAMES, True)
    assert (found.bug, found.signature) == (WHOLE.bug, WHOLE.signature)


def test_a_stalled_cpu_prints_its_own_trace():
    stall = ["rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "Sending NMI from CPU 0 to CPUs 1:"]
    trace = [
        "NMI backtrace for cpu 1",
        "RIP: 0010:nova_loop+0x12/0x60",
        "Call Trace:",
        " <TASK>",
        " nova_read+0x21/0x80",
    ]
    lines = [*printed(stall, "[    C0]"), *printed(trace, "[    C1]")]
    assert first(lines).frames == ("nova_loop", "nova_read")


def test_of_tasks_that_hang_the_first_is_the_cause():
    task = "INFO: task {}:9 blocked for more than 120 seconds.\nCall Trace:\n __schedule+0x1/0x2\n {}_lock+0x1/0x2"
    lines = [line for name in ("alpha", "beta", "gamma") for line in task.format(name, name).splitlines()]
    found = reports(*lines, "Kernel panic - not syncing: hung_task: blocked tasks")
    assert [(one.frames, one.fatal) for one in found] == [
        (("alpha_lock",), True),
        (("beta_lock",), False),
        (("gamma_lock",), False),
    ]


@pytest.mark.parametrize(
    ("panic", "kind"),
    [
        ("softlockup: hung tasks", "lockup"),
        ("RCU Stall", "rcu_stall"),
        ("hung_task: blocked tasks", "hung_task"),
        ("Fatal machine check", "machine_check"),
        ("Fatal hardware error!", "machine_check"),
        ("Asynchronous SError Interrupt", "machine_check"),
        ("sysrq triggered crash", "panic"),
    ],
)
def test_a_dump_that_begins_after_the_report(panic, kind):
    (report,) = reports(f"Kernel panic - not syncing: {panic}")
    assert (report.kind, report.fatal) == (kind, True)


def test_a_broken_rule_is_no_panic_and_has_the_trace_of_its_warning():
    lines = [
        "BUG: Dentry ffff888119d8a000{i=0,n=.index}  still in use (1) [unmount of ramfs ramfs]",
        "WARNING: CPU: 0 PID: 367 at fs/dcache.c:1616 umount_check+0x18d/0x1d0",
        "RIP: 0010:umount_check+0x18d/0x1d0",
        "---[ end trace 0000000000000000 ]---",
    ]
    (report,) = reports(*lines)
    assert (report.kind, report.fatal, report.frames) == ("fault", False, ("umount_check",))


def test_the_reader_is_linear():
    def seconds(count):
        lines = [Line(line, None, None, f"T{number % 50}") for number in range(count) for line in OOPS]
        start = time.process_time()
        reports(*lines)
        return time.process_time() - start

    # Eight times the lines; a reader that looks at all earlier ones would take 64 times as long.
    assert min(seconds(400) for _try in range(3)) < 32 * max(min(seconds(50) for _try in range(3)), 0.005)
