# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of boots, by release and host, in chains of handovers. The database joins and orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD, Chain, Measures, What
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

MOST_VALUES = 200_000
"""So many values are read, of hosts in the order of their names; how many are not is told."""
LONGEST = 200
"""So many boots of one chain are looked at, the last ones: a trend takes time with the square of them."""
CHAINS = 20
"""So many chains of one host are looked at, the last ones."""


def read_measures(connection: sa.Connection) -> Measures:
    """Return what was measured on the whole fleet, bounded."""
    chains: defaultdict[What, defaultdict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    cold: defaultdict[What, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    rows = connection.execute(_values().limit(MOST_VALUES)).all()
    for row in rows:
        what = What(row.release, row.measure)
        if row.boot == COLD:
            cold[what][row.host].append(float(row.value))
        else:
            chains[what][row.host].append(row)
    return Measures(
        {what: {host: _chains(rows) for host, rows in hosts.items()} for what, hosts in chains.items()},
        {what: {host: tuple(values[-LONGEST:]) for host, values in hosts.items()} for what, hosts in cold.items()},
        int(connection.execute(_not_joined()).scalar_one()),
        _all(connection) - MOST_VALUES if len(rows) == MOST_VALUES else 0,
    )


def _all(connection: sa.Connection) -> int:
    """How many values there are to be read."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_values().subquery())).scalar_one())


def _chains(rows: Iterable[Any]) -> tuple[Chain, ...]:
    """Split what was measured of one release on one host, in the order of time, where a chain began anew."""
    chains: list[list[tuple[int, float]]] = []
    before: tuple[int, int] | None = None
    for row in rows:
        if before is None or row.chain != before[0] or row.kexec_count <= before[1]:
            chains.append([])
        chains[-1].append((int(row.kexec_count), float(row.value)))
        before = row.chain, row.kexec_count
    return tuple(tuple(chain[-LONGEST:]) for chain in chains[-CHAINS:])


def _values() -> Any:
    """All values of handovers and of cold boots, each with the number of its host's chain, in the order of time."""
    boots, measures = tables().boots.c, tables().measures.c
    when = sa.func.coalesce(boots.began, boots.ended, boots.seen)
    begins = sa.case((boots.boot == "handover", 0), else_=1)
    chain = sa.func.sum(begins).over(partition_by=boots.host, order_by=[when, boots.boot_id])
    columns = [boots.host, boots.boot_id, boots.boot, boots.release, boots.kexec_count]
    ordered = (
        sa.select(*columns, when.label("moment"), chain.label("chain"))
        # Boots of crash kernels lie between no two.
        .where(boots.host.in_(sa.select(measures.host).distinct()), boots.boot != "kdump")
        .subquery()
    )
    of = ordered.c
    same = (measures.host == of.host) & (measures.boot_id == of.boot_id)
    wanted = [of.boot.in_(("handover", COLD)), of.release.is_not(None), of.kexec_count.is_not(None)]
    return (
        sa.select(of.host, of.boot, of.release, of.kexec_count, of.chain, measures.measure, measures.value)
        .select_from(tables().measures.join(ordered, same))
        .where(*wanted, measures.measure.in_([*MEASURES]))
        .order_by(of.host, of.moment, of.boot_id, measures.measure)
    )


def _not_joined() -> Any:
    boots, measures = tables().boots, tables().measures
    joined = measures.outerjoin(boots, (boots.c.host == measures.c.host) & (boots.c.boot_id == measures.c.boot_id))
    return sa.select(sa.func.count()).select_from(joined).where(boots.c.host.is_(None))
