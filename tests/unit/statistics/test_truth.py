# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over 1,000 fleets whose truth is known, the report is wrong as rarely as it says, and right as often.

`make test` takes 250 of them. Of each kind of fleets whose hosts are not alike, it takes 200.
"""

from __future__ import annotations

from math import sqrt

import pytest
from unit.support.cases import more

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ODDS_TO_FIND
from bench.hosts import Kind, harmful, harmless, simulate
from bench.truth import Tally, coverage, false_alarms, false_discoveries, of_hosts, power, share, told_to_plans

SEEDS = [range(250), *more(range(1000))]
FLEETS = range(200)
LEAST_POWER = 0.9
DEVIATIONS = 4
"""Of this many standard deviations, chance alone is responsible in one of 30,000 runs; and the seeds are fixed."""


def noise(tally: Tally) -> float:
    return DEVIATIONS * sqrt(tally.expected * (1 - tally.expected) / tally.of)


def at_most_expected(tally: Tally) -> bool:
    return tally.happened / tally.of <= tally.expected + noise(tally)


@pytest.mark.parametrize("seeds", SEEDS)
def test_false_alarms_are_at_most_as_frequent_as_stated(seeds: range) -> None:
    tallies = false_alarms(seeds)
    assert set(tallies) == {f"false alarms, {what}" for what in ("transitions", "counts", "trends")}
    assert [name for name, tally in tallies.items() if not at_most_expected(tally)] == []


@pytest.mark.parametrize("seeds", SEEDS)
def test_power_is_as_computed(seeds: range) -> None:
    (tally,) = power(seeds).values()
    assert 0.5 < tally.expected < 1
    assert abs(tally.happened / tally.of - tally.expected) <= noise(tally)


@pytest.mark.parametrize("seeds", SEEDS)
def test_false_share_of_what_is_found(seeds: range) -> None:
    tallies = false_discoveries(seeds)
    assert at_most_expected(tallies["false share of what is found"])
    grown = tallies["growth found"]
    assert grown.happened / grown.of > 0.5


@pytest.mark.parametrize("seeds", SEEDS)
def test_interval_misses_the_truth_as_rarely_as_stated(seeds: range) -> None:
    (tally,) = coverage(seeds).values()
    assert at_most_expected(tally)


@pytest.mark.parametrize("seeds", SEEDS)
def test_plans_are_told_the_truth(seeds: range) -> None:
    tallies = told_to_plans(seeds)
    assert at_most_expected(tallies["false alarms, told to plans"])
    assert at_most_expected(tallies["harmless chain told too short"])
    found = tallies["harmless chain found"]
    assert found.happened / found.of > 0.8


@pytest.mark.parametrize(("name", "kind"), harmless().items())
def test_harmless_fleets_whose_hosts_are_not_alike(name: str, kind: Kind) -> None:
    found = of_hosts(kind, FLEETS)
    assert at_most_expected(found.alarms), name
    assert at_most_expected(found.missed), name


@pytest.mark.parametrize("loops", ["cold", "same"])
def test_crash_loops_begin_with_a_boot_of_their_host(loops: str) -> None:
    """If they began out of nothing, cold boots would crash more often than others, and harmless jumps seem to help."""
    there = simulate(Kind("unequal", loops=loops), 0).way >= 0
    assert there[:, 20:].any()
    assert not (there[:, 1:] & ~there[:, :-1]).any()


def test_boots_are_not_independent() -> None:
    """The same fleets do fool who takes them for that, so they are a test."""
    for name in ("2 % at 0.9, 20 boots, apart", "5 % at 0.4, few apart", "crash loops, cold boots"):
        assert not at_most_expected(of_hosts(harmless()[name], range(50)).pooled_alarms), name


@pytest.mark.parametrize(("name", "kind"), harmful(ODDS_TO_FIND).items())
def test_three_times_the_odds_are_found_where_hosts_are_alike(name: str, kind: Kind) -> None:
    found = of_hosts(kind, FLEETS)
    assert share(found.alarms) >= LEAST_POWER * share(found.pooled_alarms), name
    assert at_most_expected(found.missed), name
