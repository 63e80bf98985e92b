# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_headers import (
    CRASH_PATTERN,
    HEADERS,
    causes,
    header_kind,
    named_cause,
)
from ansible_collections.kho.kexec.tests.unit.support.names import forged

LINES = [
    ("Kernel panic - not syncing: Fatal exception in interrupt", "panic"),
    ("Oops: divide error: 0000 [#1] SMP NOPTI", "oops"),
    ("Oops: Oops: 0002 [#1] PREEMPT(lazy) SMP KASAN NOPTI", "oops"),
    (
        "Oops: general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP PTI",
        "oops",
    ),
    ("general protection fault: 0000 [#1] SMP", "oops"),
    ("invalid opcode: 0000 [#2] PREEMPT SMP", "oops"),
    ("Oops - illegal instruction [#1]", "oops"),
    ("Oops: Kernel access of bad area, sig: 11 [#1]", "oops"),
    ("BUG: kernel NULL pointer dereference, address: 0000000000000000", "oops"),
    ("BUG: unable to handle page fault for address: ffffffffc0401000", "oops"),
    ("BUG: unable to handle kernel NULL pointer dereference at           (null)", "oops"),
    ("BUG: TASK stack guard page was hit at ffffc90000123fff (stack is ffffc90000120000..ffffc90000123fff)", "oops"),
    ("Unable to handle kernel paging request at virtual address ffff800012345678", "oops"),
    ("traps: PANIC: double fault, error_code: 0x0", "oops"),
    ("Insufficient stack space to handle exception!", "oops"),
    ("Internal error: Oops - BUG: 00000000f2000800 [#1]  SMP", "oops"),
    ("Internal error: : 1b [#1] PREEMPT SMP ARM", "oops"),
    ("BUG: KASAN: slab-use-after-free in foo+0x1/0x2 [foo]", "memory"),
    ("BUG: KASAN: use-after-free in foo+0x1/0x2 at addr ffff8801ccdd8b90", "memory"),
    ("BUG: KFENCE: use-after-free read in foo+0x1/0x2", "memory"),
    ("BUG: KMSAN: kernel-infoleak in foo+0x1/0x2", "memory"),
    ("BUG kmalloc-64 (Tainted: G    B  ): Redzone overwritten", "memory"),
    ("BUG: Bad page state in process sh  pfn:1234", "memory"),
    ("BUG: Bad rss-counter state mm:00000000c1b2d3e4 type:MM_ANONPAGES val:5", "memory"),
    ("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [sh:802]", "lockup"),
    ("NMI watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [sh:802]", "lockup"),
    ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 1", "lockup"),
    ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 1dModules linked in: x", "lockup"),
    ("watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0", "lockup"),
    ("watchdog: CPU 3 self-detected hard LOCKUP @ foo+0x1/0x2", "lockup"),
    ("INFO: task sh:1 blocked in I/O wait for more than 241 seconds.", "hung_task"),
    ("INFO: task sh:1 blocked for more than 241 seconds.", "hung_task"),
    ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", "rcu_stall"),
    ("INFO: rcu_sched self-detected stall on CPU { 1}  (t=21000 jiffies g=1 c=0 q=1)", "rcu_stall"),
    (
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 21 jiffies s: 93 root: 0x2/.",
        "rcu_stall",
    ),
    ("INFO: rcu_tasks detected stalls on tasks:", "rcu_stall"),
    ("INFO: rcu_tasks_trace detected stalls on tasks:", "rcu_stall"),
    ("mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 1: bf80000000000124", "machine_check"),
    ("SError Interrupt on CPU0, code 0x00000000bf000002 -- SError", "machine_check"),
    ("kernel BUG at mm/slub.c:634!", "bug"),
    ("Kernel BUG at foo+0x1/0x2 [verbose debug info unavailable]", "bug"),
    ("BUG: scheduling while atomic: swapper/0/0/0x00000002", "fault"),
    ("BUG: using smp_processor_id() in preemptible [00000000] code: sh/812", "fault"),
    ("[ BUG: held lock freed! ]", "fault"),
    ("VFS: Busy inodes after unmount of sda1. Self-destruct in 5 seconds.  Have a nice day...", "fault"),
    ("VFS: Close: file count is 0", "fault"),
    ("WARNING: CPU: 1 PID: 88 at drivers/gpu/drm/drm_atomic.c:1021 drm_wait+0x1f0/0x210 [drm]", "warning"),
    ("WARNING: drivers/gpu/drm/drm_atomic.c:1027 at drm_wait+0x1f0/0x210, CPU#1: kworker/1:2/88", "warning"),
    ("WARNING: at drm_wait+0x1f0/0x210 [drm], CPU#1: kworker/1:2/88", "warning"),
    ("WARNING: CPU: 1 PID: 88 at drm_wait+0x1f0/0x210", "warning"),
    ("WARNING: at drivers/gpu/drm/drm_atomic.c:1021 drm_wait+0x1f0/0x210()", "warning"),
]
OTHERS = [
    "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 7: 8c00004000010090",
    "usb 1-1: Product: Kernel panic - not syncing: no",
    "INFO: task sh:1 blocked on a mutex likely owned by task x:2.",
    "BUG: a text of something else",
    "watchdog: Delayed init of the lockup detector failed: -19",
    "abc: 0000 [#1][1234]: segfault at 0 ip 0000000000401106",
    "kernel BUG at x",
    "WARNING: this is not a trace",
]


@pytest.mark.parametrize(("line", "kind"), LINES)
def test_headers(line, kind):
    assert header_kind(line) == kind
    assert re.search(CRASH_PATTERN, line), "journalctl is not asked for it"


@pytest.mark.parametrize("line", OTHERS)
def test_other_lines(line):
    assert header_kind(line) is None


@pytest.mark.parametrize("line", [line for line, _kind in LINES])
def test_no_name_of_a_process_or_device_begins_a_report(line):
    assert [said for said in forged(line) if header_kind(said)] == []


@pytest.mark.parametrize("line", [line for line, _kind in LINES])
def test_the_patterns_alone_withstand_the_names_of_processes(line):
    fits = re.compile("|".join(f"(?:{pattern})" for _kind, pattern in HEADERS))
    assert [said for said in forged(line) if fits.fullmatch(said)] == []


@pytest.mark.parametrize(
    ("panic", "kind"),
    [
        ("softlockup: hung tasks", "lockup"),
        ("Hard LOCKUP", "lockup"),
        ("Watchdog detected hard LOCKUP on cpu 1", "lockup"),
        ("RCU Stall", "rcu_stall"),
        ("hung_task: blocked tasks", "hung_task"),
        ("Fatal machine check", "machine_check"),
        ("Fatal hardware error!", "machine_check"),
        ("Asynchronous SError Interrupt", "machine_check"),
        ("panic_on_warn set ...", "warning"),
        ("kernel: panic_on_warn set ...", "warning"),
        ("sysrq triggered crash", None),
        ("Fatal exception", None),
    ],
)
def test_what_a_panic_says_of_its_cause(panic, kind):
    assert named_cause(f"Kernel panic - not syncing: {panic}") == kind


def test_what_a_panic_may_come_of():
    assert "oops" in causes("Kernel panic - not syncing: Fatal exception in interrupt")
    assert "memory" in causes("Kernel panic - not syncing: panic_on_warn set ...")
    assert causes("Kernel panic - not syncing: sysrq triggered crash") == ()
