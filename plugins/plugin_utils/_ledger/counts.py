# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts boots and crashes by how their kernel came to run. The database counts, so that memory does not grow."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    FleetCounts,
    Signature,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.tables import tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

COMPARED = ("cold", "kexec", "handover")
FAULTS = ("bug", "memory", "oops", "panic")
"""Kinds of crashes after which a kernel is broken. Whether it goes on is a setting of the host (panic_on_oops)."""
BUGS, SIGNATURES = 3, 3
"""How many bugs of each way are told, and how many signatures of each bug."""
SECONDS_PER_HOUR = 3600


def count_fleet(ledger: Ledger) -> FleetCounts:
    """Return what the ledger holds, counted. Raises LedgerError."""
    with ledger.snapshot() as connection:
        counted = [*connection.execute(_boots_by_way())]
        bugs = [*connection.execute(_bugs_by_way())]
        signatures = [*connection.execute(_signatures_of_bugs({str(row.bug) for row in bugs}))]
        worst = [*connection.execute(_worst_host_by_way())]
        not_joined = int(connection.execute(_crashes_without_boot()).scalar_one())
    compared = [row for row in counted if row.boot in COMPARED and row.release is not None]
    boots = sum(row.boots for row in counted)
    return FleetCounts(
        counts=tuple(
            Count(_way(row), row.kexec_count, int(row.boots), int(row.crashes), float(row.seconds) / SECONDS_PER_HOUR)
            for row in compared
        ),
        bugs=tuple(_bug(row, signatures) for row in bugs),
        worst_host={_way(row): row.boots for row in worst},
        boots=boots,
        not_compared=boots - sum(row.boots for row in compared),
        not_joined=not_joined,
    )


def _bug(row: Any, signatures: list[Any]) -> Bug:
    below = tuple(
        Signature(one.signature, tuple(json.loads(one.frames)), one.boots)
        for one in signatures
        if (_way(one), one.bug) == (_way(row), row.bug)
    )
    return Bug(_way(row), row.bug, row.kind, tuple(json.loads(row.frames)), row.boots, below, bool(row.old))


class Begun(NamedTuple):
    """Boots that began since some time, how many of them crashed, and on which hosts."""

    boots: int
    crashes: int
    hosts: tuple[str, ...]


def count_begun(ledger: Ledger, previous_release: str | None, release: str, since: int) -> Begun:
    """Count the boots of ``release`` that a kexec began ``since`` then, in seconds since 1970. Raises LedgerError.

    Only handovers from ``previous_release``, unless that is None.
    """
    with ledger.snapshot() as connection:
        rows = [*connection.execute(_begun_by_host(previous_release, release, since))]
    crashed = sorted((row for row in rows if row.crashes), key=lambda row: str(row.host))
    return Begun(
        sum(row.boots for row in rows), sum(row.crashes for row in crashed), tuple(row.host for row in crashed)
    )


def _begun_by_host(previous_release: str | None, release: str, since: int) -> Any:
    boots, named = tables().boots.c, _named_by_evidence()
    # Where the journal has lost a boot's beginning, what is left of it will do.
    wanted = [boots.release == release, sa.func.coalesce(boots.began, boots.ended, boots.seen) >= since]
    if previous_release is None:
        wanted.append(boots.boot.in_(("kexec", "handover")))
    else:
        wanted += [boots.boot == "handover", boots.previous_release == previous_release]
    crashes = sa.func.sum(sa.case((_has_crashed(named), 1), else_=0)).label("crashes")
    columns = [boots.host, sa.func.count().label("boots"), crashes]
    return sa.select(*columns).select_from(_with_evidence(named)).where(*wanted).group_by(boots.host)


def _way(row: Any) -> Way:
    return Way(row.boot, row.previous_release, row.release)


def _way_columns() -> list[Any]:
    boots = tables().boots.c
    # What is told after anything but a handover is no previous release.
    origin = sa.case((boots.boot == "handover", boots.previous_release)).label("previous_release")
    return [boots.boot, origin, boots.release]


def _counts() -> Any:
    """Whether evidence is of a crash, and not of slowness or faulty hardware that the kernel survived."""
    crashes = tables().crashes.c
    return sa.or_(crashes.fatal, crashes.kind.in_(FAULTS))


