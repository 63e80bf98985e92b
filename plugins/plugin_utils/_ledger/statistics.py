# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mathematics of rare crashes, done by SciPy. Pure. docs/explanation/statistics.md says why each method was chosen.

``crashes`` of ``boots`` after a transition are compared with ``cold_crashes`` of ``cold_boots``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import copysign, inf, log, sqrt
from typing import TYPE_CHECKING

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np
    from scipy.optimize import brentq

    # Not the distributions of scipy.stats, whose calls take a hundred times as long.
    from scipy.special import betaincinv, betaln, ndtri
    from scipy.stats import false_discovery_control

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA = 0.05
"""Accepted share of false alarms; intervals hold the truth with a probability of 1 - ALPHA."""
ODDS_TO_FIND = 3.0
"""A transition that crashes with three times the odds of a cold boot is one that should be found."""
TIE = 1 + 1e-7
"""Two probabilities that differ by less are the same: rounding must not decide."""
SIGNIFICANT = ALPHA * TIE
"""What a p-value or q-value is at most when it counts as ``ALPHA`` or less."""
WIDEST = 30.0
"""Natural logarithm of the largest relative risk that is looked for."""

TREND_DRAWS = 9999
TREND_EXCEEDED = 20
"""A trend's drawing stops when so many drawn tables were as extreme as the one that was seen."""
TREND_BATCH = 1000
SEED = 71
"""Makes the drawing give the same answer to the same counts."""


@dataclass(frozen=True)
class Estimate:
    """Crashed boots and boots of two groups, as what they are worth, which need be no whole numbers."""

    crashes: float
    boots: float
    cold_crashes: float
    cold_boots: float

    @property
    def relative_risk(self) -> float | None:
        """How many times as often boots crash as cold boots; None when neither group crashed or one is empty."""
        if not self.boots or not self.cold_boots or not (self.crashes or self.cold_crashes):
            return None
        if not self.cold_crashes:
            return inf
        return (self.crashes / self.boots) / (self.cold_crashes / self.cold_boots)


@dataclass(frozen=True)
class Table(Estimate):
    """Crashed boots and boots of two groups."""

    crashes: int
    boots: int
    cold_crashes: int
    cold_boots: int


@dataclass(frozen=True)
class ExactTest:
    """Fisher's exact test, two-sided.

    ``p`` is the probability of what was seen, or of anything less probable, if transition and crashes had nothing to do
    with each other; ``smallest_p`` the smallest that so many boots and crashes could have given; ``power`` the
    probability with which a transition of ``ODDS_TO_FIND`` is found to crash more often (``p`` at most ``ALPHA``).
    """

    p: float
    smallest_p: float
    power: float


def rate_interval(crashes: float, boots: float) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson (1934) for the share of boots that crash; ``boots`` is not 0."""
    low = betaincinv(crashes, boots - crashes + 1, ALPHA / 2) if crashes else 0.0
    high = betaincinv(crashes + 1, boots - crashes, 1 - ALPHA / 2) if crashes < boots else 1.0
    return float(low), float(high)


def risk_interval(table: Estimate) -> tuple[float, float]:
    """Return the score interval of Miettinen and Nurminen (1985) for the relative risk.

    The upper end is infinite when no cold boot crashed, the lower one 0 when no other did.
    """
    low, high = 0.0, inf
    quantile = -float(ndtri(ALPHA / 2))
    if table.crashes:
        low = _where_score_is(quantile, table)
    if table.cold_crashes:
        high = _where_score_is(-quantile, table)
    return low, high


def _where_score_is(wanted: float, table: Estimate) -> float:
    """Return the relative risk at which the score has a value; the score falls with it."""

    def distance(logarithm: float) -> float:
        return _score(table, float(np.exp(logarithm))) - wanted

    if distance(-WIDEST) < 0:
        return 0.0
    if distance(WIDEST) > 0:
        return inf
    return float(np.exp(brentq(distance, -WIDEST, WIDEST)))


def _score(table: Estimate, ratio: float) -> float:
    """Return by how many standard errors the two rates differ from a relative risk of ``ratio``."""
    boots, cold = table.boots, table.cold_boots
    # The cold rate that fits best if the relative risk were `ratio`: a root of a x^2 - b x + c.
    a, c = (boots + cold) * ratio, table.crashes + table.cold_crashes
    b = boots * ratio + table.crashes + cold + table.cold_crashes * ratio
    cold_rate = 2 * c / (b + sqrt(max(b * b - 4 * a * c, 0.0)))
    rate = min(cold_rate * ratio, 1.0)
    variance = rate * (1 - rate) / boots + ratio**2 * cold_rate * (1 - cold_rate) / cold
    variance *= (boots + cold) / (boots + cold - 1)
    difference = table.crashes / boots - ratio * table.cold_crashes / cold
    if variance <= 0:
        return 0.0 if difference == 0 else copysign(inf, difference)
    return difference / sqrt(variance)


def exact_test(table: Table) -> ExactTest:
    """Compare the two groups; neither is empty."""
    total, crashed = table.boots + table.cold_boots, table.crashes + table.cold_crashes
    # In how many ways the crashes can fall on the two groups.
    least = max(0, crashed - table.cold_boots)
    possible = np.arange(least, min(table.boots, crashed) + 1)
    logarithms = _log_chance(possible, total, crashed, table.boots)
    p_values = _two_sided(np.exp(logarithms))
    more = possible > crashed * table.boots / total
    found = (p_values <= SIGNIFICANT) & more
    return ExactTest(
        p=float(p_values[table.crashes - least]),
        smallest_p=float(p_values.min()),
        power=float(_tilted(possible, logarithms)[found].sum()),
    )


def _log_chance(possible: NDArray[np.int64], total: int, crashed: int, boots: int) -> NDArray[np.float64]:
    """Return the logarithms of the hypergeometric distribution: so many of the crashed are among these boots."""
    logarithms: NDArray[np.float64] = (
        _log_ways(np.array(boots), possible)
        + _log_ways(np.array(total - boots), crashed - possible)
        - _log_ways(np.array(total), np.array(crashed))
    )
    return logarithms


def _log_ways(of: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logarithm of the number of ways to choose so many of so many."""
    logarithms: NDArray[np.float64] = -np.log(of + 1) - betaln(of - chosen + 1, chosen + 1)
    return logarithms


