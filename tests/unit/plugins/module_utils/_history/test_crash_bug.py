# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_bug import (
    bug,
    bug_class,
    culprit,
    normalized,
    signature,
    telling,
)


@pytest.mark.parametrize(
    ("kind", "frames", "message", "what"),
    [
        ("oops", ("alpha",), "BUG: kernel NULL pointer dereference, address: 0", "access"),
        ("memory", ("alpha",), "BUG: KASAN: slab-use-after-free in alpha+0x1/0x2", "access"),
        ("bug", ("__list_del_entry_valid_or_report", "alpha"), "kernel BUG at lib/list_debug.c:59!", "access"),
        ("bug", ("alpha",), "kernel BUG at fs/a.c:59!", "bug"),
        ("lockup", ("alpha",), "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:1]", "stall"),
        ("rcu_stall", ("alpha",), "rcu: INFO: rcu_preempt self-detected stall on CPU", "stall"),
        ("hung_task", ("alpha",), "INFO: task a:1 blocked for more than 120 seconds.", "hang"),
        ("oops", ("alpha",), "BUG: TASK stack guard page was hit at ffff (stack is ffff..ffff)", "stack"),
        ("panic", (), "Kernel panic - not syncing: kernel stack overflow", "stack"),
        ("machine_check", (), "mce: x", "machine_check"),
    ],
)
def test_classes(kind, frames, message, what):
    assert bug_class(kind, frames, message) == what


@pytest.mark.parametrize(
    ("what", "trace", "function"),
    [
        ("access", "memcpy alpha_copy beta_ioctl", "alpha_copy"),
        ("access", "kasan_report __list_del_entry_valid _raw_spin_lock alpha_free beta_ioctl", "alpha_free"),
        ("access", "kmem_cache_alloc __alloc_skb alpha_send", "__alloc_skb"),
        ("access", "memcpy", "memcpy"),
        ("access", "dump_stack asm_exc_page_fault", None),
        ("bug", "skb_panic skb_put alpha_send", "alpha_send"),
        ("hang", "__schedule schedule schedule_timeout wait_for_completion alpha_stop beta_close", "alpha_stop"),
        ("hang", "__schedule schedule rwsem_down_write_slowpath down_write alpha_lock", "alpha_lock"),
        ("hang", "schedule synchronize_rcu_expedited synchronize_net alpha_unregister", "synchronize_rcu"),
        ("hang", "schedule wait_for_completion __synchronize_srcu synchronize_srcu alpha_destroy", "synchronize_rcu"),
        # A loop is found at another place each time, below what was called by a system call, a timer, a work item.
        ("stall", "alpha_step alpha_walk alpha_ioctl vfs_ioctl do_vfs_ioctl sys_ioctl do_syscall_64", "alpha_ioctl"),
        (
            "stall",
            "_raw_spin_lock alpha_walk alpha_ioctl vfs_ioctl do_vfs_ioctl sys_ioctl do_syscall_64",
            "alpha_ioctl",
        ),
        ("stall", "alpha_step alpha_recv __netif_receive_skb_core process_backlog net_rx_action", "alpha_recv"),
        ("stall", "alpha_step alpha_work process_one_work worker_thread kthread", "alpha_work"),
        ("stall", "alpha_step alpha_timer call_timer_fn __run_timers run_timer_softirq __do_softirq", "alpha_timer"),
        ("stall", "alpha_step __x64_sys_alpha do_syscall_64", "sys_alpha"),
        ("stall", "alpha_step __arm64_sys_alpha invoke_syscall el0_svc", "sys_alpha"),
        ("stall", "alpha_step alpha_vcpu_ioctl alpha_vcpu_compat_ioctl __ia32_compat_sys_ioctl", "alpha_vcpu_ioctl"),
        ("stall", "csd_lock_wait smp_call_function_many_cond on_each_cpu alpha_flush", "smp_call_function"),
        ("stall", "smp_call_function_single alpha_load beta_load", "smp_call_function"),
        ("stack", "alpha_b alpha_a alpha_b alpha_a alpha_b alpha_a alpha_b beta", "alpha_a"),
        ("stack", "alpha_c alpha_a alpha_b alpha_a alpha_b alpha_a alpha_b beta", "alpha_a"),
    ],
)
def test_who_is_to_blame(what, trace, function):
    assert culprit(what, trace.split()) == function


def test_what_tells_something():
    assert telling(["dump_stack", "alpha", "panic", "alpha", "beta", "alpha", "do_syscall_64"]) == (
        "alpha",
        "beta",
        "alpha",
    )


def test_a_signature_is_of_a_bug_and_its_frames():
    whole = signature("access", "alpha", ("memcpy", "alpha", "beta", "gamma", "delta"), "x")
    assert whole == signature("access", "alpha", ("alpha", "beta", "gamma", "epsilon"), "y")
    assert whole == signature("access", "alpha", ("inner", "alpha", "beta", "kfree", "gamma"), "y")
    assert whole != signature("access", "alpha", ("alpha", "beta", "delta"), "x")
    assert whole != signature("bug", "alpha", ("alpha", "beta", "gamma"), "x")
    assert signature("access", "alpha", ("alpha", "__x64_sys_read"), "") == signature(
        "access", "alpha", ("alpha", "__arm64_sys_read"), ""
    )


def test_a_bug_is_of_a_class_and_a_function():
    assert bug("access", "alpha", "one") == bug("access", "alpha", "another")
    assert bug("access", "alpha", "one") != bug("access", "beta", "one")
    assert bug("access", "alpha", "one") != bug("stall", "alpha", "one")
    assert bug("access", None, "one") != bug("access", None, "another")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CPU 3: bad ffffffff81000000 0x12", "CPU 11: bad deadbeef 0x1"),
        ("kernel BUG at /build/linux-aB/linux-6.8.0/net/core/a.c:1!", "kernel BUG at /home/x/net/core/a.c:22!"),
        ("kernel BUG at /build/kernel/x/drivers/net/a.c:1!", "kernel BUG at drivers/net/a.c:22!"),
        ("INFO: task sh:1 blocked for more than 9 seconds.", "INFO: task cp:33 blocked for more than 120 seconds."),
        (
            "mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 1: bf80000000000124",
            "[Hardware Error]: CPU 11: Machine Check Exception: 4 Bank 1: be00000000800124",
        ),
    ],
)
def test_what_changes_in_a_message(one, other):
    assert normalized(one) == normalized(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kernel BUG at net/core/a.c:1!", "kernel BUG at net/core/b.c:1!"),
        (
            "mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 1: bf80000000000124",
            "mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 7: bf80000000000090",
        ),
    ],
)
def test_what_tells_messages_apart(one, other):
    assert normalized(one) != normalized(other)
