# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drifts with the number of handovers in a row, and on more hosts than one: memory, slab, times. Pure.

The trend of a chain is that of a soak (``_soak/trend.py``). Hosts are the units: docs/explanation/statistics.md says
how those of several hosts become one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import comb, isnan, log
from statistics import median
from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Chain, Measures, What, in_order
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import ONE_HOST, TOO_FEW
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA, SIGNIFICANT, adjust
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import Trend, trend

with suppress(ImportError):  # _ledger_errors.require() says so
    from scipy.special import gammaincc
    from scipy.stats import kendalltau

RISES, FALLS, SOME_HOSTS, NO_DRIFT = "rises", "falls", "some_hosts", "no_drift"
FINDINGS = (RISES, FALLS)
SMALLEST = 1e-300
"""Stands for a p-value of 0, of which there is no logarithm."""


class Base(NamedTuple):
    """What cold boots of the release have: the median of the hosts' medians, of so many boots on so many hosts."""

    value: float
    boots: int
    hosts: int


class HostDrift(NamedTuple):
    """How a measure drifts on one host: its trend, of so many jumps, and the evidence that it rises, and that it falls.

    Evidence is the negative logarithm of a p-value.
    """

    host: str
    trend: Trend
    jumps: int
    rises: float
    falls: float


@dataclass(frozen=True)
class Drift:
    """How a measure of a release changes with each jump.

    ``hosts`` and ``jumps`` are those whose chains are long enough for a trend; ``trend`` is that of the middle host,
    None where there is none. ``p`` is for that it drifts on any host, and ``p_beyond`` for that it does so on more than
    one, None with one host; ``q`` and ``q_beyond`` are corrected for all that was looked at. ``host`` drifts the most.
    """

    what: What
    hosts: int
    jumps: int
    trend: Trend | None
    p: float
    p_beyond: float | None
    host: str
    cold: Base | None
    q: float | None = None
    q_beyond: float | None = None

    @property
    def finding(self) -> str:
        """``rises`` or ``falls``; ``some_hosts`` where more than one drifts, and not the middle one; ``one_host``.

        ``no_drift``: none is seen; ``too_few``: no chain was long enough.
        """
        if self.trend is None or self.trend.slope is None:
            return TOO_FEW
        if self.q_beyond is not None and self.q_beyond <= SIGNIFICANT:
            return (RISES if self.trend.slope > 0 else FALLS) if self.trend.drifts else SOME_HOSTS
        return ONE_HOST if self.q is not None and self.q <= SIGNIFICANT else NO_DRIFT


def drifts(measures: Measures) -> tuple[Drift, ...]:
    """Return how each measure of each release drifts, the findings first.

    Of the findings, and of the suspicions about single hosts, at most a share of ``ALPHA`` each is false.
    """
    found = [_drift(what, hosts, measures.cold.get(what, {})) for what, hosts in measures.chains.items()]
    known = [one for one in found if one.trend]
    beyond = iter(adjust([one.p_beyond for one in known if one.p_beyond is not None]))
    corrected = [
        replace(one, q=q, q_beyond=None if one.p_beyond is None else next(beyond))
        for one, q in zip(known, adjust([one.p for one in known]), strict=True)
    ]
    return tuple(sorted([*corrected, *(one for one in found if not one.trend)], key=_urgency))


def _drift(what: What, hosts: Mapping[str, Sequence[Chain]], cold: Mapping[str, Sequence[float]]) -> Drift:
    found = [one for host, chains in hosts.items() if (one := _of_host(host, chains))]
    values = [median(some) for some in cold.values()]
    base = Base(median(values), sum(map(len, cold.values())), len(values)) if values else None
    if not found:
        return Drift(what, 0, 0, None, 1.0, None, "", base)
    rises, falls = [one.rises for one in found], [one.falls for one in found]
    return Drift(
        what=what,
        hosts=len(found),
        jumps=sum(one.jumps for one in found),
        trend=_middle([one.trend for one in found]),
        p=_of_both(rises, falls),
        # Whatever the strongest host says.
        p_beyond=_of_both(sorted(rises)[:-1], sorted(falls)[:-1]) if len(found) > 1 else None,
        host=max(found, key=lambda one: max(one.rises, one.falls)).host,
        cold=base,
    )


def _of_host(host: str, chains: Sequence[Chain]) -> HostDrift | None:
    """Return the trend of a host, the medians of those of its chains; None when none of them has one."""
    known: list[tuple[Chain, Trend]] = []
    for chain in chains:
        counts, values = [count for count, _value in chain], [value for _count, value in chain]
        found = trend(counts, values)
        if found.drifts is not None:
            known.append((chain, found))
    if not known:
        return None
    evidence = [_evidence(chain) for chain, _found in known]
    return HostDrift(
        host,
        _median_of([found for _chain, found in known]),
        sum(len(chain) for chain, _found in known),
        -log(max(_combined([rises for rises, _falls in evidence]), SMALLEST)),
        -log(max(_combined([falls for _rises, falls in evidence]), SMALLEST)),
    )


def _evidence(chain: Chain) -> tuple[float, float]:
    """Return the evidence that the values rise with the count, and that they fall, by Kendall's tau.

    It is the test whose interval a trend has (Sen 1968).
    """
    counts, values = zip(*chain, strict=True)
    p_values = [float(kendalltau(counts, values, alternative=way).pvalue) for way in ("greater", "less")]
    # Values that are all the same have none.
    rises, falls = (-log(1.0 if isnan(p) else max(p, SMALLEST)) for p in p_values)
    return rises, falls


def _combined(evidence: Sequence[float]) -> float:
    """Return the p-value of all together (Fisher 1925)."""
    return float(gammaincc(len(evidence), sum(evidence)))


def _of_both(rises: Sequence[float], falls: Sequence[float]) -> float:
    return min(1.0, 2 * min(_combined(rises), _combined(falls)))


def _median_of(trends: Sequence[Trend]) -> Trend:
    slope, low, high = (median(ends) for ends in zip(*((one.slope, one.low, one.high) for one in trends), strict=True))
    return Trend(slope, low, high, drifts=low > 0 or high < 0)


def _middle(hosts: Sequence[Trend]) -> Trend:
    """Return the median of the hosts' slopes, with its interval from the order of these (Thompson 1936).

    Fewer than six slopes have none; then it reaches from the median of the hosts' lower ends to that of the upper ones.
    """
    middle = _median_of(hosts)
    slopes = sorted(one.slope for one in hosts if one.slope is not None)
    outside = _outside(len(slopes))
    if outside == 0:
        return middle
    low, high = slopes[outside - 1], slopes[-outside]
    return replace(middle, low=low, high=high, drifts=low > 0 or high < 0)


def _outside(number: int) -> int:
    """Return the place from both ends between which the median of all hosts is; 0 when there are too few."""
    place, below = 0, 1
    while 2 * below <= ALPHA * 2**number:
        place += 1
        below += comb(number, place)
    return place


def _urgency(one: Drift) -> tuple[object, ...]:
    order = (RISES, FALLS, SOME_HOSTS, ONE_HOST, NO_DRIFT, TOO_FEW)
    return order.index(one.finding), in_order(one.what.release), [*MEASURES].index(one.what.measure)