def _two_sided(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each outcome the probability of all that are not more probable."""
    order = np.argsort(probabilities)
    ascending = probabilities[order]
    sums = np.cumsum(ascending)
    last = np.searchsorted(ascending, ascending * TIE, side="right") - 1
    p_values = np.empty_like(sums)
    p_values[order] = np.minimum(sums[last], 1.0)
    return p_values


def _tilted(possible: NDArray[np.int64], logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities if the odds were ``ODDS_TO_FIND`` times as high (Fisher's noncentral distribution)."""
    weights = logarithms + possible * log(ODDS_TO_FIND)
    odds = np.exp(weights - weights.max())
    probabilities: NDArray[np.float64] = odds / odds.sum()
    return probabilities


def adjust(p_values: Sequence[float]) -> list[float]:
    """Return the q-values of Benjamini and Hochberg (1995): of all findings up to that one, the share that is false."""
    return [float(q) for q in false_discovery_control(p_values)] if p_values else []


@dataclass(frozen=True)
class TrendTest:
    """Whether crashes become more frequent with ``kexec_count``; ``direction`` is 1 when they do, -1 when less, or 0.

    ``smallest_p`` is about the smallest ``p`` that so many boots and crashes could have given.
    """

    p: float
    smallest_p: float
    direction: int


def trend_test(groups: Sequence[tuple[int, int, int]]) -> TrendTest | None:
    """Test ``(kexec_count, boots, crashes)`` for a trend, as Cochran (1954) and Armitage (1955) do.

    None where there is nothing to compare: less than two groups, no crash, or nothing but crashes.

    The p-value is that of a permutation test: crashes are dealt anew to the boots, so it holds for any number of
    them. Drawing stops as soon as it is clear that there is nothing (Besag and Clifford 1991).
    """
    boots = np.array([group[1] for group in groups])
    crashes = np.array([group[2] for group in groups])
    crashed = int(crashes.sum())
    if len(groups) < 2 or not 0 < crashed < boots.sum():
        return None
    scores = np.array([group[0] for group in groups], dtype=np.float64)
    scores -= float(boots @ scores) / float(boots.sum())
    seen = float(crashes @ scores)
    upwards = [count for count, _score in sorted(zip(boots.tolist(), scores.tolist(), strict=True), key=_by_score)]
    smallest = min(_all_at_the_end(upwards, crashed), _all_at_the_end(upwards[::-1], crashed))
    return TrendTest(_drawn(scores, boots, crashed, abs(seen)), smallest, int(np.sign(seen)))


def _by_score(pair: tuple[int, float]) -> float:
    return pair[1]


def _all_at_the_end(upwards: Sequence[int], crashed: int) -> float:
    """Return the probability that chance puts as many crashes as possible on the last groups, from the last on."""
    logarithm, left, total = 0.0, crashed, sum(upwards)
    for boots in reversed(upwards):
        there = min(boots, left)
        logarithm += float(_log_chance(np.array(there), total, left, boots))
        total, left = total - boots, left - there
        if not left:
            break
    return float(np.exp(logarithm))


def _drawn(scores: NDArray[np.float64], boots: NDArray[np.int64], crashed: int, seen: float) -> float:
    draw = np.random.default_rng(SEED)
    exceeded = drawn = 0
    while drawn < TREND_DRAWS:
        batch = min(TREND_BATCH, TREND_DRAWS - drawn)
        tables = draw.multivariate_hypergeometric(boots, crashed, size=batch, method="marginals")
        extreme = np.flatnonzero(np.abs(tables @ scores) >= seen / TIE)
        if exceeded + len(extreme) >= TREND_EXCEEDED:
            return TREND_EXCEEDED / (drawn + int(extreme[TREND_EXCEEDED - exceeded - 1]) + 1)
        exceeded, drawn = exceeded + len(extreme), drawn + batch
    return (exceeded + 1) / (TREND_DRAWS + 1)
