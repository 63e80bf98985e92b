# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over 200 simulated rollouts of each kind, the gate stops harmless ones rarely, and those that kill early."""

from __future__ import annotations

from math import sqrt

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA
from bench.rollouts import EARLY, KINDS, NOISY, QUIET, Kind, roll_out

SEEDS = range(200)
NOISE = 4 * sqrt(ALPHA * (1 - ALPHA) / len(SEEDS))


@pytest.mark.parametrize("whole", [True, False], ids=["whole fleet read", "next wave read"])
@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("harmless")])
def test_harmless_rollouts_go_on(name: str, whole: bool) -> None:
    kind = KINDS[name]
    found = [roll_out(Kind(kind.rate, flaky=kind.flaky, whole=whole), seed) for seed in SEEDS]
    assert sum(one.after is not None for one in found) <= ALPHA * len(SEEDS)
    assert sum(one.missed for one in found) / len(SEEDS) <= ALPHA + NOISE


@pytest.mark.parametrize(("rate", "least"), [(NOISY, 0.88), (QUIET, 0.9)])
def test_jumps_that_kill_are_stopped_early(rate: float, least: float) -> None:
    """In 4 of 100 rollouts nobody has died among the first 156 hosts."""
    kind = Kind(rate, kill=0.02)
    after = [roll_out(kind, seed).after for seed in SEEDS]
    assert sum(jumps is not None and jumps <= EARLY * kind.hosts for jumps in after) >= least * len(SEEDS)


def test_jumps_after_which_hosts_crash_ten_times_as_often_are_stopped() -> None:
    assert all(roll_out(Kind(NOISY, times=10.0), seed).after is not None for seed in range(20))
