# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts have which numbers of boots, with and without a symptom, after each way and after cold boots.

The database would have to join each host's boots with each symptom's. Here each of both is read once, as numbers: a
row for each host and way, and one for each of these with a symptom that was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD, HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import (
    LOOKED,
    HostSums,
    compared_ways,
    distinct,
    parts,
    read,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np
    import sqlalchemy as sa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]


class SymptomHosts:
    """The numbers of all hosts, with those of the symptoms ``names``; of some ``releases``, unless that is None."""

    def __init__(
        self, connection: sa.Connection, names: Sequence[str], sums: HostSums, releases: Collection[str] | None = None
    ) -> None:
        self._sums = sums
        self._numbers = {name: number for number, name in enumerate(names)}
        seen = read(connection, _seen(names, releases), self._numbers, sums.hosts)
        symptom, host, way, count, boots = seen[:, np.lexsort(seen[[3, 2, 0]])]
        self._host, self._boots = host, boots
        self._of_way = parts(np.stack([symptom, way]))
        self._of_count = parts(np.stack([symptom, way, count]))
        looked = {number: sums.of_each(number)[LOOKED] for number in sums.ways}
        self._looked = {number: each for number, each in looked.items() if each.any()}
        self._none = np.zeros(len(sums.hosts), np.int64)
        self._compared = [number for number in sums.after_kexec if number in self._looked]
        self._alike = {number: self._boots_alike(number) for number in self._compared}

    def of(self, symptom: str) -> dict[Way, tuple[HostCount, ...]]:
        """Return the numbers by way, with the hosts that have cold boots only."""
        return {self._sums.ways[way]: self._of(self._numbers[symptom], way) for way in self._compared}

    def cold(self, symptom: str) -> dict[str, int]:
        """Return on how many hosts each release has the symptom after cold boots; also one that no kexec has begun."""
        cold = {number: way.release for number, way in self._sums.ways.items() if way.boot == COLD}
        seen = {way: self._of_way.get((self._numbers[symptom], way)) for way in cold}
        return {cold[way]: len(np.unique(self._host[part])) for way, part in seen.items() if part is not None}

    def by_way(self, symptom: str) -> dict[int, int]:
        """Return in how many boots it was seen, by way."""
        number = self._numbers[symptom]
        return {way: int(self._boots[part].sum()) for (one, way), part in self._of_way.items() if one == number}

    def number_of(self, symptom: str) -> int:
        """Return on how many hosts it was seen."""
        number = self._numbers[symptom]
        parts_of = [self._host[part] for (one, _way), part in self._of_way.items() if one == number]
        return len(np.unique(np.concatenate([self._host[:0], *parts_of])))

    def by_count(self) -> dict[str, dict[tuple[int, int], int]]:
        """Return in how many boots each symptom was seen, by way and count."""
        found: dict[str, dict[tuple[int, int], int]] = {name: {} for name in self._numbers}
        names = [*self._numbers]
        for (symptom, way, count), part in self._of_count.items():
            found[names[symptom]][way, count] = int(self._boots[part].sum())
        return found

    def _of(self, symptom: int, way: int) -> tuple[HostCount, ...]:
        """Few hosts have a symptom. All others are counted once for all symptoms, by their boots."""
        cold = self._sums.cold_of(way)
        seen, cold_seen = (self._seen_on_each(symptom, one) for one in (way, cold))
        boots, cold_boots = (self._looked.get(one, self._none) for one in (way, cold))
        having = np.flatnonzero(((seen > 0) | (cold_seen > 0)) & ((boots > 0) | (cold_boots > 0)))
        alike, hosts = distinct(np.stack([boots, seen, cold_boots, cold_seen])[:, having])
        found = [HostCount(*numbers) for numbers in zip(*alike.tolist(), hosts.tolist(), strict=True)]
        others = self._alike[way].copy()
        for one in found:
            others[one.boots, one.cold_boots] -= one.hosts
        found += [HostCount(number, 0, cold_number, 0, many) for (number, cold_number), many in others.items() if many]
        return tuple(sorted(found))

    def _boots_alike(self, way: int) -> Counter[tuple[int, int]]:
        """Return how many hosts have which numbers of boots after a way, and of cold ones."""
        boots = np.stack([self._looked.get(one, self._none) for one in (way, self._sums.cold_of(way))])
        pairs, hosts = distinct(boots[:, boots.any(axis=0)])
        return Counter(dict(zip(zip(*pairs.tolist(), strict=True), hosts.tolist(), strict=True)))

    def _seen_on_each(self, symptom: int, way: int) -> Whole:
        """Return in how many boots of each host a symptom was seen."""
        each = np.zeros_like(self._none)
        part = self._of_way.get((symptom, way))
        if part is not None:
            np.add.at(each, self._host[part], self._boots[part])
        return each


def _seen(names: Sequence[str], releases: Collection[str] | None) -> Any:
    """In how many boots of each host each symptom was seen, by way and count."""
    sums = tables().symptom_tallies.c
    ways = compared_ways(releases)
    columns = [sums.symptom, sums.host, sums.way, sums.kexec_count, sums.boots]
    return sa.select(*columns).where(sums.symptom.in_(names), sums.way.in_(ways))
