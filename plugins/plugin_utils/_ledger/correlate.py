# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which transitions crash, compared with cold boots of the same release. Pure.

The method: docs/explanation/statistics.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.words import CRASHES_ON_ONE_HOST
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    COLD,
    Bug,
    Count,
    FleetCounts,
    HostCount,
    Rest,
    Way,
    WorstHost,
    in_order,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drifts import Drift, drifts
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import (
    CRASHES_LESS,
    CRASHES_MORE,
    NO_DIFFERENCE,
    ONE_HOST,
    TOO_FEW,
    Risk,
    Sum,
    part_of,
    risk_of,
    with_q,
    with_suspicion,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    SIGNIFICANT,
    TrendTest,
    adjust,
    trend_test,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import Survival
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks import SymptomRisk, symptom_risks

GROWS, FALLS, NO_TREND = "grows", "falls", "no_trend"

FEW_OF_ONE_HOST = 3
"""With fewer crashes, it says nothing that they are one host's."""
YOUNG = 0.5
"""Boots that ran for less than this share of the time that cold boots did have had less time to crash."""


@dataclass(frozen=True)
class Trend:
    """Whether risk changes with ``kexec_count``."""

    test: TrendTest
    q: float | None = None

    @property
    def could_tell(self) -> bool:
        """Whether any distribution of the crashes would have been a finding."""
        return self.test.smallest_p <= SIGNIFICANT

    @property
    def finding(self) -> str:
        """``grows``, ``falls``, ``no_trend``, or ``too_few`` boots to tell."""
        if not self.could_tell:
            return TOO_FEW
        if self.q is not None and self.q <= SIGNIFICANT:
            return GROWS if self.test.direction > 0 else FALLS
        return NO_TREND


@dataclass(frozen=True)
class TransitionRisk:
    """All that is known of the crashes after one way to a kernel other than a cold boot.

    ``suspect`` is the host with the most crashes after it, and ``cold_suspect`` that after cold boots of its release.
    """

    way: Way
    risk: Risk
    by_count: tuple[tuple[int | None, Risk], ...]
    trend: Trend | None
    bugs: tuple[Bug, ...]
    cautions: tuple[Note, ...]
    suspect: str = ""
    cold_suspect: str = ""


@dataclass(frozen=True)
class Correlation:
    """The whole fleet: ``cold`` boots by release, and every transition, those that crash more often first."""

    cold: Mapping[str, Sum]
    transitions: tuple[TransitionRisk, ...]
    boots: int
    not_compared: int
    not_joined: int
    rest: Rest = Rest()
    doubted_hosts: tuple[str, ...] = ()
    symptoms: tuple[SymptomRisk, ...] = ()
    symptoms_of_one_host: int = 0
    symptoms_not_told: int = 0
    curves: tuple[Survival, ...] = ()
    drifts: tuple[Drift, ...] = ()
    measures_not_joined: int = 0
    measures_not_read: int = 0

    def of(self, previous_release: str | None, release: str) -> TransitionRisk | None:
        """Return what is known of the handover between two releases, None when there was none."""
        wanted = Way("handover", previous_release, release)
        return next((one for one in self.transitions if one.way == wanted), None)


def correlate(fleet: FleetCounts) -> Correlation:
    """Compare every transition with the cold boots of its release.

    Three questions are asked of many: which transitions crash, after how many handovers, and which grow worse. Of the
    findings to each of them, at most a share of ``ALPHA`` is false.
    """
    groups: defaultdict[Way, list[Count]] = defaultdict(list)
    for count in fleet.counts:
        groups[count.way].append(count)
    cold = {way.release: _sum(counts) for way, counts in groups.items() if way.boot == COLD}
    bugs: defaultdict[Way, list[Bug]] = defaultdict(list)
    for bug in fleet.bugs:
        bugs[bug.way].append(bug)
    found = [
        _transition(way, counts, cold.get(way.release, Sum()), fleet, bugs[way])
        for way, counts in groups.items()
        if way.boot != COLD
    ]
    return Correlation(
        cold=cold,
        transitions=_corrected(found, fleet.hosts),
        boots=fleet.boots,
        not_compared=fleet.not_compared,
        not_joined=fleet.not_joined,
        rest=fleet.rest,
        doubted_hosts=fleet.doubted_hosts,
        symptoms=symptom_risks(fleet.symptoms),
        symptoms_of_one_host=fleet.symptoms.of_one_host,
        symptoms_not_told=fleet.symptoms.not_told,
        curves=fleet.curves,
        drifts=drifts(fleet.measures),
        measures_not_joined=fleet.measures.not_joined,
        measures_not_read=fleet.measures.not_read,
    )


def _transition(
    way: Way, counts: Sequence[Count], cold: Sum, fleet: FleetCounts, bugs: Sequence[Bug]
) -> TransitionRisk:
    risk = risk_of(_sum(counts), cold, fleet.hosts.get(way, ()))
    by_count: defaultdict[int | None, list[Count]] = defaultdict(list)
    for count in counts:
        by_count[count.kexec_count].append(count)
    # A count is unknown where a journal has lost the beginning of a boot.
    numbered = sorted((number, _sum(same)) for number, same in by_count.items() if number is not None)
    unnumbered = [(None, _sum(same)) for number, same in by_count.items() if number is None]
    cells = tuple((number, part_of(total, risk)) for number, total in [*numbered, *unnumbered])
    tables = [(number, cell.table) for number, cell in cells if number is not None]
    test = trend_test([(number, table.boots, table.crashes) for number, table in tables if table.boots])
    return TransitionRisk(
        way=way,
        risk=risk,
        by_count=cells,
        trend=None if test is None else Trend(test),
        bugs=tuple(bugs),
        cautions=tuple(_cautions(way, risk, fleet)),
        suspect=fleet.suspects.get(way, ""),
        cold_suspect=fleet.suspects.get(Way(COLD, None, way.release), ""),
    )


def _sum(counts: Iterable[Count]) -> Sum:
    chosen = list(counts)
    return Sum(*(sum(getattr(count, name) for count in chosen) for name in Sum._fields))


def _cautions(way: Way, risk: Risk, fleet: FleetCounts) -> Iterable[Note]:
    seen, cold = risk.seen, risk.cold
    nobody = WorstHost("", 0)
    worst, worst_cold = (fleet.worst_host.get(one, nobody) for one in (way, Way(COLD, None, way.release)))
    if seen.crashes >= FEW_OF_ONE_HOST and worst.crashes > seen.crashes / 2:
        yield Note(
            CRASHES_ON_ONE_HOST,
            f"{worst.crashes} of the {seen.crashes} boots that crashed are of one host, {worst.host}. Look at its "
            "hardware, and at what it tells, before you blame the transition.",
        )
    if cold.crashes >= FEW_OF_ONE_HOST and worst_cold.crashes > cold.crashes / 2:
        yield Note(
            "cold_crashes_on_one_host",
            f"{worst_cold.crashes} of the {cold.crashes} cold boots of {way.release} that crashed are of one host, "
            f"{worst_cold.host}. They would make the transition look better than it is, if that host is broken, or "
            "tells what is not so.",
        )
    if way in fleet.counts_left_out:
        yield Note(
            "counts_left_out",
            f"{fleet.counts_left_out[way]} further kexec counts, with the fewest boots, are not told each by itself, "
            "but as boots whose count is unknown. The trend is that of the others.",
        )
    if cold.again > cold.boots / 2 or seen.again > seen.boots / 2:
        yield Note(
            "boots_after_crashes",
            f"{seen.again} of its {seen.boots} boots, and {cold.again} of the {cold.boots} cold boots, came right "
            "after one of the same kind and host that crashed. Such a crash loop tells of that host, and counts as "
            "one crash.",
        )
    if cold.recovered > (cold.boots - cold.again) / 2:
        yield Note(
            "cold_boots_after_crashes",
            f"{cold.recovered} of the {cold.boots} cold boots came right after a crash of another kind of boot. Hosts "
            "that crash have most of these, so they make the transition look better than it is, if hosts differ. They "
            "are compared only where it crashes more often even so, and the interval's upper end is of the others.",
        )
    if cold.boots and seen.hours / seen.boots < YOUNG * cold.hours / cold.boots:
        yield Note(
            "boots_younger",
            f"Its boots ran for {seen.hours / seen.boots:.3g} hours on average, and cold boots of the release for "
            f"{cold.hours / cold.boots:.3g}. They had less time to crash, so the risk may still prove higher."
            f"{_by_hour(risk)}",
        )


def _by_hour(risk: Risk) -> str:
    if risk.by_hour is None:
        return ""
    times, low, high = (f"{number:.2g}" for number in risk.by_hour)
    return f" By the hour, they crash {times} times as often as cold boots (CI {low} to {high})."


def _corrected(found: Sequence[TransitionRisk], hosts: Mapping[Way, Sequence[HostCount]]) -> tuple[TransitionRisk, ...]:
    """Return the transitions with their q-values; each of the three questions is corrected by itself."""
    risks = with_q([one.risk for one in found])
    cells = iter(with_q([risk for one in found for _count, risk in one.by_count]))
    trends = iter(_with_trend_q([one.trend for one in found if one.trend]))
    corrected = [
        replace(
            one,
            risk=with_suspicion(risk, hosts.get(one.way, ())),
            by_count=tuple((count, next(cells)) for count, _risk in one.by_count),
            trend=next(trends) if one.trend else None,
        )
        for one, risk in zip(found, risks, strict=True)
    ]
    return tuple(sorted(corrected, key=_urgency))


def _with_trend_q(trends: Sequence[Trend]) -> list[Trend]:
    adjusted = iter(adjust([trend.test.p for trend in trends if trend.could_tell]))
    return [replace(trend, q=next(adjusted)) if trend.could_tell else trend for trend in trends]


def _urgency(one: TransitionRisk) -> tuple[Any, ...]:
    order = (CRASHES_MORE, CRASHES_LESS, ONE_HOST, NO_DIFFERENCE, TOO_FEW)
    place = in_order(one.way.release), in_order(one.way.previous_release), one.way.boot
    return order.index(one.risk.finding), one.risk.q if one.risk.q is not None else 1.0, -one.risk.seen.boots, *place
