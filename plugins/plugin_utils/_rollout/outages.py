# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the outages of a rollout are distributed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import NamedTuple

STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds that a class may be wide."""
MOST_CLASSES = 12
FEW = 5
"""Fewer outages than these are no distribution."""


class Class(NamedTuple):
    """How many hosts were away so long, and that as a share of the largest class in percent."""

    seconds: str
    hosts: int
    share: float


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of ``ordered``, which is not empty, does not exceed."""
    return ordered[max(ceil(share * len(ordered)) - 1, 0)]


def distribution(outages: Sequence[float]) -> list[Class]:
    """Return the classes, each with its end, none of them left out in between; nothing for `FEW` outages.

    The longest outages, when they are far from all others, have the last class together.
    """
    ordered = sorted(outages)
    if len(ordered) < FEW:
        return []
    usual = quantile(ordered, 0.98)
    end = ordered[-1] if ordered[-1] <= 2 * usual else usual
    step = next((one for one in STEPS if end / one - floor(ordered[0] / one) < MOST_CLASSES), STEPS[-1])
    first = floor(ordered[0] / step)
    last = min(floor(end / step), first + MOST_CLASSES - 1)
    counts = [0] * (last - first + 2)
    for seconds in ordered:
        counts[min(floor(seconds / step), last + 1) - first] += 1
    names = [f"{at * step:g} to {(at + 1) * step:g} s" for at in range(first, last + 1)]
    names.append(f"{(last + 1) * step:g} s and more")
    if not counts[-1]:
        counts, names = counts[:-1], names[:-1]
    most = max(counts)
    return [Class(name, count, 100 * count / most) for name, count in zip(names, counts, strict=True)]
