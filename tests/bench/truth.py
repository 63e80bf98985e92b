# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often the report is wrong: simulated fleets whose truth is known, once for each seed."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ansible_collections.kho.kexec.plugins.plugin_utils._common.files import replace_file
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import (
    FALLS,
    GROWS,
    Correlation,
    TransitionRisk,
    correlate,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, FleetCounts, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import CRASHES_LESS, CRASHES_MORE
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risks import crash_risks
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    ALPHA,
    ODDS_TO_FIND,
    SIGNIFICANT,
    Table,
    adjust,
    exact_test,
    risk_interval,
)
from bench.common import RESULTS
from bench.hosts import RATE, Kind, counted, harmful, harmless, ruinous
from bench.hosts import simulate as simulate_hosts

RELEASE = "7.3.4"
COLD_BOOTS, COLD_RATE = 600, 0.02
SIZES = (400, 300, 200, 100)
"""Boots with 1, 2, 3 and 4 handovers, of each transition."""


class Tally(NamedTuple):
    """What happened over all seeds: how often, of how many, and how often at most (or as computed)."""

    happened: float
    of: int
    expected: float


def rate_with(odds: float) -> float:
    """Return the crash rate with so many times the odds of a cold boot."""
    raised = odds * COLD_RATE / (1 - COLD_RATE)
    return raised / (1 + raised)


def simulate(seed: int, rates: Sequence[Sequence[float]]) -> tuple[TransitionRisk, ...]:
    """Return what is found in a fleet, in the order of ``rates``."""
    found = simulate_fleet(seed, rates).transitions
    return tuple(sorted(found, key=lambda one: one.way.previous_release or ""))


def simulate_fleet(seed: int, rates: Sequence[Sequence[float]]) -> Correlation:
    """Return the findings of a fleet; ``rates`` are those of each transition, for each of ``SIZES``."""
    draw = np.random.default_rng(seed)
    cold = Count(Way("cold", None, RELEASE), 0, COLD_BOOTS, int(draw.binomial(COLD_BOOTS, COLD_RATE)), COLD_BOOTS)
    counts = [
        Count(Way("handover", f"7.2.{number}", RELEASE), count, boots, int(draw.binomial(boots, rate)), boots)
        for number, of_counts in enumerate(rates)
        for count, (boots, rate) in enumerate(zip(SIZES, of_counts, strict=True), start=1)
    ]
    return correlate(FleetCounts(counts=(cold, *counts)))


def false_alarms(seeds: range) -> dict[str, Tally]:
    """Fleets in which nothing crashes more than anything else: in which share of them is anything found at all?"""
    harmless = [[COLD_RATE] * len(SIZES)] * 3
    alarms = dict.fromkeys(("transitions", "counts", "trends"), 0)
    for seed in seeds:
        found = simulate(seed, harmless)
        alarms["transitions"] += any(one.risk.finding in (CRASHES_MORE, CRASHES_LESS) for one in found)
        alarms["counts"] += any(
            risk.finding in (CRASHES_MORE, CRASHES_LESS) for one in found for _count, risk in one.by_count
        )
        alarms["trends"] += any(one.trend is not None and one.trend.finding in (GROWS, FALLS) for one in found)
    return {f"false alarms, {name}": Tally(number, len(seeds), ALPHA) for name, number in alarms.items()}


def power(seeds: range) -> dict[str, Tally]:
    """A transition with the odds that should be found: is it found as often as computed?"""
    happened, computed = 0, 0.0
    for seed in seeds:
        (one,) = simulate(seed, [[rate_with(ODDS_TO_FIND)] * len(SIZES)])
        assert one.risk.test is not None
        happened += one.risk.finding == CRASHES_MORE
        computed += one.risk.test.power
    return {"found": Tally(happened, len(seeds), computed / len(seeds))}


def false_discoveries(seeds: range) -> dict[str, Tally]:
    """Fleets in which one transition of three crashes, and grows worse: which share of what is found is false?"""
    rates = [[COLD_RATE] * len(SIZES), [COLD_RATE] * len(SIZES), [rate_with(2 * count) for count in (1, 2, 3, 4)]]
    shares, grows = 0.0, 0
    for seed in seeds:
        found = simulate(seed, rates)
        alarms = [one.risk.finding in (CRASHES_MORE, CRASHES_LESS) for one in found]
        shares += sum(alarms[:2]) / max(sum(alarms), 1)
        grows += found[2].trend is not None and found[2].trend.finding == GROWS
    return {
        "false share of what is found": Tally(shares, len(seeds), ALPHA),
        "growth found": Tally(grows, len(seeds), 1.0),
    }


def coverage(seeds: range) -> dict[str, Tally]:
    """Does the interval of the relative risk miss the truth as rarely as it says?"""
    rate = rate_with(ODDS_TO_FIND)
    missed = 0
    for seed in seeds:
        (one,) = simulate(seed, [[rate] * len(SIZES)])
        assert one.risk.interval is not None
        missed += not one.risk.interval[0] <= rate / COLD_RATE <= one.risk.interval[1]
    return {"interval misses the truth": Tally(missed, len(seeds), ALPHA)}


