# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What boots are worth as evidence, where hosts are the units: boots of one host are no independent ones. Pure.

How alike boots of one host are is estimated from pairs of them (Prentice 1988), they are weighed by that as generalized
estimating equations do (Liang and Zeger 1986), and what is left is told as so many independent boots (Rao and Scott
1992), which every method of ``statistics`` takes. docs/explanation/statistics.md says more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import HostCount
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA, Estimate, Table, exact_test

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Pair = tuple["Arm", "Arm"]

MOST_OF_ONE_HOST = 5
"""No host weighs more than one with so many times the boots of the middle host: it may be as it is, or invented."""
TINY = 1e-9
"""Stands for no boots where something is divided by them."""
MOST_IN_COMMON = 0.99
"""How much of what boots of one way have in common on a host they have at most in common with its cold boots."""
_HOSTS = HostCount._fields.index("hosts")
_NUMBERS = HostCount._fields[:_HOSTS] + HostCount._fields[_HOSTS + 1 :]


class Hosts(NamedTuple):
    """On how many hosts boots were counted and crashed, after the transition and after cold boots."""

    hosts: int
    crashed: int
    cold_hosts: int
    cold_crashed: int


@dataclass(frozen=True)
class Evidence:
    """What boots are worth: as many independent boots as tell as much, and the same in whole numbers."""

    estimate: Estimate
    table: Table


@dataclass(frozen=True)
class Arm:
    """Boots and crashes of one kind: an element for ``many`` hosts that are alike; some have no such boots."""

    boots: Numbers
    crashes: Numbers
    many: Numbers

    @property
    def rate(self) -> float:
        """The share of all boots that crashed."""
        return self.total(self.crashes) / self.total(self.boots)

    @property
    def rates(self) -> Numbers:
        """The share on each host, 0 where there is none."""
        return self.crashes / np.maximum(self.boots, TINY)

    def total(self, values: Numbers) -> float:
        """Return the sum over all hosts."""
        return float((self.many * values).sum())

    def bounded(self) -> Arm:
        """Return the same with no host that weighs too much."""
        there = self.boots > 0
        order = np.argsort(self.boots[there])
        hosts = np.cumsum(self.many[there][order])
        middle = float(self.boots[there][order][np.searchsorted(hosts, hosts[-1] / 2)])
        share = np.minimum(1.0, MOST_OF_ONE_HOST * middle / np.maximum(self.boots, TINY))
        return replace(self, boots=self.boots * share, crashes=self.crashes * share)

    def variance(self, alike: float) -> Numbers:
        """Return the variance of each host's share, for the variance of one boot; infinite without any boot."""
        there = self.boots > 0
        return np.where(there, (1 + (self.boots - 1) * alike) / np.where(there, self.boots, 1.0), np.inf)


def weigh(counts: Sequence[HostCount]) -> Evidence:
    """Return what the boots of these hosts are worth; there are some of the transition and some cold ones.

    Where nothing speaks against it that hosts are alike, the table is that of the boots as they are.
    """
    columns = _columns(counts)
    arms = _arm(columns, "").bounded(), _arm(columns, "cold_").bounded()
    # A host that crashes in a loop is counted once, and says all the more that hosts are not alike.
    looping = _arm(columns, "", loops=True).bounded(), _arm(columns, "cold_", loops=True).bounded()
    of_both = _likeness(looping)
    alike = max(of_both, _likeness(looping[:1])), max(of_both, _likeness(looping[1:]))
    rates, worth = _estimated(arms, alike, _in_common(looping, of_both))
    clump = _clump(looping, alike)
    cells = [_worth(rate, boots / clump, arm) for rate, boots, arm in zip(rates, worth, arms, strict=True)]
    (crashes, boots), (cold_crashes, cold_boots) = cells
    whole = Table(*(round(number) for cell in cells for number in cell))
    return Evidence(Estimate(crashes, boots, cold_crashes, cold_boots), whole)


def _columns(counts: Sequence[HostCount]) -> dict[str, Numbers]:
    alike: Counter[tuple[int, ...]] = Counter()
    for one in counts:
        alike[one[:_HOSTS] + one[_HOSTS + 1 :]] += one.hosts
    # In one order, since rounding must not decide.
    rows = sorted(alike.items())
    numbers = zip(*(numbers for numbers, _many in rows), strict=True)
    columns = {name: np.array(values, dtype=np.float64) for name, values in zip(_NUMBERS, numbers, strict=True)}
    return {**columns, "hosts": np.array([many for _numbers, many in rows], dtype=np.float64)}


def _arm(columns: dict[str, Numbers], kind: str, loops: bool = False) -> Arm:
    """Return the boots of one kind, with or without those that came right after a crash of that kind."""
    boots, crashes = columns[f"{kind}boots"], columns[f"{kind}crashes"]
    if loops:
        boots, crashes = boots + columns[f"{kind}again"], crashes + columns[f"{kind}again_crashes"]
    return Arm(boots, crashes, columns["hosts"])


def hosts_of(counts: Sequence[HostCount]) -> Hosts:
    """Return on how many hosts something was counted."""
    return Hosts(
        sum(one.hosts for one in counts if one.boots),
        sum(one.hosts for one in counts if one.crashes),
        sum(one.hosts for one in counts if one.cold_boots),
        sum(one.hosts for one in counts if one.cold_crashes),
    )


