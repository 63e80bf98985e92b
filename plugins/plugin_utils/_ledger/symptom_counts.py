# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts boots in which kernels complained, by symptom and by how they came to run. The database counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    COLD,
    Count,
    HostCount,
    SymptomCount,
    Symptoms,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import AFTER_KEXEC
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import NO_COUNT, WAY, tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

SYMPTOMS = 50
"""So many symptoms, those of the most hosts, are looked at. One that only one host has is never a finding."""

Key = tuple[int, ...]


def count_symptoms(connection: sa.Connection) -> Symptoms:
    """Return how often kernels complained, of the symptoms that the most hosts have."""
    ranked = [*connection.execute(_symptoms_by_hosts())]
    told = [row for row in ranked if row.hosts > 1]
    names = [str(row.symptom) for row in told[:SYMPTOMS]]
    ways = {row.way: Way(row.boot, row.previous_release or None, row.release) for row in connection.execute(_ways())}
    boots = _by_count(connection.execute(_looked_by_way()), ways)
    seen: defaultdict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(_seen_by_way(names)):
        seen[row.symptom].append(row)
    hosts = _Hosts(connection, names, ways) if names else None
    counts = [
        SymptomCount(
            row.symptom,
            row.trouble,
            row.words,
            int(row.hosts),
            tuple(_counts(boots, seen[row.symptom], ways)),
            hosts.of(row.symptom) if hosts else {},
        )
        for row in told[:SYMPTOMS]
    ]
    return Symptoms(tuple(counts), of_one_host=len(ranked) - len(told), not_told=max(len(told) - SYMPTOMS, 0))


def _by_count(rows: Iterable[Any], ways: Mapping[int, Way]) -> dict[tuple[int, int], int]:
    return {(row.way, row.kexec_count): int(row.boots) for row in rows if row.way in ways}


def _counts(boots: Mapping[tuple[int, int], int], rows: Sequence[Any], ways: Mapping[int, Way]) -> Iterable[Count]:
    seen = {(row.way, row.kexec_count): int(row.boots) for row in rows}

    def order(key: tuple[int, int]) -> tuple[str, str, str, int]:
        way = ways[key[0]]
        return way.release, way.boot, way.previous_release or "", key[1]

    for (way, count), looked in sorted(boots.items(), key=lambda item: order(item[0])):
        yield Count(ways[way], None if count == NO_COUNT else count, looked, seen.get((way, count), 0), 0.0)


class _Hosts:
    """Which numbers of boots hosts have, with and without each symptom."""

    def __init__(self, connection: sa.Connection, names: Sequence[str], ways: Mapping[int, Way]) -> None:
        self._ways = ways
        self._cold = {way.release: number for number, way in ways.items() if way.boot == COLD}
        self._all = _grouped(connection.execute(_hosts_after(None)), ("looked", "cold_looked"))
        self._all_cold = _grouped(connection.execute(_cold_hosts(None)), ("looked",))
        columns = ("looked", "seen", "cold_looked", "cold_seen")
        self._with = _grouped(connection.execute(_hosts_after(names)), columns)
        self._with_cold = _grouped(connection.execute(_cold_hosts(names)), ("looked", "seen"))

    def of(self, symptom: str) -> dict[Way, tuple[HostCount, ...]]:
        """Return the numbers by way, with the hosts that have cold boots only."""
        return {
            way: tuple(sorted(self._of_way(symptom, number)))
            for number, way in self._ways.items()
            if way.boot in AFTER_KEXEC and ("", number) in self._all
        }

    def _of_way(self, symptom: str, way: int) -> Iterable[HostCount]:
        having, everyone = self._with.get((symptom, way), Counter()), self._all["", way].copy()
        cold = self._cold.get(self._ways[way].release, -1)
        cold_having = self._with_cold.get((symptom, cold), Counter()).copy()
        cold_everyone = self._all_cold.get(("", cold), Counter()).copy()
        for (_looked, cold_looked), many in everyone.items():
            cold_everyone[cold_looked,] -= many
        for (looked, seen, cold_looked, cold_seen), many in having.items():
            yield HostCount(looked, seen, cold_looked, cold_seen, many)
            everyone[looked, cold_looked] -= many
            cold_having[cold_looked, cold_seen] -= many
        for (looked, cold_looked), many in everyone.items():
            if many > 0:
                yield HostCount(looked, 0, cold_looked, 0, many)
        for (cold_looked, cold_seen), many in cold_having.items():
            if many > 0 and cold_looked:
                yield HostCount(0, 0, cold_looked, cold_seen, many)
                cold_everyone[cold_looked,] -= many
        for (cold_looked,), many in cold_everyone.items():
            if many > 0 and cold_looked:
                yield HostCount(0, 0, cold_looked, 0, many)


def _grouped(rows: Iterable[Any], columns: Sequence[str]) -> dict[tuple[str, int], Counter[Key]]:
    found: defaultdict[tuple[str, int], Counter[Key]] = defaultdict(Counter)
    for row in rows:
        found[row.symptom, row.way][tuple(int(getattr(row, name)) for name in columns)] += int(row.hosts)
    return dict(found)


def _ways() -> Any:
    ways = tables().ways.c
    compared = ways.boot.in_((COLD, *AFTER_KEXEC))
    return sa.select(ways.way, *(ways[name] for name in WAY)).where(compared, ways.release != "")


