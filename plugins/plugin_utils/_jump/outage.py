# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a host was away, computed from what was seen of it and when."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


class Seen(enum.Enum):
    """What one look at the host showed."""

    SILENT = "silent"
    """Nobody answered as an SSH server would."""
    ANSWER = "answer"
    """An SSH server answered; the old or the new system's."""
    OLD = "old"
    """The boot that was to be left answered."""
    NEW = "new"
    """Another boot answered."""


@dataclass(frozen=True)
class Look:
    """One look. ``at`` is when an answer was there, or when the question was sent that stayed without one (s)."""

    at: float
    what: Seen


@dataclass(frozen=True)
class Outage:
    """Time between the last answer of the old system and the first answer of the new one.

    The true outage is at most ``seconds`` and at least ``seconds - resolution``: what happened between two looks is
    not known. ``seen_down`` is false when every look was answered.
    """

    seconds: float
    resolution: float
    seen_down: bool


def measure_outage(looks: Sequence[Look]) -> Outage | None:
    """Return the outage that ``looks`` (in order of time) show, or None when no new boot was seen.

    The first look must be ``OLD``: the system was there before it was left.
    """
    whats = [look.what for look in looks]
    if Seen.NEW not in whats:
        return None
    first_new = whats.index(Seen.NEW)
    while whats[first_new - 1] is Seen.ANSWER:
        first_new -= 1
    last_old = max(index for index, what in enumerate(whats[:first_new]) if what is Seen.OLD)
    if whats[first_new - 1] is not Seen.SILENT:
        return _unseen_outage(looks[last_old : whats.index(Seen.NEW) + 1])
    while whats[last_old + 1] is Seen.ANSWER:
        last_old += 1
    seconds = looks[first_new].at - looks[last_old].at
    silence = looks[first_new - 1].at - looks[last_old + 1].at
    return Outage(seconds, seconds - silence, seen_down=True)


def _unseen_outage(answers: Sequence[Look]) -> Outage:
    """The host was gone between two answers at most, and nobody knows between which: the longest gap bounds it."""
    gap = max(later.at - earlier.at for earlier, later in pairwise(answers))
    return Outage(gap, gap, seen_down=False)
