# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which predecessor is to blame: the first origin from which a target goes wrong, in the fewest jumps. Pure.

The origins are in their order, and from the first bad one on all are bad. How often a jump from a good or from a bad
origin goes wrong is not known: at most `Rates.good` and at least `Rates.bad` of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note

ERROR = 0.05
"""How often the whole answer may be wrong, at most."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rates:
    """How often jumps go wrong, as shares: at most ``good`` from a good origin, at least ``bad`` from a bad one."""

    bad: float = 0.8
    good: float = 0.05

    @property
    def are_apart(self) -> bool:
        """Whether answers can tell the two kinds of origins from each other."""
        return 0 < self.good < self.bad < 1


USUAL = Rates()


@dataclass(frozen=True)
class Answer:
    """What one jump told: the number of its origin, counted from 0, and whether it was well."""

    origin: int
    well: bool


@dataclass(frozen=True)
class Step:
    """What to do next: jump from ``origin``; or, where that is None, what was found.

    ``first_bad`` is the number of the first bad origin; as many as there are origins when none is bad; None when that
    is not known (``why`` says so). It is between ``lowest`` and ``highest``, both included.
    """

    origin: int | None
    first_bad: int | None
    lowest: int
    highest: int
    why: Note | None = None


@dataclass(frozen=True)
class _Test:
    """A sequential test of one origin: each answer moves the sum, and ``bound`` decides, up for bad and down for good.

    The sum is the logarithm of how much likelier the answers are from a bad origin than from a good one. From a good
    one it comes to ``bound`` with a chance of at most exp(-bound), and from a bad one to -bound: Ville's inequality.
    """

    wrong: float
    well: float
    bound: float

    def is_bad(self, answers: Sequence[bool]) -> bool | None:
        """Whether an origin with these answers (well or not) is bad; None while that is open."""
        total = sum(self.well if well else self.wrong for well in answers)
        if abs(total) < self.bound - _ROUNDING:
            return None
        return total > 0

    def fewest(self) -> int:
        """How many answers that agree are enough, whatever they say."""
        return max(math.ceil(self.bound / abs(one) - _ROUNDING) for one in (self.wrong, self.well))


def _test_of(origins: int, rates: Rates) -> _Test:
    # A bisection asks so many origins at most; each has its share of the error.
    share = ERROR / math.ceil(math.log2(origins + 1))
    return _Test(
        wrong=math.log(rates.bad / rates.good),
        well=math.log((1 - rates.bad) / (1 - rates.good)),
        bound=math.log(1 / share),
    )


def next_step(origins: int, answers: Sequence[Answer], left: int, rates: Rates = USUAL) -> Step:
    """Return what to do after these answers, with so many jumps ``left``.

    An origin is asked until a sequential test of it is wrong with at most its share of `ERROR`; the shares of all that
    a bisection asks add up to that (Boole's inequality). The same answers give the same step, so a log of them is all
    that has to be kept.

    Raises ValueError without an origin, or when the rates are not apart.
    """
    if origins < 1 or not rates.are_apart:
        raise ValueError("there must be an origin, and the rates must be apart")
    test = _test_of(origins, rates)
    lowest, highest = 0, origins
    while lowest < highest:
        middle = (lowest + highest) // 2
        is_bad = test.is_bad([answer.well for answer in answers if answer.origin == middle])
        if is_bad is None:
            return Step(middle, None, lowest, highest) if left > 0 else Step(None, None, lowest, highest, _exhausted())
        lowest, highest = (lowest, middle) if is_bad else (middle + 1, highest)
    return Step(None, lowest, lowest, highest)


def _exhausted() -> Note:
    return Note(
        "bisect_jumps_exhausted",
        "All jumps that were allowed were made, and it is not known yet which origin is the first bad one. Allow more, "
        "and run the same again: it goes on with the answers that it has.",
    )


def most_needed(origins: int, rates: Rates = USUAL) -> int:
    """Return how many jumps are enough when all answers of an origin agree. Fewer may be."""
    return math.ceil(math.log2(origins + 1)) * _test_of(origins, rates).fewest()
