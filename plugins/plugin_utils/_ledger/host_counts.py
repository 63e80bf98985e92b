# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts how many hosts have the same numbers of boots and crashes. The database counts, as in ``counts``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD, HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import WAY, tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

AFTER_KEXEC = ("kexec", "handover")
NUMBERS = ("boots", "crashes", "again", "again_crashes")
OF_COLD = (*NUMBERS, "recovered", "recovered_crashes")
COLD_NUMBERS = tuple(f"cold_{name}" for name in OF_COLD)
"""What is counted of each host, of one way and of its cold boots."""


def by_way(wanted: Set[Way], rows: Iterable[Any], cold_rows: Iterable[Any]) -> dict[Way, tuple[HostCount, ...]]:
    """Return the numbers of hosts by way, of those ``wanted``; hosts with cold boots only are among them.

    ``rows`` are those of ``hosts_alike``, and ``cold_rows`` those of ``cold_hosts_alike``.
    """
    cold: defaultdict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for row in cold_rows:
        cold[row.release][tuple(int(getattr(row, name)) for name in OF_COLD)] += int(row.hosts)
    found: defaultdict[Way, list[HostCount]] = defaultdict(list)
    for row in rows:
        way = Way(row.boot, row.previous_release or None, row.release)
        if way in wanted:
            found[way].append(HostCount(*(int(getattr(row, name)) for name in HostCount._fields)))
    for way, hosts in found.items():
        if Way(COLD, None, way.release) not in wanted:
            hosts[:] = [one._replace(**dict.fromkeys(COLD_NUMBERS, 0)) for one in hosts]
            continue
        alone = cold[way.release].copy()
        for one in hosts:
            alone[tuple(getattr(one, name) for name in COLD_NUMBERS)] -= one.hosts
        hosts += [
            HostCount(0, 0, 0, 0, many)._replace(**dict(zip(COLD_NUMBERS, numbers, strict=True)))
            for numbers, many in alone.items()
            if many > 0 and numbers[0]
        ]
    return {way: tuple(sorted(hosts)) for way, hosts in found.items()}


def _of_hosts(*kinds: str) -> Any:
    """Boots and crashes of each host after each way of these kinds; those of crash loops by themselves."""
    tallies, ways = tables().tallies.c, tables().ways.c
    key = [tallies.host, tallies.way]
    numbers = (
        tallies.boots - tallies.again,
        tallies.crashes - tallies.again_crashes,
        tallies.again,
        tallies.again_crashes,
        tallies.recovered,
        tallies.recovered_crashes,
    )
    sums = [sa.func.sum(number).label(name) for name, number in zip(OF_COLD, numbers, strict=True)]
    wanted = tallies.way.in_(sa.select(ways.way).where(ways.boot.in_(kinds)))
    return sa.select(*key, *sums).where(wanted).group_by(*key).subquery()


def hosts_alike() -> Any:
    """Return the question for how many hosts have which numbers after each way, and after cold boots of its release."""
    way, cold_way = tables().ways, tables().ways.alias()
    of_way, of_cold = _of_hosts(*AFTER_KEXEC), _of_hosts(COLD)
    same_release = (cold_way.c.boot == COLD) & (cold_way.c.release == way.c.release)
    cold_of = sa.select(way.c.way, cold_way.c.way.label("cold")).outerjoin(cold_way, same_release).subquery()
    joined = sa.join(of_way, cold_of, of_way.c.way == cold_of.c.way).outerjoin(
        of_cold, (of_cold.c.way == cold_of.c.cold) & (of_cold.c.host == of_way.c.host)
    )
    none: sa.ColumnClause[int] = sa.literal_column("0")
    numbers = [
        *(of_way.c.way, *(of_way.c[name] for name in NUMBERS)),
        *(sa.func.coalesce(of_cold.c[name], none).label(f"cold_{name}") for name in OF_COLD),
    ]
    return _counted(sa.select(*numbers).select_from(joined))


def cold_hosts_alike() -> Any:
    """Return the question for how many hosts have which numbers of cold boots, by release."""
    found = _of_hosts(COLD).c
    return _counted(sa.select(found.way, *(found[name] for name in OF_COLD)))


def _counted(rows: Any) -> Any:
    """Rows that are alike with their number, and the names of their way, which are slower to sort by than numbers."""
    ways, columns = tables().ways, list(rows.subquery().c)
    found = sa.select(*columns, sa.func.count().label("hosts")).group_by(*columns).subquery()
    names = [ways.c[name] for name in WAY]
    others = [column for column in found.c if column.name != "way"]
    return sa.select(*names, *others).select_from(sa.join(ways, found, ways.c.way == found.c.way))
