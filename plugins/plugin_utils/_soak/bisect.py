# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which predecessor is to blame: the first origin from which a target goes wrong, in the fewest jumps. Pure.

The origins are in their order, and from the first bad one on all are bad. A jump from a good origin is well, but for
noise; one from a bad origin goes wrong, but for noise. How often each is so is not known, and is bounded by `noise`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note

ERROR = 0.05
"""How often the whole answer may be wrong, at most."""
NOISE = 0.2


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


def next_step(origins: int, answers: Sequence[Answer], most: int, noise: float = NOISE) -> Step:
    """Return what to do after these answers, of at most ``most``.

    Each origin that is asked is asked until the odds of its answer are such that all together are wrong with at most
    `ERROR` (Wald's sequential test, with the error shared among the origins that a bisection asks). The same answers
    give the same step, so a log of them is all that has to be kept.

    Raises ValueError without an origin, or when ``noise`` is not between 0 and 0.5.
    """
    if origins < 1 or not 0 < noise < 0.5:
        raise ValueError("there must be an origin, and noise must be between 0 and 0.5")
    needed = answers_needed(origins, noise)
    lowest, highest = 0, origins
    while lowest < highest:
        middle = (lowest + highest) // 2
        lead = sum(1 if answer.well else -1 for answer in answers if answer.origin == middle)
        if lead >= needed:
            lowest = middle + 1
        elif -lead >= needed:
            highest = middle
        elif len(answers) >= most:
            return Step(None, None, lowest, highest, _exhausted(most))
        else:
            return Step(middle, None, lowest, highest)
    return Step(None, lowest, lowest, highest)


def _exhausted(most: int) -> Note:
    return Note(
        "bisect_jumps_exhausted", f"All {most} jumps were made, and it is not known yet which is the first bad one."
    )


def answers_needed(origins: int, noise: float = NOISE) -> int:
    """Return by how many answers of one kind those of the other must be outnumbered for an origin to be decided.

    A lead of d is wrong with a chance of at most 1 / (1 + ((1 - noise) / noise) ** d): gambler's ruin.
    """
    share = ERROR / math.ceil(math.log2(origins + 1))
    return math.ceil(math.log((1 - share) / share) / math.log((1 - noise) / noise) - 1e-9)
