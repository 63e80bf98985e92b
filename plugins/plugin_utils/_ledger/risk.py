# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often boots crash, compared with cold boots, and whether that is a finding. Pure.

The method: docs/explanation/statistics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import HostCount
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.evidence import (
    Evidence,
    Hosts,
    hosts_of,
    rests_on_one_host,
    weigh,
    without_recovered,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    SIGNIFICANT,
    Estimate,
    ExactTest,
    Table,
    adjust,
    exact_test,
    rate_interval,
    risk_interval,
)

CRASHES_MORE = "crashes_more"
CRASHES_LESS = "crashes_less"
ONE_HOST = "one_host"
NO_DIFFERENCE = "no_difference"
TOO_FEW = "too_few"

ENOUGH_POWER = 0.8
"""With less, that nothing was found says little."""


class Sum(NamedTuple):
    """Boots, how many of them crashed, and how long they ran.

    Those that came right after a crash of their host: ``again`` of the same way, ``recovered`` of another one.
    """

    boots: int = 0
    crashes: int = 0
    hours: float = 0.0
    again: int = 0
    again_crashes: int = 0
    recovered: int = 0
    recovered_crashes: int = 0


@dataclass(frozen=True)
class Risk:
    """How often boots crash, compared with cold boots of the same release.

    ``seen`` and ``cold`` are all boots. ``whole`` is what they are worth as evidence, in independent boots. Cold boots
    right after a crash of another way are those of hosts that crash: ``apart`` is the evidence without them, None where
    there are no others. ``hosts`` is None where nothing is known of single hosts: of single counts, whose boots are
    worth as much, each, as those of all counts. ``test`` is None without boots to compare; ``q`` is None unless the
    test could have found anything, and only those tests are corrected for. An infinite ``relative_risk`` means that no
    cold boot crashed, and so does an infinite upper end of its ``interval``, or that there is no ``apart``. ``alone``:
    what was found rests on one host.
    """

    seen: Sum
    cold: Sum
    whole: Evidence
    apart: Evidence | None
    hosts: Hosts | None
    rate: tuple[float, float, float]
    interval: tuple[float, float] | None
    test: ExactTest | None
    q: float | None = None
    alone: bool = False

    @property
    def evidence(self) -> Evidence:
        """What is told: all cold boots where boots crash more often even so, and otherwise those apart."""
        return _told(self.whole, self.apart)

    @property
    def estimate(self) -> Estimate:
        """What is told, in independent boots."""
        return self.evidence.estimate

    @property
    def table(self) -> Table:
        """The same in whole numbers, for the test."""
        return self.evidence.table

    @property
    def relative_risk(self) -> float | None:
        """How many times as often boots crash as cold boots; None when neither crashed or there are none of a kind."""
        return self.estimate.relative_risk

    @property
    def by_hour(self) -> tuple[float, float, float] | None:
        """How many times as often boots crash in an hour as cold boots, and its interval, for hours that are as known.

        None where there is nothing to compare, or nobody knows how long the boots of one kind ran.
        """
        seen, cold = self.seen, self.cold
        if self.relative_risk is None or self.interval is None or not (seen.hours and cold.hours):
            return None
        times = (cold.hours / cold.boots) / (seen.hours / seen.boots)
        return self.relative_risk * times, self.interval[0] * times, self.interval[1] * times

    @property
    def could_tell(self) -> bool:
        """Whether any distribution of the crashes would have been a finding."""
        return self.test is not None and self.test.smallest_p <= SIGNIFICANT

    @property
    def finding(self) -> str:
        """``crashes_more``, ``crashes_less``, ``one_host``, ``no_difference``, or ``too_few`` boots to tell."""
        if self.q is not None and self.q <= SIGNIFICANT and self.relative_risk is not None:
            if self.alone:
                return ONE_HOST
            return CRASHES_MORE if self.relative_risk > 1 else CRASHES_LESS
        return NO_DIFFERENCE if self.test is not None and self.test.power >= ENOUGH_POWER else TOO_FEW


def risk_of(seen: Sum, cold: Sum, hosts: Sequence[HostCount] = ()) -> Risk:
    """Compare boots, of which there are some, with cold boots; ``q`` is for those who know what else was looked at.

    Without ``hosts``, each boot is compared as if it were one of another host.
    """
    whole = _evidence(_as_they_are(seen, cold), hosts)
    apart: Evidence | None = whole
    if cold.recovered:
        others = _without_recovered(cold)
        some = others.boots > others.again
        apart = _evidence(_as_they_are(seen, others), [*map(without_recovered, hosts)]) if some else None
    return _compared(seen, cold, whole, apart, hosts_of(hosts) if hosts else None)


