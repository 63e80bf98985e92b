# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history import crash_functions
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_functions import (
    is_dispatcher,
    is_entry,
    is_library,
    is_machinery,
    is_news,
    one_name,
)

LISTS = {name: getattr(crash_functions, name) for name in ("LIBRARY", "WAITS", "DISPATCHERS")}


@pytest.mark.parametrize("name", LISTS)
def test_every_name_is_one_of_c_or_a_beginning_and_stands_once(name):
    names = [one for text in LISTS[name].values() for one in text.split()]
    assert all(one.replace("*", "x").isidentifier() and one.strip("*") for one in names)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("dump_stack_lvl", is_machinery),
        ("asm_exc_page_fault", is_machinery),
        ("__switch_to", is_machinery),
        ("rust_begin_unwind", is_machinery),
        ("lock_acquire", is_machinery),
        ("rcu_sched_clock_irq", is_news),
        ("asm_sysvec_apic_timer_interrupt", is_entry),
        ("memcpy", is_library),
        ("wait_for_completion", is_library),
        ("process_one_work", is_dispatcher),
    ],
)
def test_what_functions_are(function, what):
    assert what(function)


@pytest.mark.parametrize(
    "function",
    ["nvme_reset_work", "copy_process", "memcg_charge", "stream_open", "mt_event", "memory_notify", "strp_recv"],
)
def test_what_only_begins_like_a_library(function):
    assert not is_library(function)
    assert not is_machinery(function)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("__x64_sys_read", "sys_read"),
        ("__arm64_sys_read", "sys_read"),
        ("__do_sys_read", "sys_read"),
        ("SyS_read", "sys_read"),
        ("ksys_read", "sys_read"),
        ("alpha_compat_ioctl", "alpha_ioctl"),
        ("synchronize_rcu_expedited", "synchronize_rcu"),
        ("sysfs_read", "sysfs_read"),
    ],
)
def test_other_names_of_a_function(function, name):
    assert one_name(function) == name
