# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from unit.plugins.plugin_utils.scripted import ScriptedClock

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock


def test_last_sleep_is_clipped() -> None:
    clock = ScriptedClock()
    deadline = Deadline(clock, 10)
    deadline.sleep(8)
    deadline.sleep(8)
    assert deadline.elapsed() == 10
    assert deadline.remaining() == 0
    assert deadline.expired()


def test_no_sleep_after_the_end_nor_backwards() -> None:
    clock = ScriptedClock()
    deadline = Deadline(clock, 10)
    deadline.sleep(-1)
    clock.time += 20
    deadline.sleep(1)
    assert deadline.elapsed() == 20


def test_monotonic_clock_moves_forward() -> None:
    clock = MonotonicClock()
    before = clock.now()
    clock.sleep(0.001)
    assert clock.now() > before