def part_of(seen: Sum, whole: Risk) -> Risk:
    """Compare some of the boots of a transition, which are worth as much, each, as its boots are on average."""
    raw, part = _as_they_are(whole.seen, whole.cold), _as_they_are(seen, whole.cold)
    of_whole = _part_of(part, raw, whole.whole)
    apart = whole.apart
    if apart is not None:
        apart = of_whole if apart is whole.whole else _part_of(part, raw, apart)
    return _compared(seen, whole.cold, of_whole, apart, None)


def table_of_part(seen: Sum, whole: Risk) -> Table:
    """Return what some of the boots are worth alone, which is quicker."""
    part = _as_they_are(seen, whole.cold)
    return _part_of(part, _as_they_are(whole.seen, whole.cold), whole.evidence).table


def _part_of(part: Table, raw: Table, whole: Evidence) -> Evidence:
    share = whole.estimate.boots / raw.boots if raw.boots else 1.0
    boots, crashes = part.boots * share, part.crashes * share
    # Cold boots are what they are for the whole transition.
    estimate = replace(whole.estimate, crashes=crashes, boots=boots)
    table = replace(whole.table, crashes=round(crashes), boots=max(round(boots), min(part.boots, 1)))
    return Evidence(estimate, table)


def _evidence(raw: Table, hosts: Sequence[HostCount]) -> Evidence:
    told = hosts_of(hosts)
    return weigh(hosts) if told.hosts and told.cold_hosts else Evidence(raw, raw)


def _as_they_are(seen: Sum, cold: Sum) -> Table:
    """All boots but those right after a crash of their host and way: a crash loop is one crash."""
    return Table(
        seen.crashes - seen.again_crashes,
        seen.boots - seen.again,
        cold.crashes - cold.again_crashes,
        cold.boots - cold.again,
    )


def _without_recovered(cold: Sum) -> Sum:
    crashes = cold.crashes - cold.recovered_crashes
    return cold._replace(boots=cold.boots - cold.recovered, crashes=crashes, recovered=0, recovered_crashes=0)


def _told(whole: Evidence, apart: Evidence | None) -> Evidence:
    return whole if apart is None or _is_more(whole) else apart


def _is_more(evidence: Evidence) -> bool:
    ratio = evidence.estimate.relative_risk
    return ratio is not None and ratio > 1


def _compared(seen: Sum, cold: Sum, whole: Evidence, apart: Evidence | None, hosts: Hosts | None) -> Risk:
    estimate = _told(whole, apart).estimate
    return Risk(
        seen=seen,
        cold=cold,
        whole=whole,
        apart=apart,
        hosts=hosts,
        rate=_rate(estimate.crashes, estimate.boots),
        interval=_interval(whole, apart) if _is_comparable(whole) else None,
        test=_test(whole, apart) if _is_comparable(whole) else None,
    )


def _is_comparable(evidence: Evidence) -> bool:
    return evidence.table.boots > 0 and evidence.table.cold_boots > 0


def _interval(whole: Evidence, apart: Evidence | None) -> tuple[float, float]:
    """Hosts that crash have more cold boots right after a crash, so these never make the upper end."""
    low, high = risk_interval(whole.estimate)
    if apart is whole:
        return low, high
    return low, max(high, risk_interval(apart.estimate)[1]) if apart and _is_comparable(apart) else inf


def _test(whole: Evidence, apart: Evidence | None) -> ExactTest:
    """The same: they may say that boots crash more often, and neither that they crash less nor that all are alike."""
    first = exact_test(whole.table)
    if apart is whole:
        return first
    if apart is None or not _is_comparable(apart):
        return replace(first, p=first.p if _is_more(whole) else 1.0, power=0.0)
    second = exact_test(apart.table)
    smallest = min(first.smallest_p, second.smallest_p)
    return replace(first if _is_more(whole) else second, smallest_p=smallest, power=second.power)


def _rate(crashes: float, boots: float) -> tuple[float, float, float]:
    # Where all came right after a crash, nothing is known.
    return (crashes / boots, *rate_interval(crashes, boots)) if boots else (0.0, 0.0, 1.0)


def with_suspicion(risk: Risk, hosts: Sequence[HostCount]) -> Risk:
    """Return the same, knowing whether what was found rests on one host."""
    if risk.finding not in (CRASHES_MORE, CRASHES_LESS) or not hosts:
        return risk
    return replace(risk, alone=rests_on_one_host(hosts, risk.finding == CRASHES_MORE))


def with_q(risks: Sequence[Risk]) -> list[Risk]:
    """Return the same with their q-values: of the findings, at most a share of ``ALPHA`` is false."""
    adjusted = iter(adjust([risk.test.p for risk in risks if risk.test and risk.could_tell]))
    return [replace(risk, q=next(adjusted)) if risk.could_tell else risk for risk in risks]
