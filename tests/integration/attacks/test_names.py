# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user of a host names a program, a file or a device as the kernel speaks of its own crashes: nobody believes it."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.log import complaints
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import read_boots
from ansible_collections.kho.kexec.tests.unit.support.names import BEGINS, DEVICES, forged

KERNELS_OWN = (
    "abc: 0000 [#1]",
    "Oops: 0000 [#1] PREEMPT SMP",
    "kernel BUG at mm/slub.c:4000!",
    "Kernel panic - not syncing: Fatal exception",
    "BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "BUG: unable to handle page fault for address: ffffc90000000000",
    "general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [sh:1]",
    "INFO: task sh:1 blocked for more than 120 seconds.",
    "rcu: INFO: rcu_sched self-detected stall on CPU",
    "mce: [Hardware Error]: Machine check events logged",
)
# The attack as it was seen on a guest.
SEEN = "abc: 0000 [#1][123]: segfault at 0 ip 0000000000401136 sp 00007ffd error 6 in x[401000+1000]"


@pytest.mark.parametrize("line", KERNELS_OWN)
def test_names_forge_no_crash_and_no_trouble(line: str) -> None:
    said = list(forged(line))
    assert len(said) > len(BEGINS) + len(DEVICES)
    log = ["[    0.000000] Linux version 7.3.4", *(f"[   42.{at:06}] {text}" for at, text in enumerate(said))]
    assert [report for boot in read_boots(log) for report in boot.reports] == []
    assert complaints(said) == ()


def test_the_program_that_was_an_oops() -> None:
    assert complaints([SEEN]) == ()
    assert [boot.reports for boot in read_boots(["[    0.000000] Linux version 7.3.4", f"[   42.0] {SEEN}"])] == [()]


def test_the_kernel_itself_is_believed() -> None:
    """Otherwise the tests above would show nothing."""
    log = ["[    0.000000] Linux version 7.3.4", *(f"[   42.{at:06}] {line}" for at, line in enumerate(KERNELS_OWN))]
    assert any(boot.reports for boot in read_boots(log))
    assert complaints(KERNELS_OWN)
