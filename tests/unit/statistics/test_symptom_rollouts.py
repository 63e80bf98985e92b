# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over 200 simulated rollouts of each kind, symptoms stop harmless ones rarely, and those that bring one early."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.support.cases import more

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA
from bench.symptom_rollouts import KINDS, Fleet, Kind

SEEDS = range(200)
HOSTS = 400


HARMLESS = [name for name in KINDS if name.startswith("harmless")]


EVERY = [*((name, False) for name in HARMLESS), *((name, True) for name in HARMLESS if "hit" in name)]
"""Kinds, and whether the whole fleet is read or the next wave only."""
SOME = [(name, False) for name in HARMLESS]


@pytest.mark.parametrize(("name", "whole"), [*SOME, *more(*(one for one in EVERY if one not in SOME))])
def test_harmless_rollouts_go_on(name: str, whole: bool) -> None:
    kind = replace(KINDS[name], whole=whole, hosts=HOSTS)
    assert sum(Fleet(kind, seed).stopped_after() is not None for seed in SEEDS) <= ALPHA * len(SEEDS)


@pytest.mark.parametrize("whole", [False, *more(True)], ids=["next wave read", "whole fleet read"])
def test_symptom_that_jumps_bring_stops_the_rollout(whole: bool) -> None:
    kind = Kind(bring=0.1, whole=whole, hosts=HOSTS)
    after = [Fleet(kind, seed).stopped_after() for seed in range(50)]
    assert sum(jumps is not None and jumps <= 156 for jumps in after) >= 35
