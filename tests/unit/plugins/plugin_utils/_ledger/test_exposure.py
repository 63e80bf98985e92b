# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is bet on kernels that die right after the jump, and how often hosts crash at most."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from unit.plugins.plugin_utils._ledger.test_sequential import watched

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.exposure import (
    DEADLY,
    DOUBT,
    WINDOWS,
    Past,
    highest_rate,
    won_by_deaths,
)

HOUR = 3600.0
KNOWN = Past(1_000_000.0, 500)
WAITING = watched(*[(0.0, 4 * HOUR, False)] * 500)


def test_parts_of_the_stake_are_the_whole() -> None:
    for stakes in (DEADLY, WINDOWS):
        assert sum(part for _value, part in stakes) == pytest.approx(1)


def test_deaths_while_others_die_are_not_blamed_on_the_jump() -> None:
    moment = 4 * HOUR + 30
    jumped = watched(*[(4 * HOUR, moment, True)] * 3, *[(4 * HOUR, 5 * HOUR, False)] * 60)
    others = watched(*[(0.0, moment, True)] * 25, *[(0.0, 5 * HOUR, False)] * 475)
    assert won_by_deaths(jumped, WAITING, KNOWN) > 1000
    assert won_by_deaths(jumped, others, KNOWN) < 2


def test_crash_after_the_first_minutes_is_none() -> None:
    late = watched((0.0, 200.0, True))
    assert won_by_deaths(late, WAITING, KNOWN) < 1
    assert won_by_deaths(watched(), WAITING, KNOWN) == pytest.approx(1)


def test_where_nothing_is_known_nothing_is_bet() -> None:
    assert won_by_deaths(watched((0.0, 10.0, True)), watched(), Past()) == 1


def test_what_hosts_do_that_wait_counts_when_it_is_worse_than_before() -> None:
    jumped = watched((4 * HOUR, 4 * HOUR + 30, True))
    others = watched(*[(0.0, HOUR * at / 10, True) for at in range(1, 20)], *[(0.0, 5 * HOUR, False)] * 100)
    assert won_by_deaths(jumped, others, KNOWN) < won_by_deaths(jumped, WAITING, KNOWN) / 10


@pytest.mark.parametrize("rate", [1 / 2000, 1 / 100])
def test_the_bound_holds_at_all_times_together(rate: float) -> None:
    draw, hours, missed = np.random.default_rng(5), np.array([10.0, 100.0, 1000.0, 1e4, 1e5]), 0
    for _run in range(300):
        crashes = np.cumsum(draw.poisson(rate * np.diff(hours, prepend=0.0)))
        missed += any(highest_rate(int(k), t) < rate for k, t in zip(crashes, hours, strict=True))
    assert missed <= 3 + 300 * DOUBT
    assert highest_rate(0, 0.0) == inf
    assert highest_rate(500, 1_000_000.0) == pytest.approx(1 / 2000, rel=0.25)