def without_recovered(one: HostCount) -> HostCount:
    """Return the same with all cold boots right after a crash left out, as those of crash loops are."""
    return one._replace(
        cold_boots=one.cold_boots - one.cold_recovered,
        cold_crashes=one.cold_crashes - one.cold_recovered_crashes,
        cold_again=one.cold_again + one.cold_recovered,
        cold_again_crashes=one.cold_again_crashes + one.cold_recovered_crashes,
        cold_recovered=0,
        cold_recovered_crashes=0,
    )


def rests_on_one_host(counts: Sequence[HostCount], more: bool) -> bool:
    """Whether one host is all that speaks for it that the transition crashes ``more`` (or less) than cold boots.

    So it is when no other host crashed, or when it has more than two of three crashes and without it nothing would be
    found. That it crashes less is never found by cold boots right after a crash of another way.
    """
    counts = counts if more else [without_recovered(one) for one in counts]
    at = HostCount._fields.index("crashes" if more else "cold_crashes")
    worst = max(counts, key=lambda one: one[at])
    others = [one if one is not worst else worst._replace(hosts=worst.hosts - 1) for one in counts]
    left = sum(one[at] * one.hosts for one in others)
    if not left or worst[at] <= 2 * left:
        return not left
    hosts = hosts_of(others)
    return not (hosts.hosts and hosts.cold_hosts) or exact_test(weigh(others).table).p > ALPHA


def _likeness(arms: Sequence[Arm]) -> float:
    """Return the correlation of two boots of one kind on one host, of which 0 is that hosts are alike.

    Of each host its pairs of boots: how much more often both crashed than two of the fleet do. A host counts as many
    times as it has boots, and not pairs.
    """
    seen = expected = 0.0
    for arm in arms:
        rate, others = arm.rate, np.maximum(arm.boots - 1, TINY)
        pairs = arm.crashes * (arm.crashes - 1) / others - 2 * rate * arm.crashes + rate**2 * arm.boots
        several = arm.boots > 1
        seen += arm.total(np.where(several, pairs, 0.0))
        expected += arm.total(np.where(several, arm.boots, 0.0)) * rate * (1 - rate)
    return min(max(seen / expected, 0.0), 1.0) if expected > 0 else 0.0


def _in_common(arms: Pair, alike: float) -> float:
    """Return the same of a boot after the transition and a cold one of a host, which its comparison is free of.

    It is estimated by itself, since a host may have broken between the two.
    """
    here, cold = arms
    weights = np.minimum(here.boots, cold.boots)
    expected = here.total(weights) * sqrt(here.rate * (1 - here.rate) * cold.rate * (1 - cold.rate))
    if expected <= 0:
        return 0.0
    seen = here.total(weights * (here.rates - here.rate) * (cold.rates - cold.rate))
    return min(max(seen / expected, 0.0), MOST_IN_COMMON * alike)


def _estimated(
    arms: Pair, alike: tuple[float, float], common: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return both rates as generalized least squares has them, and how many independent boots would be as sure."""
    here, cold = arms
    variances = here.variance(alike[0]), cold.variance(alike[1])
    # The inverse of each host's covariances; a kind of which it has no boots tells nothing.
    determinant = 1 - common**2 / (variances[0] * variances[1])
    own, other = (1 / (variance * determinant) for variance in variances)
    between = -common / (variances[0] * variances[1] * determinant)
    information = np.array([[here.total(own), here.total(between)], [here.total(between), here.total(other)]])
    weighed = [
        here.total(own * here.rates + between * cold.rates),
        here.total(between * here.rates + other * cold.rates),
    ]
    covariance = np.linalg.inv(information)
    rates = np.clip(covariance @ np.array(weighed), 0.0, 1.0)
    variance, cold_variance = float(covariance[0, 0]), float(covariance[1, 1])
    # As sure of the difference, of which the covariance takes a part away.
    gain = (variance + cold_variance) / (variance + cold_variance - 2 * float(covariance[0, 1]))
    return (float(rates[0]), float(rates[1])), (gain / variance, gain / cold_variance)


def _clump(arms: Pair, alike: tuple[float, float]) -> float:
    """Return by how much boots are worth less because crashes come in clumps.

    A few hosts that often crash make what is seen more skewed than independent boots are. So no host of that kind is
    worth more than one crash; three of its boots tell how often it crashes. Where hosts are alike, this is 1.
    """
    triples = sum(arm.total(arm.crashes * (arm.crashes - 1) * np.maximum(arm.crashes - 2, 0.0)) for arm in arms)
    pairs = sum(
        arm.total(arm.crashes * np.maximum(arm.crashes - 1, 0.0) * np.maximum(arm.boots - 2, 0.0)) for arm in arms
    )
    often = min(triples / pairs, 1.0) if pairs > 0 else 1.0
    worst = 1.0
    for arm, own in zip(arms, alike, strict=True):
        worth = 1 / arm.variance(own)
        weight = arm.total(worth**2) / arm.total(worth)
        shared = (arm.total(worth * arm.boots) / arm.total(worth) - 1) * own
        if shared > 0:
            worst = max(worst, 1 + max(weight * often - 1, 0.0) * shared / (1 + shared))
    return worst


def _worth(rate: float, worth: float, arm: Arm) -> tuple[float, float]:
    """Return crashes and boots, and not more boots than there were."""
    boots = max(min(worth, arm.total(arm.boots)), 1.0)
    return rate * boots, boots
