# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which transitions the matrix of a report shows, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, TransitionRisk
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import in_order
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import CRASHES_MORE

MOST_RELEASES = 30
"""How many releases that were left are shown, and how many that were reached."""
ABREAST = 10
"""How many columns fit on a sheet of paper."""

Release = TypeVar("Release", str, "str | None")


class Weight(NamedTuple):
    """How much there is to see of a release: transitions that crash more often, boots that crashed, boots."""

    found: int = 0
    crashes: int = 0
    boots: int = 0


@dataclass(frozen=True)
class Matrix:
    """The heaviest releases that were left (``rows``; None is unknown) and reached (``columns``), in their order.

    ``all_rows`` and ``all_columns`` are how many there are.
    """

    columns: tuple[str, ...]
    rows: tuple[str | None, ...]
    all_columns: int
    all_rows: int

    @property
    def left_out(self) -> str:
        """A sentence about the releases that are not shown; empty when all are."""
        cuts = ((self.rows, self.all_rows, "left"), (self.columns, self.all_columns, "reached"))
        cut = [f"{len(shown)} of {whole} releases that were {how}" for shown, whole, how in cuts if len(shown) < whole]
        if not cut:
            return ""
        return (
            f"Shown are {' and '.join(cut)}: first those of transitions that crash more often than cold boots, then "
            "those with the most crashes, then those with the most boots. The table of all numbers has all of them."
        )


def matrix_of(fleet: Correlation) -> Matrix:
    """Return what the matrix shows."""
    reached = {release: Weight(0, of.crashes, of.boots) for release, of in fleet.cold.items()}
    for one in fleet.transitions:
        reached[one.way.release] = _sum(reached.get(one.way.release), one)
    columns = _heaviest(reached)
    left: dict[str | None, Weight] = {}
    handovers = [one for one in fleet.transitions if one.way.boot == "handover"]
    for one in handovers:
        if one.way.release in columns:
            left[one.way.previous_release] = _sum(left.get(one.way.previous_release), one)
    origins = {one.way.previous_release for one in handovers}
    return Matrix(columns, _heaviest(left), len(reached), len(origins))


def _sum(before: Weight | None, one: TransitionRisk) -> Weight:
    found, crashes, boots = before or Weight()
    seen = one.risk.seen
    return Weight(found + (one.risk.finding == CRASHES_MORE), crashes + seen.crashes, boots + seen.boots)


def _heaviest(weights: Mapping[Release, Weight]) -> tuple[Release, ...]:
    newest_first: Iterable[Release] = sorted(weights, key=in_order, reverse=True)
    chosen = sorted(newest_first, key=lambda release: weights[release], reverse=True)[:MOST_RELEASES]
    return tuple(sorted(chosen, key=in_order))