def _named_by_evidence() -> Any:
    crashes = tables().crashes.c
    named = sa.select(crashes.host, crashes.boot_id).where(crashes.boot_id.is_not(None), _counts()).distinct()
    return named.subquery("named")


def _has_crashed(named: Any) -> Any:
    return sa.or_(tables().boots.c.ending == "crash", named.c.boot_id.is_not(None))


def _with_evidence(named: Any) -> Any:
    boots = tables().boots
    return boots.outerjoin(named, (boots.c.host == named.c.host) & (boots.c.boot_id == named.c.boot_id))


def _boots_by_way() -> Any:
    boots, named, way = tables().boots.c, _named_by_evidence(), _way_columns()
    until = sa.func.coalesce(boots.ended, boots.seen)
    seconds = sa.case((until > boots.began, until - boots.began), else_=0)
    return (
        sa.select(
            *way,
            boots.kexec_count,
            sa.func.count().label("boots"),
            sa.func.sum(sa.case((_has_crashed(named), 1), else_=0)).label("crashes"),
            sa.func.sum(seconds).label("seconds"),
        )
        .select_from(_with_evidence(named))
        .group_by(*way, boots.kexec_count)
    )


def _worst_host_by_way() -> Any:
    named, way = _named_by_evidence(), _way_columns()
    by_host = (
        sa.select(*way, sa.func.count().label("boots"))
        .select_from(_with_evidence(named))
        .where(_has_crashed(named), _is_compared())
        .group_by(*way, tables().boots.c.host)
        .subquery()
    )
    columns = [by_host.c.boot, by_host.c.previous_release, by_host.c.release]
    return sa.select(*columns, sa.func.max(by_host.c.boots).label("boots")).group_by(*columns)


def _bug_column() -> Any:
    """The bug; of old crashes, whose bug is not known, the signature."""
    crashes = tables().crashes.c
    return sa.func.coalesce(crashes.bug, crashes.signature).label("bug")


def _bugs_by_way() -> Any:
    return _seen_by_way([_bug_column()], BUGS)


def _signatures_of_bugs(bugs: set[str]) -> Any:
    column = _bug_column()
    return _seen_by_way([column, tables().crashes.c.signature], SIGNATURES, column.element.in_(sorted(bugs)))


def _seen_by_way(level: list[Any], most: int, *wanted: Any) -> Any:
    """Count the boots in which each of the last column's values was seen; ``most`` of them for those before it."""
    boots, crashes, way = tables().boots, tables().crashes, _way_columns()
    seen_in = sa.distinct(crashes.c.host + sa.literal("/") + crashes.c.boot_id)
    counted = (
        sa.select(
            *way,
            *level,
            sa.func.min(crashes.c.kind).label("kind"),
            # Builds may differ in the frames that the signature leaves out; any one of them will do.
            sa.func.max(crashes.c.frames).label("frames"),
            sa.func.max(sa.case((crashes.c.bug.is_(None), 1), else_=0)).label("old"),
            sa.func.count(seen_in).label("boots"),
        )
        .select_from(crashes.join(boots, (boots.c.host == crashes.c.host) & (boots.c.boot_id == crashes.c.boot_id)))
        .where(_is_compared(), _counts(), *wanted)
        .group_by(*way, *level)
        .subquery()
    )
    *same, value = (counted.c[column.name] for column in (*way, *level))
    place = sa.func.row_number().over(partition_by=same, order_by=[counted.c.boots.desc(), value]).label("place")
    ranked = sa.select(counted, place).subquery()
    return sa.select(ranked).where(ranked.c.place <= most).order_by(ranked.c.place)


def _is_compared() -> Any:
    boots = tables().boots.c
    return sa.and_(boots.boot.in_(COMPARED), boots.release.is_not(None))


def _crashes_without_boot() -> Any:
    boots, crashes = tables().boots, tables().crashes
    joined = crashes.outerjoin(boots, (boots.c.host == crashes.c.host) & (boots.c.boot_id == crashes.c.boot_id))
    return sa.select(sa.func.count()).select_from(joined).where(boots.c.host.is_(None), _counts())
