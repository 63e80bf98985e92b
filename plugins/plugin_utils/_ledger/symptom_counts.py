# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts boots in which kernels complained, by symptom and by how they came to run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Count,
    SymptomCount,
    Symptoms,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import (
    LOOKED,
    HostSums,
    compared_ways,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import NO_COUNT, tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_hosts import SymptomHosts
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

SYMPTOMS = 50
"""So many symptoms, those of the most hosts, are looked at. One that only one host has is never a finding."""


def count_symptoms(connection: sa.Connection, sums: HostSums) -> Symptoms:
    """Return how often kernels complained, of the symptoms that the most hosts have; ``sums`` are of all releases."""
    ranked = [*connection.execute(_symptoms_by_hosts())]
    told = [row for row in ranked if row.hosts > 1]
    names = [str(row.symptom) for row in told[:SYMPTOMS]]
    if not names:
        return Symptoms((), of_one_host=len(ranked))
    boots = {(row.way, row.kexec_count): int(row.boots) for row in connection.execute(_looked_by_way())}
    hosts = SymptomHosts(connection, names, sums)
    seen = hosts.by_count()
    counts = [
        SymptomCount(
            row.symptom,
            row.trouble,
            row.words,
            int(row.hosts),
            tuple(_counts(boots, seen[row.symptom], sums.ways)),
            hosts.of(row.symptom),
            hosts.cold(row.symptom),
        )
        for row in told[:SYMPTOMS]
    ]
    return Symptoms(tuple(counts), of_one_host=len(ranked) - len(told), not_told=max(len(told) - SYMPTOMS, 0))


def count_some(connection: sa.Connection, names: Mapping[str, Symptom], releases: Collection[str]) -> Symptoms:
    """Return how often kernels of these releases had these symptoms, whatever the ``kexec_count``."""
    sums = HostSums(connection, releases)
    hosts = SymptomHosts(connection, [*names], sums, releases)
    boots = {(way, NO_COUNT): int(sums.of_each(way)[LOOKED].sum()) for way in sums.ways}
    counts = [
        SymptomCount(
            name,
            *symptom,
            hosts.number_of(name),
            tuple(_counts(boots, {(way, NO_COUNT): seen for way, seen in hosts.by_way(name).items()}, sums.ways)),
            hosts.of(name),
            hosts.cold(name),
        )
        for name, symptom in names.items()
    ]
    return Symptoms(tuple(counts))


def _counts(
    boots: Mapping[tuple[int, int], int], seen: Mapping[tuple[int, int], int], ways: Mapping[int, Way]
) -> Iterable[Count]:
    def order(key: tuple[int, int]) -> tuple[str, str, str, int]:
        way = ways[key[0]]
        return way.release, way.boot, way.previous_release or "", key[1]

    for (way, count), looked in sorted(boots.items(), key=lambda item: order(item[0])):
        yield Count(ways[way], None if count == NO_COUNT else count, looked, seen.get((way, count), 0), 0.0)


def _symptoms_by_hosts() -> Any:
    """Symptoms, by the number of hosts that have them, of which no host can make up more than its own."""
    sums, names = tables().symptom_tallies, tables().symptom_names.c
    hosts = sa.func.count(sums.c.host.distinct()).label("hosts")
    wanted = sums.c.way.in_(compared_ways())
    found = sa.select(sums.c.symptom, hosts).where(wanted).group_by(sums.c.symptom).subquery()
    columns = [found.c.symptom, names.trouble, names.words, found.c.hosts]
    joined = found.join(tables().symptom_names, names.symptom == found.c.symptom)
    return sa.select(*columns).select_from(joined).order_by(found.c.hosts.desc(), found.c.symptom)


def _looked_by_way() -> Any:
    sums = tables().tallies.c
    key = [sums.way, sums.kexec_count]
    looked = sa.func.sum(sums.looked).label("boots")
    wanted = sums.way.in_(compared_ways())
    return sa.select(*key, looked).where(wanted).group_by(*key).having(sa.func.sum(sums.looked) > 0)
