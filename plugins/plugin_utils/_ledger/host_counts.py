# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts how many hosts have the same numbers of boots and crashes.

A database would sort the numbers of all hosts by a dozen columns. Here each host's are read once, as numbers: a row for
each host and way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD, HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import WAY, tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np
    import sqlalchemy as sa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

AFTER_KEXEC = ("kexec", "handover")
NUMBERS = ("boots", "crashes", "again", "again_crashes", "recovered", "recovered_crashes", "looked")
"""What is known of each host and way: boots and crashes without those right after a crash of the same way."""
BOOTS, LOOKED = NUMBERS.index("boots"), NUMBERS.index("looked")
AT_ONCE = 200
"""Rows that are turned from texts to numbers together. Thousands leave the cache, and take twice the time."""
NOT_ANY = -1
"""Stands for the cold boots of a release that has none."""


class HostSums:
    """The sums of each host's boots; ``ways`` are those that are compared, and ``hosts`` has the number of each host.

    Only of some ``releases``, unless that is None.
    """

    def __init__(self, connection: sa.Connection, releases: Collection[str] | None = None) -> None:
        rows = connection.execute(compared_ways(releases, WAY))
        self.ways: dict[int, Way] = {row.way: Way(row.boot, row.previous_release or None, row.release) for row in rows}
        self.hosts: dict[str, int] = {}
        host, way, *numbers = read(connection, _sums(releases), self.hosts)
        order = np.argsort(way, kind="stable")
        self._host, self._numbers = host[order], np.stack(numbers)[:, order]
        self._of_way = parts(way[order][None])
        self._cold: dict[str, int] = {way.release: number for number, way in self.ways.items() if way.boot == COLD}

    @property
    def after_kexec(self) -> list[int]:
        """The numbers of the ways that a kexec begins, of which there are boots."""
        return [number for (number,) in self._of_way if self.ways[number].boot in AFTER_KEXEC]

    def cold_of(self, way: int) -> int:
        """Return the number of the cold boots that a way is compared with."""
        return self._cold.get(self.ways[way].release, NOT_ANY)

    def of_each(self, way: int) -> Whole:
        """Return the ``NUMBERS`` of each host, a column for each; 0 where it has none."""
        found = np.zeros((len(NUMBERS), len(self.hosts)), np.int64)
        part = self._of_way.get((way,))
        if part is not None:
            found[:, self._host[part]] = self._numbers[:, part]
        return found

    def alike(self, way: int, with_cold: bool) -> tuple[HostCount, ...]:
        """Return how many hosts have which numbers; ``with_cold`` boots, hosts that have no others are among them."""
        here, cold = self.of_each(way), self.of_each(self.cold_of(way) if with_cold else NOT_ANY)
        there = cold[BOOTS] > 0
        there[self._host[self._of_way[way,]]] = True
        found, hosts = distinct(np.concatenate([here[:2], cold[:2], here[2:4], cold[2:LOOKED]])[:, there])
        rows = zip(zip(*found.tolist(), strict=True), hosts.tolist(), strict=True)
        return tuple(sorted(HostCount._make((*row[:4], many, *row[4:])) for row, many in rows))


def read(connection: sa.Connection, question: Any, *known: dict[str, int]) -> Whole:
    """Return the columns of a question. Texts come first; each is the number that ``known`` has, or gets, for it."""
    found = [np.zeros((len(question.selected_columns), 0), np.int64)]
    for rows in connection.execute(question).partitions(AT_ONCE):
        columns: list[Any] = [*zip(*rows, strict=True)]
        for at, numbers in enumerate(known):
            columns[at] = [numbers.setdefault(text, len(numbers)) for text in columns[at]]
        found.append(np.array(columns, np.int64))
    return np.concatenate(found, axis=1)


def parts(keys: Whole) -> dict[tuple[int, ...], slice]:
    """Return where each key is, of columns of keys that are in order."""
    starts = _starts(keys)
    ends = [*starts.tolist(), keys.shape[1]][1:]
    return {
        tuple(key): slice(begin, end)
        for key, begin, end in zip(keys[:, starts].T.tolist(), starts.tolist(), ends, strict=True)
    }


def distinct(table: Whole) -> tuple[Whole, Whole]:
    """Return the columns of a table that differ, in order, and how many there are of each."""
    varied = table[(table != table[:, :1]).any(axis=1)]
    ranked = table[:, np.lexsort(varied[::-1])] if len(varied) else table
    starts = _starts(ranked)
    return ranked[:, starts], np.diff(np.append(starts, ranked.shape[1]))


def _starts(ranked: Whole) -> Whole:
    if not ranked.shape[1]:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)]))


def compared_ways(releases: Collection[str] | None = None, more: Sequence[str] = ()) -> Any:
    """Return the question for the numbers of the ways that are compared, and ``more`` columns of these."""
    ways = tables().ways.c
    wanted = [ways.boot.in_((COLD, *AFTER_KEXEC)), ways.release != ""]
    wanted += [] if releases is None else [ways.release.in_(releases)]
    return sa.select(ways.way, *(ways[name] for name in more)).where(*wanted)


def _sums(releases: Collection[str] | None) -> Any:
    tallies = tables().tallies.c
    numbers = (
        tallies.boots - tallies.again,
        tallies.crashes - tallies.again_crashes,
        *(tallies[name] for name in NUMBERS[2:]),
    )
    key = [tallies.host, tallies.way]
    sums = [sa.cast(sa.func.sum(number), sa.BigInteger) for number in numbers]
    return sa.select(*key, *sums).where(tallies.way.in_(compared_ways(releases))).group_by(*key)
