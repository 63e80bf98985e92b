# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts boots in which kernels complained, by symptom and by how they came to run. The database counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    COLD,
    Count,
    SymptomCount,
    Symptoms,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import AFTER_KEXEC
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import NO_COUNT, WAY, tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_hosts import SymptomHosts

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

SYMPTOMS = 50
"""So many symptoms, those of the most hosts, are looked at. One that only one host has is never a finding."""


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
    hosts = SymptomHosts(connection, names, ways) if names else None
    counts = [
        SymptomCount(
            row.symptom,
            row.trouble,
            row.words,
            int(row.hosts),
            tuple(_counts(boots, seen[row.symptom], ways)),
            hosts.of(row.symptom) if hosts else {},
            hosts.cold(row.symptom) if hosts else {},
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
