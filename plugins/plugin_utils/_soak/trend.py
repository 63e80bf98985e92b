# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drifts with the number of handovers in a row: a slope with its interval, or why it is not known. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note

FEWEST = 6
"""Fewer jumps tell nothing about a slope: with five, its interval at 95 % is all that was seen."""


@dataclass(frozen=True)
class Trend:
    """How much a value changes with each jump, and the 95 % interval of that; all None where it is not known.

    ``drifts``: the interval leaves 0 out. ``why`` says why it is not known.
    """

    slope: float | None
    low: float | None
    high: float | None
    drifts: bool | None
    why: Note | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the trend as it is stored."""
        return {**asdict(self), "why": self.why.as_dict() if self.why else None}


def trend(counts: Sequence[int], values: Sequence[float | None]) -> Trend:
    """Return the trend of ``values`` over ``counts``: the median of the slopes of all pairs (Theil and Sen).

    It does not mind single values that are far off. Values that are None are left out.
    """
    known = [(count, value) for count, value in zip(counts, values, strict=True) if value is not None]
    if len(known) < FEWEST or len({count for count, _value in known}) < FEWEST:
        return _unknown(
            Note(
                "soak_too_few",
                f"{len(known)} values are known, and {FEWEST} with different counts are needed to tell a trend.",
            )
        )
    try:
        from scipy.stats import theilslopes
    except ImportError:
        return _unknown(
            Note("soak_without_scipy", "SciPy is not installed for this Ansible, which computes the interval.")
        )
    told = theilslopes([value for _count, value in known], [count for count, _value in known], 0.95)
    slope, low, high = float(told[0]), float(told[2]), float(told[3])
    if not all(math.isfinite(number) for number in (slope, low, high)):
        return _unknown(Note("soak_too_few", "The interval of the trend is not finite: there are too few values."))
    return Trend(slope, low, high, drifts=low > 0 or high < 0)


def _unknown(why: Note) -> Trend:
    return Trend(None, None, None, None, why)
