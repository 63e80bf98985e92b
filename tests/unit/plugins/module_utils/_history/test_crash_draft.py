# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of a report are the trace that tells where it happened."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_draft import REPORT_LIMIT, Draft
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReader, Line


def report(lines):
    reader = CrashReader()
    for line in lines:
        reader.feed(Line(line))
    return reader.reports()[0]


NEWS = {
    "a stall of a timer": """\
rcu: INFO: rcu_preempt self-detected stall on CPU
NMI backtrace for cpu 1
Call Trace:
 <IRQ>
 dump_stack+0x6b/0x83
 nmi_cpu_backtrace.cold+0x32/0x69
 rcu_dump_cpu_stacks+0xb6/0xdd
 rcu_sched_clock_irq.cold+0x1c3/0x3a9
 some_new_tick+0x8c/0xc0
 </IRQ>
 asm_sysvec_apic_timer_interrupt+0x12/0x20
RIP: 0010:nova_loop+0x12/0x60
RSP: 0018:ffffb8c1c0a3fd48 EFLAGS: 00000246
 nova_read+0x21/0x80""",
    "a stall before 4.10": """\
INFO: rcu_sched self-detected stall on CPU
Call Trace:
 <IRQ>  [<ffffffff8140c8fc>] sched_show_task+0x2cb/0x2d6
 [<ffffffff81417c4a>] rcu_check_callbacks.cold.75+0x5c3/0xd20
 [<ffffffff8129a7da>] some_old_tick+0x3a/0x70
 [<ffffffff838c4290>] apic_timer_interrupt+0xa0/0xb0
 <EOI>  [<ffffffff833c9b39>] nova_loop+0x69/0x100
 [<ffffffff834a3d9e>] nova_read+0x2ce/0x440""",
    "a stall that another CPU notices": """\
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1
RIP: 0010:nova_loop+0x12/0x60
Call Trace:
 <TASK>
 nova_read+0x21/0x80
 </TASK>""",
    "the panic of a hard lockup": """\
Kernel panic - not syncing: Hard LOCKUP
Call Trace:
 <NMI>
 panic+0x10/0x20
 watchdog_hardlockup_check+0x10/0x20
 some_new_pmu+0x10/0x20
 end_repeat_nmi+0x10/0x20
RIP: 0010:nova_loop+0x3/0x30
 </NMI>
 <TASK>
 nova_read+0x22/0x50
 </TASK>""",
    "a warning that panics": """\
WARNING: CPU: 0 PID: 900 at drivers/nova.c:99 nova_loop+0x166/0x220
Kernel panic - not syncing: panic_on_warn set ...
Call Trace:
 panic+0x25c/0x799
 __warn.cold+0x22f/0x230
 report_bug+0x190/0x290
 some_old_trap+0x36/0x40
 invalid_op+0x23/0x30
RIP: 0010:nova_loop+0x166/0x220
Code: 00
RSP: 0018:ffff8880a1b0f9d8 EFLAGS: 00010286
 nova_read+0x107/0x200""",
    "an error of the memory": """\
Kernel panic - not syncing: Asynchronous SError Interrupt
Call trace:
 panic+0x10/0x20
 arm64_serror_panic+0x10/0x20
 some_new_ras+0x10/0x20
 el1h_64_error+0x10/0x20
 nova_loop+0x10/0x20
 nova_read+0x10/0x20""",
    "KFENCE": """\
BUG: KFENCE: use-after-free read in nova_loop+0x60/0xd0

Use-after-free read at 0x00000000cafe1234 (in kfence-#42):
 nova_loop+0x60/0xd0
 nova_read+0x10/0x20

kfence-#42: 0x00000000cafe0000-0x00000000cafe001f, size=32, cache=kmalloc-32

allocated by task 900 on cpu 1 at 99.900000s:
 another_place+0x10/0x20""",
    "KMSAN": """\
BUG: KMSAN: uninit-value in nova_loop+0x60/0xd0
 nova_loop+0x60/0xd0
 nova_read+0x10/0x20

Uninit was created at:
 another_place+0x10/0x20""",
    "a soft lockup of an old kernel": """\
NMI watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [a:900]
RIP: 0010:[<ffffffff81000001>]  [<ffffffff81000001>] nova_loop+0x12/0x60
Call Trace:
 [<ffffffff81000003>] nova_read+0x21/0x80
Code: 00""",
    "Rust": """\
kernel BUG at rust/helpers/bug.c:7!
Oops: invalid opcode: 0000 [#1] SMP PTI
RIP: 0010:rust_helper_BUG+0x8/0x10
Call Trace:
 <TASK>
 _RNvCs2UWVAg6MXrF_7___rustc17rust_begin_unwind+0x1/0x2
 _RNvNtCs9jEwPDbx20M_4core9panicking9panic_fmt+0x84/0x90
 nova_loop+0x1/0x2
 nova_read+0x1/0x2""",
}