def _symptoms_by_hosts() -> Any:
    """All symptoms, by the number of hosts that have them, of which no host can make up more than its own."""
    sums, ways, names = tables().symptom_tallies, tables().ways.c, tables().symptom_names
    hosts = sa.func.count(sums.c.host.distinct()).label("hosts")
    compared = sa.select(ways.way).where(ways.boot.in_((COLD, *AFTER_KEXEC)), ways.release != "")
    found = sa.select(sums.c.symptom, hosts).where(sums.c.way.in_(compared)).group_by(sums.c.symptom).subquery()
    columns = [found.c.symptom, names.c.trouble, names.c.words, found.c.hosts]
    same = names.c.symptom == found.c.symptom
    return sa.select(*columns).select_from(found.join(names, same)).order_by(found.c.hosts.desc(), found.c.symptom)


def _looked_by_way() -> Any:
    sums = tables().tallies.c
    key = [sums.way, sums.kexec_count]
    looked = sa.func.sum(sums.looked).label("boots")
    return sa.select(*key, looked).group_by(*key).having(sa.func.sum(sums.looked) > 0)


def _seen_by_way(names: Sequence[str]) -> Any:
    sums = tables().symptom_tallies.c
    key = [sums.symptom, sums.way, sums.kexec_count]
    return sa.select(*key, sa.func.sum(sums.boots).label("boots")).where(sums.symptom.in_(names)).group_by(*key)


def _looked(*kinds: str) -> Any:
    """How many boots of each host were looked at, by way."""
    sums, ways = tables().tallies.c, tables().ways.c
    of_kinds = sums.way.in_(sa.select(ways.way).where(ways.boot.in_(kinds)))
    looked = sa.func.sum(sums.looked)
    key = [sums.host, sums.way]
    return sa.select(*key, looked.label("looked")).where(of_kinds).group_by(*key).having(looked > 0).subquery()


def _seen(names: Sequence[str]) -> Any:
    """In how many boots of each host a symptom was seen, by way."""
    sums = tables().symptom_tallies.c
    key = [sums.symptom, sums.host, sums.way]
    seen = sa.func.sum(sums.boots).label("seen")
    return sa.select(*key, seen).where(sums.symptom.in_(names)).group_by(*key).subquery()


def _having(names: Sequence[str]) -> Any:
    sums = tables().symptom_tallies.c
    return sa.select(sums.symptom, sums.host).where(sums.symptom.in_(names)).distinct().subquery()


def _hosts_after(names: Sequence[str] | None) -> Any:
    """How many hosts have which numbers of boots after each way, and of cold boots; only those with each symptom."""
    ways, cold_ways = tables().ways, tables().ways.alias()
    same_release = (cold_ways.c.boot == COLD) & (cold_ways.c.release == ways.c.release)
    cold_of = sa.select(ways.c.way, cold_ways.c.way.label("cold")).outerjoin(cold_ways, same_release).subquery()
    here, cold = _looked(*AFTER_KEXEC), _looked(COLD)
    joined = here.join(cold_of, cold_of.c.way == here.c.way)
    joined = joined.outerjoin(cold, (cold.c.way == cold_of.c.cold) & (cold.c.host == here.c.host))
    none: sa.ColumnClause[int] = sa.literal_column("0")
    numbers = [here.c.way, here.c.looked, sa.func.coalesce(cold.c.looked, none).label("cold_looked")]
    if names is None:
        return _counted(sa.select(*numbers).select_from(joined))
    having, seen, cold_seen = _having(names), _seen(names), _seen(names)
    joined = joined.join(having, having.c.host == here.c.host)
    for found, way in ((seen, here.c.way), (cold_seen, cold_of.c.cold)):
        same = (found.c.host == here.c.host) & (found.c.symptom == having.c.symptom) & (found.c.way == way)
        joined = joined.outerjoin(found, same)
    numbers += [sa.func.coalesce(seen.c.seen, none).label("seen")]
    numbers += [sa.func.coalesce(cold_seen.c.seen, none).label("cold_seen"), having.c.symptom]
    return _counted(sa.select(*numbers).select_from(joined))


def _cold_hosts(names: Sequence[str] | None) -> Any:
    """How many hosts have which numbers of cold boots; only those with each symptom."""
    cold = _looked(COLD)
    if names is None:
        return _counted(sa.select(cold.c.way, cold.c.looked))
    having, seen = _having(names), _seen(names)
    same = (seen.c.host == cold.c.host) & (seen.c.way == cold.c.way) & (seen.c.symptom == having.c.symptom)
    joined = cold.join(having, having.c.host == cold.c.host).outerjoin(seen, same)
    none: sa.ColumnClause[int] = sa.literal_column("0")
    numbers = [cold.c.way, cold.c.looked, sa.func.coalesce(seen.c.seen, none).label("seen"), having.c.symptom]
    return _counted(sa.select(*numbers).select_from(joined))


def _counted(rows: Any) -> Any:
    columns = list(rows.subquery().c)
    none: Any = sa.literal_column("''").label("symptom")
    symptom: list[Any] = [] if any(column.name == "symptom" for column in columns) else [none]
    return sa.select(*columns, *symptom, sa.func.count().label("hosts")).group_by(*columns)
