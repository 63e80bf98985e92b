# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do kernels complain after a jump that did not before it? A sign test that may be looked at at any time. Pure.

Each host that jumped is compared twice: with its own boot before the jump, and with that of another host that waited in
the same hours. Of pairs that differ, a harmless jump has the symptom on either side with the same chance (the sign
test, Arbuthnot 1710). A stake of 1 that is bet against that becomes ``c`` at any time with a probability of at most
``1 / c`` (Ville 1939). Of the two stakes, the smaller one counts, which is right as long as either comparison is fair.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import Crashes, interval_of, won

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np

STAKES = ((3.0, 0.25), (10.0, 0.25), (100.0, 0.5))
"""How many times as often pairs may have the symptom after the jump, with the part of the stake that is on it."""
HOSTS = 2
"""A bet on a symptom begins after so many hosts have it after their jump, and had not before."""
MOST = 100
"""So many symptoms are bet on, the first ones."""
Pair = tuple[int, bool]
"""The number of a host that jumped, and whether the symptom was there after it."""


class Look(NamedTuple):
    """What the kernel of a host complained about in one boot, and when that boot was seen to run."""

    host: str
    began: float
    until: float
    symptoms: frozenset[str]


class Compared(NamedTuple):
    """Symptoms of a host ``after`` its jump, ``before`` it, and of an ``other`` that waited; None where none did."""

    host: str
    after: frozenset[str]
    before: frozenset[str]
    other: frozenset[str] | None


class Pairs(NamedTuple):
    """How many pairs have a symptom only ``after`` the jump, and how many only on the other side."""

    after: int
    other: int

    @property
    def interval(self) -> tuple[float, float]:
        """How many times as often it is there after the jump: the truth at all times together, as of crashes."""
        return interval_of(self._as_crashes())

    def won(self) -> float:
        """Return what a stake of 1 has become that is bet on these pairs."""
        return won(self._as_crashes(), STAKES)

    def _as_crashes(self) -> Crashes:
        """Return them as crashes that one host of each side could have had."""
        number = self.after + self.other
        return Crashes(np.arange(number) < self.after, np.ones(number), np.ones(number))


class Standing(NamedTuple):
    """How a symptom stands: pairs of a host with itself, and with another that waited in the same hours.

    ``hosts`` have it only after their jump. ``evidence`` is what a stake of 1 has become, and ``part`` which part of
    the whole stake that was.
    """

    symptom: str
    with_itself: Pairs
    with_others: Pairs
    hosts: tuple[str, ...]
    part: float
    evidence: float

    @property
    def speaks(self) -> bool:
        """Whether it speaks against the jump: more was won than lost."""
        return self.evidence > 1


def compared(before: Sequence[Look], after: Iterable[Look]) -> list[Compared]:
    """Return the hosts that jumped, in the order in which they did, each with one that waited meanwhile.

    ``before`` has a boot of each host before its jump, and ``after`` one after it. A host is the other one only once;
    it ran from before the jump until after the last look at the host that jumped, so it had at least the same time.
    """
    own = {look.host: look for look in before}
    later = sorted(before, key=lambda look: look.began, reverse=True)
    others: list[Look] = []
    found = []
    for look in sorted(after, key=lambda look: (look.began, look.host)):
        while later and later[-1].began <= look.began:
            insort(others, later.pop(), key=_end)
        if look.host in own:
            other = _take(others, look)
            found.append(Compared(look.host, look.symptoms, own[look.host].symptoms, other and other.symptoms))
    return found


def _take(others: list[Look], look: Look) -> Look | None:
    """Take the first that ran long enough of those that ran before; they are in the order of their ends."""
    for at in range(bisect_left(others, (look.until, ""), key=_end), len(others)):
        if others[at].host != look.host:
            return others.pop(at)
    return None


def _end(look: Look) -> tuple[float, str]:
    return look.until, look.host


def standings(jumps: Sequence[Compared]) -> list[Standing]:
    """Return the symptoms that are bet on, in the order in which these bets began.

    The first has half of the stake, the second a sixth, the ``k``-th ``1 / (k (k + 1))``: all together have no more
    than the whole, however many there will be. What is known when a bet begins is no part of it.
    """
    begun = _begun(jumps)
    itself, others = _pairs(jumps, begun)
    return [
        _standing(symptom, jumps, (itself[symptom], others[symptom]), first, place)
        for place, (symptom, first) in enumerate(begun.items(), 1)
    ]


def won_by_symptoms(found: Sequence[Standing], own: frozenset[str] = frozenset()) -> float:
    """Return what a stake of 1 on all symptoms has become; what is on those that are the kernel's ``own`` is lost."""
    unused = 1 - sum(one.part for one in found)
    return unused + sum(one.part * one.evidence for one in found if one.symptom not in own)


def _begun(jumps: Sequence[Compared]) -> dict[str, int]:
    """Return the symptoms that are bet on, each with the number of the first host that the bet is on."""
    hosts: Counter[str] = Counter()
    begun: dict[str, int] = {}
    for number, jump in enumerate(jumps, 1):
        for symptom in sorted(jump.after - jump.before):
            hosts[symptom] += 1
            if hosts[symptom] == HOSTS and len(begun) < MOST:
                begun[symptom] = number
    return begun


def _pairs(jumps: Sequence[Compared], wanted: Collection[str]) -> tuple[dict[str, list[Pair]], dict[str, list[Pair]]]:
    """Return the pairs that differ, by symptom: those of hosts with themselves, and those with others."""
    itself, others = defaultdict[str, list[Pair]](list), defaultdict[str, list[Pair]](list)
    for at, one in enumerate(jumps):
        for found, side in ((itself, one.before), (others, one.after if one.other is None else one.other)):
            for symptom in one.after ^ side:
                if symptom in wanted:
                    found[symptom].append((at, symptom in one.after))
    return itself, others


def _standing(
    symptom: str, jumps: Sequence[Compared], pairs: tuple[list[Pair], list[Pair]], first: int, place: int
) -> Standing:
    itself, others = pairs
    bets = [_counted([pair for pair in some if pair[0] >= first]).won() for some in pairs]
    return Standing(
        symptom,
        _counted(itself),
        _counted(others),
        tuple(sorted(jumps[at].host for at, sign in itself if sign)),
        1 / (place * (place + 1)),
        min(bets),
    )


def _counted(pairs: Sequence[Pair]) -> Pairs:
    after = sum(sign for _at, sign in pairs)
    return Pairs(after, len(pairs) - after)
