# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that sum up the boots of a host, or of all: crashes and symptoms by how the kernel came to run."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import FAULTS, NO_COUNT, NO_TEXT, WAY, tables

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import Delete, Insert


def tells_of_crash() -> Any:
    """Whether evidence is of a crash, and not of slowness or faulty hardware that the kernel survived."""
    crashes = tables().crashes.c
    return sa.or_(crashes.fatal, crashes.kind.in_(FAULTS))


def named_by_evidence(*wanted: Any) -> Any:
    """Boots that evidence of a crash names."""
    crashes = tables().crashes.c
    named = sa.select(crashes.host, crashes.boot_id).where(crashes.boot_id.is_not(None), tells_of_crash(), *wanted)
    return named.distinct().subquery("named")


def has_crashed(named: Any) -> Any:
    """Whether a boot counts as crashed."""
    return sa.or_(tables().boots.c.ending == "crash", named.c.boot_id.is_not(None))


def with_evidence(named: Any) -> Any:
    """All boots, each with the evidence that names it."""
    boots = tables().boots
    return boots.outerjoin(named, (boots.c.host == named.c.host) & (boots.c.boot_id == named.c.boot_id))


@cache
def forget_tallies() -> Delete:
    """Return the statement that drops the sums ``of_host``."""
    return tables().tallies.delete().where(tables().tallies.c.host == sa.bindparam("of_host"))


@cache
def put_ways(dialect: str) -> Insert:
    """Return the statement that numbers the ways of the boots ``of_host``, those that are new."""
    return number_ways(dialect, sa.bindparam("of_host"))


@cache
def put_tallies() -> Insert:
    """Return the statement that sums up the boots ``of_host`` anew."""
    return sum_up(sa.bindparam("of_host"))


def _way_of_boot() -> list[Any]:
    boots = tables().boots.c
    # What is told after anything but a handover is no previous release.
    # Written out, since what a statement sorts or groups by must be the same expression in each of its places.
    none: sa.ColumnClause[str] = sa.literal_column(f"'{NO_TEXT}'")
    handover: sa.ColumnClause[str] = sa.literal_column("'handover'")
    origin = sa.case((boots.boot == handover, sa.func.coalesce(boots.previous_release, none)), else_=none)
    return [boots.boot, origin, sa.func.coalesce(boots.release, none)]


def number_ways(dialect: str, host: Any = None) -> Insert:
    """Return the statement that numbers the ways of the boots of a host, or of all; those that have none."""
    way = _way_of_boot()
    wanted = sa.true() if host is None else tables().boots.c.host == host
    # In one order: controllers that import at once would each wait for the other.
    found = sa.select(*way).where(wanted).distinct().order_by(*way)
    numbered: Insert = insert_into(tables().ways, dialect).from_select(WAY, found).on_conflict_do_nothing()
    return numbered


def sum_up(host: Any = None) -> Insert:
    """Return the statement that sums up the boots of a host, or of all, of which there are no sums."""
    boots, crashes, ways, tallies = tables().boots.c, tables().crashes.c, tables().ways, tables().tallies
    named = named_by_evidence(*(() if host is None else (crashes.host == host,)))
    until = sa.func.coalesce(boots.ended, boots.seen)
    crashed = sa.case((has_crashed(named), 1), else_=0)
    columns = {
        "host": boots.host,
        "way": ways.c.way,
        "kexec_count": _count_of_boot(),
        "crashed": crashed,
        "seconds": sa.case((until > boots.began, until - boots.began), else_=0),
        "after": sa.func.coalesce(_of_boot_before(crashed), 0),
        "looked": sa.case((boots.looked, 1), else_=0),
        "same": sa.case((_of_boot_before(ways.c.way) == ways.c.way, 1), else_=0),
    }
    question = sa.select(*(column.label(name) for name, column in columns.items()))
    question = question.select_from(with_evidence(named).join(ways, _same_way()))
    if host is not None:
        question = question.where(boots.host == host)
    boot = question.subquery().c
    key = [boot.host, boot.way, boot.kexec_count]
    again, recovered = boot.after * boot.same, boot.after * (1 - boot.same)
    after = [value for kind in (again, recovered) for value in (kind, kind * boot.crashed)]
    added = [sa.func.sum(value) for value in (boot.crashed, boot.seconds, *after, boot.looked)]
    sums = sa.select(*key, sa.func.count(), *added).group_by(*key)
    return tallies.insert().from_select([column.name for column in tallies.columns], sums)


@cache
def forget_symptom_tallies() -> Delete:
    """Return the statement that drops the sums of the symptoms ``of_host``."""
    sums = tables().symptom_tallies
    return sums.delete().where(sums.c.host == sa.bindparam("of_host"))


@cache
def put_symptom_tallies() -> Insert:
    """Return the statement that sums up the symptoms ``of_host`` anew."""
    boots, symptoms, ways = tables().boots, tables().symptoms, tables().ways
    same_boot = (symptoms.c.host == boots.c.host) & (symptoms.c.boot_id == boots.c.boot_id)
    key = [symptoms.c.host, ways.c.way, _count_of_boot(), symptoms.c.symptom]
    question = sa.select(*key, sa.func.count()).select_from(symptoms.join(boots, same_boot).join(ways, _same_way()))
    question = question.where(symptoms.c.host == sa.bindparam("of_host")).group_by(*key)
    sums = tables().symptom_tallies
    return sums.insert().from_select([column.name for column in sums.columns], question)


def _same_way() -> Any:
    ways = tables().ways
    return sa.and_(*(ways.c[name] == value for name, value in zip(WAY, _way_of_boot(), strict=True)))


def _count_of_boot() -> Any:
    no_count: sa.ColumnClause[int] = sa.literal_column(str(NO_COUNT))
    return sa.func.coalesce(tables().boots.c.kexec_count, no_count)


def _of_boot_before(value: Any) -> Any:
    """What the boot before this one on the same host has for a value; boots of crash kernels lie between no two."""
    boots = tables().boots.c
    when = sa.func.coalesce(boots.began, boots.ended, boots.seen)
    kdump: sa.ColumnClause[str] = sa.literal_column("'kdump'")
    return sa.func.lag(value).over(partition_by=[boots.host, boots.boot == kdump], order_by=[when, boots.boot_id])


def insert_into(table: sa.Table, dialect: str) -> Any:
    """Return the statement that adds rows, which the database's own words can complete."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
