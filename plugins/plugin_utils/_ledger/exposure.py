# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do kernels die right after a jump that would otherwise have lived? Compared with how often hosts crash at all. Pure.

The hours of all hosts, before the rollout too, tell how often hosts crash at most: that bound holds at all times
together (a mixture of likelihoods, Robbins 1970; the mixing distribution is a gamma distribution). If hosts that have
just jumped crash no more often than that, a stake of 1 that is bet on a share of the jumps being deadly becomes ``c``
at any time with a probability of at most ``1 / c`` (Ville 1939): it is the likelihood ratio of two Poisson processes.
"""

from __future__ import annotations

from contextlib import suppress
from math import exp, inf, lgamma, log
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import Watched

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

DOUBT = 0.01
"""The probability that hosts ever crash more often than the bound says."""
SHAPE, HOURS = 0.5, 1000.0
"""The gamma distribution: crashes and hours that count as much as what is known beforehand."""
DEADLY = ((0.002, 0.25), (0.005, 0.5), (0.02, 0.25))
"""Shares of jumps that may kill, with the part of the stake that is on each."""
WINDOWS = ((60.0, 0.5), (120.0, 0.5))
"""Seconds after the jump in which the kernel dies then, with the part of the stake that is on each."""
AT_ONCE = 60.0
"""Seconds before and after a crash in which others are likely to have the same cause, such as a power failure."""
HOUR = 3600.0
_CLOSE = 1e-6


class Past(NamedTuple):
    """How long hosts ran before the rollout began, together, and how many of these boots crashed."""

    hours: float = 0.0
    crashes: int = 0


def highest_rate(crashes: int, hours: float) -> float:
    """Return how often hosts crash in an hour at most, but with a probability of ``DOUBT``, at all times together."""

    def doubted(rate: float) -> bool:
        mixed = lgamma(SHAPE + crashes) - lgamma(SHAPE) + SHAPE * log(HOURS)
        mixed -= (SHAPE + crashes) * log(HOURS + hours)
        return mixed - crashes * log(rate) + rate * hours > log(1 / DOUBT)

    if hours <= 0:
        return inf
    low, high = max(crashes, SHAPE) / hours, (crashes + 10.0) / hours
    while not doubted(high):
        low, high = high, 2 * high
    while high - low > _CLOSE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if doubted(middle) else (middle, high)
    return high


def won_by_deaths(jumped: Watched, waiting: Watched, past: Past) -> float:
    """Return what a stake of 1 has become that is bet on jumps which kill; 1 while nothing tells how often hosts crash.

    Where hosts that wait crash at the same moment, the jump is not to blame: then their rate at that moment counts.
    """
    hours, crashes = past.hours + waiting.hours, past.crashes + waiting.crashes
    if hours <= 0:
        return 1.0
    rate = max(highest_rate(crashes, hours), waiting.crashes / waiting.hours if waiting.hours else 0.0)
    won = 0.0
    for seconds, on_window in WINDOWS:
        young = jumped.young(seconds)
        rates = np.maximum(rate, _rates_at(young.end[young.crashed], waiting))
        for share, on_share in DEADLY:
            extra = share / (seconds / HOUR)
            likelihood = float(np.log1p(extra / rates).sum()) - extra * young.hours
            won += on_window * on_share * exp(min(likelihood, 500.0))
    return won


def _rates_at(times: Numbers, waiting: Watched) -> Numbers:
    """Return how many of the hosts that wait crash in an hour, by what they did around these times."""
    died = np.sort(waiting.end[waiting.crashed])
    others = np.searchsorted(died, times + AT_ONCE, side="right") - np.searchsorted(died, times - AT_ONCE, side="left")
    ran = np.maximum(waiting.at(times - AT_ONCE), 1.0)
    rates: Numbers = others / (ran * (2 * AT_ONCE / HOUR))
    return rates
