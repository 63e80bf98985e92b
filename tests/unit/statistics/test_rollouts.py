# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over 200 simulated rollouts of each kind, the gate stops harmless ones rarely, and those that kill early."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
from unit.support.cases import more

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA
from bench.rollouts import EACH, EARLY, KINDS, NOISY, QUIET, Kind, begins_of, roll_out

SEEDS = range(200)
NOISE = 4 * sqrt(ALPHA * (1 - ALPHA) / len(SEEDS))


HARMLESS = [name for name in KINDS if name.startswith("harmless")]
EVERY = [(name, whole, runs) for name in HARMLESS for whole, runs in ((True, 1), (False, 1), (False, 8))]
"""Kinds, whether the whole fleet is read or the next wave only, and how many runs share the rollout."""
SOME = [(name, *read) for name, read in zip(HARMLESS, [(False, 8), (False, 1), (False, 1), (True, 1)], strict=True)]
"""Each kind once, not all read and shared alike."""


@pytest.mark.parametrize(("name", "whole", "runs"), [*SOME, *more(*(one for one in EVERY if one not in SOME))])
def test_harmless_rollouts_go_on(name: str, whole: bool, runs: int) -> None:
    assert set(SOME) < set(EVERY)
    kind = replace(KINDS[name], whole=whole, runs=runs)
    found = [roll_out(kind, seed) for seed in SEEDS]
    assert sum(one.after is not None for one in found) <= ALPHA * len(SEEDS)
    assert sum(one.missed for one in found) / len(SEEDS) <= ALPHA + NOISE


@pytest.mark.parametrize(("rate", "whole"), [(NOISY, False), (QUIET, True), *more((NOISY, True), (QUIET, False))])
def test_jumps_that_kill_are_stopped_early(rate: float, whole: bool) -> None:
    """In 4 of 100 rollouts nobody has died among the first 156 hosts; in all others, it is stopped then."""
    kind = Kind(rate, kill=0.02, whole=whole)
    after = [roll_out(kind, seed).after for seed in SEEDS]
    assert sum(jumps is not None and jumps <= EARLY * kind.hosts for jumps in after) >= 0.91 * len(SEEDS)


def test_jumps_that_kill_are_found_by_runs_that_share_a_rollout() -> None:
    """However many hosts jump at once, all runs know of each other's deaths."""
    kind = Kind(NOISY, kill=0.02, whole=False, runs=8)
    after = [roll_out(kind, seed).after for seed in range(50)]
    assert all(jumps is not None and jumps <= kind.hosts / 4 for jumps in after)


def test_slices_of_runs_go_side_by_side_after_the_canary() -> None:
    begin = begins_of(Kind(NOISY, hosts=12, runs=2))
    assert begin[:6].tolist() == [0, *[EACH] * 5]
    assert begin[6:].tolist() == [1.5 * EACH, *[2.5 * EACH] * 5]


def test_jumps_after_which_hosts_crash_ten_times_as_often_are_stopped() -> None:
    assert all(roll_out(Kind(NOISY, times=10.0), seed).after is not None for seed in range(20))