def told_to_plans(seeds: range) -> dict[str, Tally]:
    """What plans refuse: is anything told of a harmless fleet, and is the longest harmless chain the true one?"""
    harmless = [[COLD_RATE] * len(SIZES)] * 3
    only_the_longest = [[COLD_RATE] * (len(SIZES) - 1) + [rate_with(20)]]
    alarms = short = right = 0
    for seed in seeds:
        alarms += bool(crash_risks(simulate_fleet(seed, harmless)))
        limits = [risk["longest_chain"] for risk in crash_risks(simulate_fleet(seed, only_the_longest))]
        right += limits == [len(SIZES) - 1]
        short += any(limit is not None and limit < len(SIZES) - 1 for limit in limits)
    return {
        "false alarms, told to plans": Tally(alarms, len(seeds), ALPHA),
        "harmless chain told too short": Tally(short, len(seeds), ALPHA),
        "harmless chain found": Tally(right, len(seeds), 1.0),
    }


FOUND = (CRASHES_MORE, CRASHES_LESS)


class OfHosts(NamedTuple):
    """What is found in fleets of one kind, and what would be if boots were taken for independent (``pooled``).

    In which shares of the fleets something is found at all, and which shares of the intervals miss the truth.
    """

    alarms: Tally
    pooled_alarms: Tally
    missed: Tally
    pooled_missed: Tally


def of_hosts(kind: Kind, seeds: range) -> OfHosts:
    """Look at fleets in which hosts differ, or are alike."""
    truth = _relative_risk(kind.odds)
    alarms = pooled_alarms = missed = pooled_missed = intervals = 0
    for seed in seeds:
        found = correlate(counted(kind, simulate_hosts(kind, seed))).transitions
        risks = [one.risk for one in found if one.risk.interval is not None]
        alarms += any(risk.finding in FOUND for risk in risks)
        missed += sum(not risk.interval[0] <= truth <= risk.interval[1] for risk in risks if risk.interval)
        tables = [Table(risk.seen.crashes, risk.seen.boots, risk.cold.crashes, risk.cold.boots) for risk in risks]
        pooled_alarms += _is_found(tables)
        pooled_missed += sum(not low <= truth <= high for low, high in map(risk_interval, tables))
        intervals += len(risks)
    return OfHosts(
        *(Tally(happened, len(seeds), ALPHA) for happened in (alarms, pooled_alarms)),
        *(Tally(happened, max(intervals, 1), ALPHA) for happened in (missed, pooled_missed)),
    )


def _relative_risk(odds: float) -> float:
    return odds / (1 - RATE + odds * RATE)


def _is_found(tables: Sequence[Table]) -> bool:
    tests = [test for test in map(exact_test, tables) if test.smallest_p <= SIGNIFICANT]
    return any(q <= SIGNIFICANT for q in adjust([test.p for test in tests]))


QUESTIONS: tuple[Callable[[range], dict[str, Tally]], ...] = (
    false_alarms,
    power,
    false_discoveries,
    coverage,
    told_to_plans,
)


def ask_all(seeds: range) -> Iterator[tuple[str, Tally]]:
    """Yield the answer to every question."""
    for question in QUESTIONS:
        yield from question(seeds).items()


def share(tally: Tally) -> float:
    """Return the share of what could happen that happened."""
    return tally.happened / tally.of


def kinds_of_hosts(wanted: str) -> dict[str, Kind]:
    """Return the kinds of fleets whose names match a glob."""
    kinds = {
        **harmless(),
        **{f"odds {ODDS_TO_FIND:g}, {name}": kind for name, kind in harmful(ODDS_TO_FIND).items()},
        **ruinous(),
    }
    return {name: kind for name, kind in kinds.items() if fnmatchcase(name, wanted)}


def table_of_hosts(kinds: Mapping[str, Kind], seeds: range, kept: Path) -> Iterator[str]:
    """Yield the lines of a table in Markdown: each kind of fleets, and the same with boots taken for independent.

    Each kind's line is kept in a file of its own, and what is kept there is not simulated again.
    """
    yield "| fleets | something found | boots independent | interval misses the truth | boots independent |"
    yield "|---|---|---|---|---|"
    kept.mkdir(parents=True, exist_ok=True)
    for name, kind in kinds.items():
        path = kept / f"{re.sub('[^0-9a-z]+', '-', name).strip('-')}.{len(seeds)}.md"
        if not path.exists():
            found = of_hosts(kind, seeds)
            replace_file(path, f"| {name} | {' | '.join(f'{100 * share(tally):.1f} %' for tally in found)} |\n")
        yield path.read_text().strip()


def main(argv: Sequence[str] | None = None) -> int:
    """Print how often each thing happened, beside how often it may, or is computed to."""
    parser = argparse.ArgumentParser(prog="bench.truth", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many fleets, default %(default)s")
    parser.add_argument("--hosts", action="store_true", help="only fleets whose hosts are not alike, as a table")
    parser.add_argument("--kind", default="*", help="with --hosts, only kinds whose names match this glob")
    parser.add_argument(
        "--kept",
        type=Path,
        default=RESULTS / "truth",
        help="with --hosts, a folder with a file for each kind; one that has its file is done, so changed code needs "
        "another folder; default %(default)s",
    )
    given = parser.parse_args(argv)
    if given.hosts:
        for line in table_of_hosts(kinds_of_hosts(given.kind), range(given.seeds), given.kept):
            print(line, flush=True)
        return 0
    for name, tally in ask_all(range(given.seeds)):
        print(f"{name:30} {share(tally):.4f}  (expected {tally.expected:.4f})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
