# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Are hosts that jumped worse off than those that have not yet? A test that may be looked at at any time. Pure.

The anytime-valid logrank test (ter Schure, Perez-Ortiz, Ly and Gruenwald 2020, https://arxiv.org/abs/2011.06931): at
each crash, the chance that it is of a host that jumped is the share of these among the hosts that could have crashed
then. If a jump does no harm, a stake of 1 that is bet against that becomes ``LIMIT`` at any time with a probability of
at most ``ALPHA``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import inf, log
from typing import TYPE_CHECKING

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LIMIT = 1 / ALPHA
YOUNG = 120.0
"""Seconds after a jump in which a kernel that cannot live with it dies first."""
FAST = ((30.0, 0.1), (300.0, 0.45), (3000.0, 0.45))
SLOW = ((2.0, 1 / 3), (5.0, 1 / 3), (20.0, 1 / 3))
"""How many times as often hosts may crash in that time, and at any time, with the part of the stake that is on it."""
GRID = 0.02, 14.0
"""Steps of the logarithm of the ratio, and how far it is looked at to both sides."""
SPREAD = 2.0
"""Standard deviation of that logarithm, from which the interval is made."""


@dataclass(frozen=True)
class Watched:
    """Hosts of one side, an element for each time in which one was seen to run, in seconds.

    ``crashed`` is whether it ended with the host's first crash.
    """

    begin: Numbers
    end: Numbers
    crashed: NDArray[np.bool_]

    @property
    def hours(self) -> float:
        """How long they were seen to run, together."""
        return float((self.end - self.begin).sum()) / 3600

    @property
    def crashes(self) -> int:
        """How many of these hosts crashed."""
        return int(self.crashed.sum())

    def young(self, seconds: float = YOUNG) -> Watched:
        """Return the same hosts, looked at for a short time only."""
        end = np.minimum(self.end, self.begin + seconds)
        return Watched(self.begin, end, self.crashed & (end == self.end))

    def at(self, times: Numbers) -> Numbers:
        """Return how many hosts ran at these times."""
        begun = np.searchsorted(np.sort(self.begin), times, side="right")
        over = np.searchsorted(np.sort(self.end), times, side="left")
        running: Numbers = (begun - over).astype(np.float64)
        return running


@dataclass(frozen=True)
class Crashes:
    """Crashes at which hosts of both sides ran: whether each was of one that ``jumped``, and how many ran then."""

    jumped: NDArray[np.bool_]
    running: Numbers
    waiting: Numbers

    def log_likelihood(self, ratio: Numbers) -> Numbers:
        """Return it for each ratio of the risks of both sides; 0 for 1."""
        of_jumped = np.log(ratio) * self.jumped.sum()
        share = self.running / (self.running + self.waiting)
        rest: Numbers = np.log1p(np.multiply.outer(ratio - 1, share)).sum(axis=1)
        likelihood: Numbers = of_jumped - rest
        return likelihood


def crashes_of(jumped: Watched, waiting: Watched) -> Crashes:
    """Return the crashes that tell something of the ratio of the risks."""
    times = np.concatenate([jumped.end[jumped.crashed], waiting.end[waiting.crashed]])
    of_jumped = np.arange(len(times)) < jumped.crashes
    running, others = jumped.at(times), waiting.at(times)
    tell = (running > 0) & (others > 0)
    return Crashes(of_jumped[tell], running[tell], others[tell])


def won_soon(jumped: Watched, waiting: Watched) -> float:
    """Return what a stake of 1 has become that is bet on crashes soon after the jump."""
    return won(crashes_of(jumped.young(), waiting), FAST)


def won_at_any_time(jumped: Watched, waiting: Watched) -> float:
    """Return what a stake of 1 has become that is bet on crashes at any time after the jump."""
    return won(crashes_of(jumped, waiting), SLOW)


def won(crashes: Crashes, stakes: tuple[tuple[float, float], ...]) -> float:
    """Return what a stake of 1 has become; it shrinks while hosts that jumped are no worse off."""
    likelihood = crashes.log_likelihood(np.array([ratio for ratio, _part in stakes]))
    parts = np.array([part for _ratio, part in stakes])
    return float((parts * np.exp(np.minimum(likelihood, 500.0))).sum())


def ratio_interval(jumped: Watched, waiting: Watched) -> tuple[float, float]:
    """Return how many times as often hosts that jumped crash.

    It holds the truth at all times together with a probability of 1 - ``ALPHA`` (Robbins 1970).
    """
    return interval_of(crashes_of(jumped, waiting))


def interval_of(crashes: Crashes) -> tuple[float, float]:
    """Return the interval of the ratio of the risks that these crashes tell of."""
    step, furthest = GRID
    logarithms = np.arange(-furthest, furthest + step / 2, step)
    likelihood = crashes.log_likelihood(np.exp(logarithms))
    weights = np.exp(-((logarithms / SPREAD) ** 2) / 2)
    best = likelihood.max()
    mixed = best + log(float((weights * np.exp(likelihood - best)).sum() / weights.sum()))
    inside = np.flatnonzero(mixed - likelihood < log(LIMIT))
    low, high = int(inside[0]), int(inside[-1])
    return (
        float(np.exp(logarithms[low])) if low else 0.0,
        float(np.exp(logarithms[high])) if high < len(logarithms) - 1 else inf,
    )