@pytest.mark.parametrize("name", NEWS)
def test_what_brings_the_news_does_not_count(name):
    lines = NEWS[name].splitlines()
    found = report(lines)
    assert found.frames[:2] == ("nova_loop", "nova_read")
    assert "another_place" not in found.frames
    other = report([line.replace("nova", "omega") for line in lines])
    assert found.bug != other.bug
    assert found.signature != other.signature


def test_what_an_interrupt_interrupted_is_left_out():
    lines = [
        "kernel BUG at a.c:1!",
        "Call Trace:",
        " <IRQ>",
        " nova_poll+0x1/0x2",
        " </IRQ>",
        " <TASK>",
        " other+0x1/0x2",
    ]
    assert report(lines).frames == ("nova_poll",)


def test_a_report_without_an_end_is_bounded():
    draft = Draft("oops", "kernel BUG at a.c:1!")
    for number in range(REPORT_LIMIT):
        assert not draft.finished, number
        draft.add("x")
    assert draft.finished


@pytest.mark.parametrize(
    ("where", "frames"),
    [
        # No frame of its own yet: who called it is only in the register.
        (
            "pc : nova_leaf+0xc/0x20|lr : nova_do+0x24/0x48|Call trace:| nova_leaf+0xc/0x20 (P)",
            ("nova_leaf", "nova_do"),
        ),
        # It has called something, and goes on within itself.
        ("pc : nova_leaf+0xc/0x20|lr : nova_leaf+0x8/0x20|Call trace:| nova_leaf+0xc/0x20 (P)", ("nova_leaf",)),
        ("pc : nova_leaf+0xc/0x20|lr : nova_read+0x8/0x20|Call trace:| nova_leaf+0xc/0x20 (P)", ("nova_leaf",)),
        # A jump to nowhere.
        ("pc : 0x0|lr : nova_do+0x24/0x48|Call trace:| 0x0 (P)", ("nova_do",)),
    ],
)
def test_arm64_leaves_out_who_called_a_function_without_a_frame(where, frames):
    first = "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000"
    found = report([first, *where.split("|"), " nova_read+0x1c/0x80", " vfs_write+0x1/0x2"])
    assert found.frames == (*frames, "nova_read", "vfs_write")


@pytest.mark.parametrize(
    ("offset", "trace", "frames"),
    [
        ("0x0", "? nova_read|? stale", ("nova_read",)),
        ("0x3", "? nova_read|nova_read", ("nova_read",)),
        ("0x4", "? stale", ()),
        ("0x0", "nova_read|? stale", ("nova_read",)),
    ],
)
def test_frame_pointers_leave_out_who_called_a_function_that_was_just_entered(offset, trace, frames):
    place = [
        "kernel BUG at a.c:1!",
        f"RIP: 0010:nova_poll+{offset}/0x9",
        "RSP: 0018:ff EFLAGS: 00000286",
        "Call Trace:",
    ]
    found = report([*place, " <TASK>", *(f" {name}+0x1c/0x80" for name in trace.split("|")), " vfs_write+0x1/0x2"])
    assert found.frames == ("nova_poll", *frames, "vfs_write")


def test_what_arm64_interrupted_is_not_of_the_crash():
    lines = ("panic+0x68/0x70", "nova_tick+0x20/0x28", "hrtimer_interrupt+0xf0/0x360", "el1_interrupt+0x3c/0x60")
    traced = [f" {line}" for line in (*lines, "el1h_64_irq+0x6c/0x70", "nova_read+0x8c/0xd8 (P)")]
    found = report(["Kernel panic - not syncing: nova", "Call trace:", *traced])
    assert found.frames == ("nova_tick",)


def test_who_calls_itself_is_to_blame():
    traced = [" nova_walk+0x18/0xc8 (P)", *[" nova_walk+0xb4/0xc8"] * 9, " nova_read+0x3c/0x60", " vfs_write+0x1/0x2"]
    found = report(["Insufficient stack space to handle exception!", "Call trace:", *traced])
    assert (found.culprit, found.frames[:2]) == ("nova_walk", ("nova_walk", "nova_read"))
