# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts have which numbers of boots, with and without a symptom, after each way and after cold boots.

The database would have to join each host's boots with each symptom's. Here each of both is read once, as numbers: a
row for each host and way, and one for each of these with a symptom that was seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD, HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import AFTER_KEXEC
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np
    import sqlalchemy as sa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

AT_ONCE = 20_000
"""Rows that are in memory as the database gives them."""


class SymptomHosts:
    """The numbers of all hosts; ``names`` are the symptoms, and ``ways`` those that are compared."""

    def __init__(self, connection: sa.Connection, names: Sequence[str], ways: Mapping[int, Way]) -> None:
        self._ways = ways
        self._cold = {way.release: number for number, way in ways.items() if way.boot == COLD}
        self._ids: dict[str, int] = {}
        looked = self._by_key(connection, _looked())
        self._seen = self._by_key(connection, _seen(names))
        self._looked = {way: self._of_each(found) for (way,), found in looked.items()}
        self._compared = [way for way in self._looked if way in ways and ways[way].boot in AFTER_KEXEC]
        self._alike = {way: self._boots_alike(way) for way in self._compared}

    def of(self, symptom: str) -> dict[Way, tuple[HostCount, ...]]:
        """Return the numbers by way, with the hosts that have cold boots only."""
        return {self._ways[way]: self._of_way(symptom, way) for way in self._compared}

    def cold(self, symptom: str) -> dict[str, int]:
        """Return on how many hosts each release has the symptom after cold boots; also one that no kexec has begun."""
        seen = {release: self._seen.get((symptom, number)) for release, number in self._cold.items()}
        return {release: len(np.unique(found[0])) for release, found in seen.items() if found is not None}

    def _of_way(self, symptom: str, way: int) -> tuple[HostCount, ...]:
        """Few hosts have a symptom. All others are counted once for all symptoms, by their boots."""
        cold = self._cold_of(way)
        seen, cold_seen = (self._of_each(self._seen.get((symptom, one))) for one in (way, cold))
        boots, cold_boots = self._boots(way), self._boots(cold)
        having = np.flatnonzero(((seen > 0) | (cold_seen > 0)) & ((boots > 0) | (cold_boots > 0)))
        alike, hosts = _distinct(np.stack([boots, seen, cold_boots, cold_seen])[:, having])
        found = [HostCount(*numbers) for numbers in zip(*alike.tolist(), hosts.tolist(), strict=True)]
        others = self._alike[way].copy()
        for one in found:
            others[one.boots, one.cold_boots] -= one.hosts
        found += [HostCount(number, 0, cold_number, 0, many) for (number, cold_number), many in others.items() if many]
        return tuple(sorted(found))

    def _boots_alike(self, way: int) -> Counter[tuple[int, int]]:
        """Return how many hosts have which numbers of boots after a way, and of cold ones."""
        pairs, hosts = _distinct(np.stack([self._boots(way), self._boots(self._cold_of(way))]))
        counted = zip(zip(*pairs.tolist(), strict=True), hosts.tolist(), strict=True)
        return Counter({(boots, cold_boots): many for (boots, cold_boots), many in counted if boots or cold_boots})

    def _cold_of(self, way: int) -> int:
        return self._cold.get(self._ways[way].release, -1)

    def _boots(self, way: int) -> Whole:
        """Return how many boots of each host were looked at."""
        found = self._looked.get(way)
        return np.zeros(len(self._ids), np.int64) if found is None else found

    def _of_each(self, found: tuple[Whole, Whole] | None) -> Whole:
        """Return a number for each host."""
        each = np.zeros(len(self._ids), np.int64)
        if found is not None:
            np.add.at(each, found[0], found[1])
        return each

    def _by_key(self, connection: sa.Connection, question: Any) -> dict[tuple[Any, ...], tuple[Whole, Whole]]:
        """Return hosts and their numbers by what stands before them in a question."""
        parts: defaultdict[tuple[Any, ...], list[tuple[Whole, Whole]]] = defaultdict(list)
        for rows in connection.execute(question).partitions(AT_ONCE):
            by_key: defaultdict[tuple[Any, ...], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for *key, host, number in rows:
                hosts, numbers = by_key[tuple(key)]
                hosts.append(self._ids.setdefault(host, len(self._ids)))
                numbers.append(int(number))
            for of_key, (hosts, numbers) in by_key.items():
                parts[of_key].append((np.array(hosts, np.int64), np.array(numbers, np.int64)))
        return {
            of_key: (np.concatenate([one for one, _two in found]), np.concatenate([two for _one, two in found]))
            for of_key, found in parts.items()
        }


def _distinct(table: Whole) -> tuple[Whole, Whole]:
    """Return the columns of a table that differ, in order, and how many there are of each."""
    order = np.lexsort(table[::-1])
    ranked = table[:, order]
    starts = np.flatnonzero(np.concatenate([[True], (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)]))
    if not ranked.shape[1]:
        return ranked, np.zeros(0, np.int64)
    return ranked[:, starts], np.diff(np.append(starts, ranked.shape[1]))


def _looked() -> Any:
    """How many boots of each host were looked at, by way."""
    sums = tables().tallies.c
    looked = sa.func.sum(sums.looked)
    return sa.select(sums.way, sums.host, looked).group_by(sums.host, sums.way).having(looked > 0)


def _seen(names: Sequence[str]) -> Any:
    """In how many boots of each host each symptom was seen, by way; several rows are to be added."""
    sums = tables().symptom_tallies.c
    return sa.select(sums.symptom, sums.way, sums.host, sums.boots).where(sums.symptom.in_(names))
