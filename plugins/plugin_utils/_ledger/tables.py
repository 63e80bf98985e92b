# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's tables, how they came to be, and how a row that is there already is completed.

Times are whole seconds since 1970 (UTC), so that both databases compare them alike. Lists of lines are JSON texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import Delete, Insert, Update
    from sqlalchemy.sql.selectable import Select

MIGRATION_LOCK = 0x6B686F
"""Names the lock that is held while tables in PostgreSQL are changed; any number, the same everywhere."""


FAULTS = ("bug", "memory", "oops", "panic")
"""Kinds of crashes after which a kernel is broken. Whether it goes on is a setting of the host (panic_on_oops)."""
WAY = ("boot", "previous_release", "release")
"""How a kernel came to run: the columns of ``ways``."""
SUMS = ("boots", "crashes", "seconds", "again", "again_crashes", "recovered", "recovered_crashes")
"""What ``tallies`` has the sums of."""
NO_TEXT, NO_COUNT = "", -1
"""What stands in a way and in a tally for what is not known, since keys cannot be null."""


class Tables(NamedTuple):
    """All tables of the newest version.

    ``ways`` gives a number to each way in which boots came to be, and ``tallies`` has the sums of each host's boots by
    these: databases sort numbers in a fraction of the time that texts take. ``again`` are those of the boots that came
    right after a crashed boot of the same host and way, and ``again_crashes`` how many of these crashed; ``recovered``
    and ``recovered_crashes`` are the same right after a crashed boot of another way.
    """

    schema_version: sa.Table
    boots: sa.Table
    transitions: sa.Table
    crashes: sa.Table
    cursors: sa.Table
    ways: sa.Table
    tallies: sa.Table


@cache
def tables() -> Tables:
    """Return the tables as they are in the newest version."""
    known, text, number = sa.MetaData(), sa.Text, sa.BigInteger

    def table(name: str, key: dict[str, Any], columns: dict[str, Any], needed: Sequence[str] = ()) -> sa.Table:
        return sa.Table(
            name,
            known,
            *(sa.Column(column, kind, primary_key=True) for column, kind in key.items()),
            *(sa.Column(column, kind, nullable=column not in needed) for column, kind in columns.items()),
            sqlite_with_rowid=not key,
        )

    transition: dict[str, Any] = {"release": text, "previous_release": text, "kexec_count": number}
    return Tables(
        table("schema_version", {}, {"version": number}, ["version"]),
        table(
            "boots",
            {"host": text, "boot_id": text},
            {
                **transition,
                **{"boot": text, "began": number, "ended": number, "ending": text, "evidence": text, "seen": number},
            },
            ["boot", "ending", "evidence", "seen"],
        ),
        table(
            "transitions",
            # A boot is left only once, so it names the transition.
            {"host": text, "boot_id_left": text},
            {
                **{"boot_id_found": text, "how": text, "from_release": text, "to_release": text, "kexec_count": number},
                **{"verdict": text, "reason": text},
                **{"accepted": sa.Boolean, "outage_seconds": sa.Float, "recorded": number},
            },
            ["verdict", "accepted", "recorded"],
        ),
        table(
            "crashes",
            {"host": text, "incident": text, "signature": text},
            {
                **{"boot_id": text, "kind": text, "fatal": sa.Boolean, "at": number},
                **transition,
                **{"frames": text, "source": text, "message": text, "bug": text},
            },
            ["kind", "fatal", "frames"],
        ),
        table("cursors", {"host": text}, {"cursor": text, "imported": number, "left_out": number}, ["imported"]),
        sa.Table(
            "ways",
            known,
            # SQLite counts up only what it calls an integer.
            sa.Column("way", number().with_variant(sa.Integer, "sqlite"), primary_key=True),
            *(sa.Column(column, text, nullable=False) for column in WAY),
            sa.UniqueConstraint(*WAY),
        ),
        table(
            "tallies",
            {"host": text, "way": number, "kexec_count": number},
            dict.fromkeys(SUMS, number),
            SUMS,
        ),
    )


def _create(connection: sa.Connection) -> None:
    tables().boots.metadata.create_all(connection, checkfirst=False)
    connection.execute(tables().schema_version.insert().values(version=0))


def _add_bugs(connection: sa.Connection) -> None:
    """Signatures of before are made otherwise, so their crashes keep none for a bug, and are told as old ones."""
    if "bug" not in {column["name"] for column in sa.inspect(connection).get_columns("crashes")}:
        connection.exec_driver_sql("ALTER TABLE crashes ADD COLUMN bug TEXT")


def _add_tallies(connection: sa.Connection) -> None:
    if "left_out" not in {column["name"] for column in sa.inspect(connection).get_columns("cursors")}:
        connection.exec_driver_sql("ALTER TABLE cursors ADD COLUMN left_out BIGINT")
    tables().ways.create(connection, checkfirst=True)
    tables().tallies.create(connection, checkfirst=True)
    connection.execute(tables().tallies.delete())
    connection.execute(_with_ways(connection.dialect.name))
    connection.execute(_tallied())


def _tell_loops(connection: sa.Connection) -> None:
    tables().tallies.drop(connection)
    tables().tallies.create(connection)
    connection.execute(_tallied())


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (
    _create,
    _add_bugs,
    _add_tallies,
    _tell_loops,
    # Boots after a crash of whatever way were told as loops then.
    _tell_loops,
)
"""What makes each version from the one before; the first makes the tables in an empty database."""


def version_of(connection: sa.Connection) -> int:
    """Return the version of the tables that are there, 0 when there are none."""
    if not sa.inspect(connection).has_table("schema_version"):
        return 0
    return int(connection.execute(sa.select(tables().schema_version.c.version)).scalar_one())


def check_version(version: int, place: str) -> bool:
    """Return whether tables of this version must be migrated. Raises LedgerError ``ledger_newer``."""
    if version > len(MIGRATIONS):
        raise LedgerError(
            "ledger_newer",
            f"The ledger in {place} has version {version}, and this collection knows versions up to "
            f"{len(MIGRATIONS)}. A newer collection has written it, so it was left alone. Update the collection on "
            "this controller.",
        )
    return version < len(MIGRATIONS)


def migrate(connection: sa.Connection, place: str) -> None:
    """Bring the tables to the newest version, within the transaction of the caller. Raises LedgerError."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    # Another controller may have been faster.
    version = version_of(connection)
    if check_version(version, place):
        for step in MIGRATIONS[version:]:
            step(connection)
        connection.execute(tables().schema_version.update().values(version=len(MIGRATIONS)))


@cache
def known_boots() -> Select[Any]:
    """Return the question for what is known of the boots ``of_host``."""
    boots = tables().boots.c
    names = ("boot_id", "began", "ended", "seen", "release", "previous_release", "kexec_count")
    return sa.select(*(boots[name] for name in names)).where(boots.host == sa.bindparam("of_host"))


@cache
def known_crashes() -> Select[Any]:
    """Return the question for the keys and times of the crashes ``of_host``."""
    crashes = tables().crashes.c
    return sa.select(crashes.incident, crashes.signature, crashes.at).where(crashes.host == sa.bindparam("of_host"))


# --- sums -----------------------------------------------------------------------------------------------------------


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
    return _with_ways(dialect, sa.bindparam("of_host"))


@cache
def put_tallies() -> Insert:
    """Return the statement that sums up the boots ``of_host`` anew."""
    return _tallied(sa.bindparam("of_host"))


def _way_of_boot() -> list[Any]:
    boots = tables().boots.c
    # What is told after anything but a handover is no previous release.
    # Written out, since what a statement sorts or groups by must be the same expression in each of its places.
    none: sa.ColumnClause[str] = sa.literal_column(f"'{NO_TEXT}'")
    handover: sa.ColumnClause[str] = sa.literal_column("'handover'")
    origin = sa.case((boots.boot == handover, sa.func.coalesce(boots.previous_release, none)), else_=none)
    return [boots.boot, origin, sa.func.coalesce(boots.release, none)]


def _with_ways(dialect: str, host: Any = None) -> Insert:
    way = _way_of_boot()
    wanted = sa.true() if host is None else tables().boots.c.host == host
    # In one order: controllers that import at once would each wait for the other.
    found = sa.select(*way).where(wanted).distinct().order_by(*way)
    numbered: Insert = _insert(tables().ways, dialect).from_select(WAY, found).on_conflict_do_nothing()
    return numbered


def _tallied(host: Any = None) -> Insert:
    boots, crashes, ways, tallies = tables().boots.c, tables().crashes.c, tables().ways, tables().tallies
    named = named_by_evidence(*(() if host is None else (crashes.host == host,)))
    same_way = sa.and_(*(ways.c[name] == value for name, value in zip(WAY, _way_of_boot(), strict=True)))
    no_count: sa.ColumnClause[int] = sa.literal_column(str(NO_COUNT))
    until = sa.func.coalesce(boots.ended, boots.seen)
    crashed = sa.case((has_crashed(named), 1), else_=0)
    columns = {
        "host": boots.host,
        "way": ways.c.way,
        "kexec_count": sa.func.coalesce(boots.kexec_count, no_count),
        "crashed": crashed,
        "seconds": sa.case((until > boots.began, until - boots.began), else_=0),
        "after": sa.func.coalesce(_of_boot_before(crashed), 0),
        "same": sa.case((_of_boot_before(ways.c.way) == ways.c.way, 1), else_=0),
    }
    question = sa.select(*(column.label(name) for name, column in columns.items()))
    question = question.select_from(with_evidence(named).join(ways, same_way))
    if host is not None:
        question = question.where(boots.host == host)
    boot = question.subquery().c
    key = [boot.host, boot.way, boot.kexec_count]
    again, recovered = boot.after * boot.same, boot.after * (1 - boot.same)
    after = [value for kind in (again, recovered) for value in (kind, kind * boot.crashed)]
    added = [sa.func.sum(value) for value in (boot.crashed, boot.seconds, *after)]
    sums = sa.select(*key, sa.func.count(), *added).group_by(*key)
    return tallies.insert().from_select([column.name for column in tallies.columns], sums)


def _of_boot_before(value: Any) -> Any:
    """What the boot before this one on the same host has for a value; boots of crash kernels lie between no two."""
    boots = tables().boots.c
    when = sa.func.coalesce(boots.began, boots.ended, boots.seen)
    kdump: sa.ColumnClause[str] = sa.literal_column("'kdump'")
    return sa.func.lag(value).over(partition_by=[boots.host, boots.boot == kdump], order_by=[when, boots.boot_id])


# --- rows that are there already ------------------------------------------------------------------------------------


@cache
def put_boots(dialect: str) -> Insert:
    """Return the statement that adds boots and completes those that are known; what was known is never forgotten."""
    boots = tables().boots
    # Written out, because values would be handed over anew, in each of their places, with every boot.
    running: sa.ColumnClause[str] = sa.literal_column("'running'")
    unknown: sa.ColumnClause[str] = sa.literal_column("'unknown'")
    statement = _insert(boots, dialect)
    old, new = boots.c, statement.excluded
    keep = sa.or_(new.ending == running, sa.and_(new.ending == unknown, old.ending != running))
    merged: dict[str, Any] = {
        **{name: sa.func.coalesce(new[name], old[name]) for name in ("release", "previous_release", "kexec_count")},
        "boot": sa.case((new.boot == unknown, old.boot), else_=new.boot),
        # The beginning of a boot is the first that a journal loses.
        "began": sa.func.coalesce(old.began, new.began),
        "ended": sa.func.coalesce(new.ended, old.ended),
        "ending": sa.case((keep, old.ending), else_=new.ending),
        "evidence": sa.case((keep, old.evidence), else_=new.evidence),
    }
    return _completing(statement, boots, merged)


@cache
def keep_running() -> Update:
    """Return the statement by which boots that run on, ``of_host`` and ``of_boot``, have run until ``now``."""
    boots = tables().boots
    same = (boots.c.host == sa.bindparam("of_host")) & (boots.c.boot_id == sa.bindparam("of_boot"))
    return boots.update().where(same, boots.c.ending == "running").values(seen=sa.bindparam("now"))


@cache
def put_crashes(dialect: str) -> Insert:
    """Return the statement that adds crashes, and completes those that are known."""
    crashes = tables().crashes
    statement = _insert(crashes, dialect)
    names = ("boot_id", "at", "release", "previous_release", "kexec_count", "source", "message", "bug")
    new, old = statement.excluded, crashes.c
    merged: dict[str, Any] = {name: sa.func.coalesce(new[name], old[name]) for name in names}
    merged["fatal"] = sa.or_(new.fatal, old.fatal)
    return _completing(statement, crashes, merged)


@cache
def forget_old_crashes() -> Delete:
    """Return the statement that drops what an earlier version wrote of a crash that is told anew."""
    crashes = tables().crashes
    same = [crashes.c[name] == sa.bindparam(f"of_{name}") for name in ("host", "incident", "kind")]
    return crashes.delete().where(*same, crashes.c.bug.is_(None))


@cache
def put_transition(dialect: str) -> Insert:
    """Return the statement that adds a transition; a later verdict takes the place of an earlier one."""
    transitions = tables().transitions
    statement = _insert(transitions, dialect)
    new, old = statement.excluded, transitions.c
    merged: dict[str, Any] = {name: new[name] for name in ("verdict", "reason", "accepted")}
    names = ("boot_id_found", "how", "from_release", "to_release", "kexec_count", "outage_seconds")
    merged.update({name: sa.func.coalesce(new[name], old[name]) for name in names})
    return _completing(statement, transitions, merged)


@cache
def put_cursor(dialect: str) -> Insert:
    """Return the statement that notes up to where a host's journal was read, and what was last left out of it."""
    cursors = tables().cursors
    statement = _insert(cursors, dialect)
    new, old = statement.excluded, cursors.c
    merged = {
        "cursor": sa.func.coalesce(new.cursor, old.cursor),
        "imported": new.imported,
        "left_out": sa.func.coalesce(new.left_out, old.left_out),
    }
    return _completing(statement, cursors, merged)


def _insert(table: sa.Table, dialect: str) -> Any:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


def _completing(statement: Any, table: sa.Table, merged: dict[str, Any]) -> Insert:
    """Rows that stay as they are are not written, so that the number of rows written is that of what was news."""
    news = sa.or_(*(table.c[name].is_distinct_from(value) for name, value in merged.items()))
    key = [column.name for column in table.primary_key.columns]
    completing: Insert = statement.on_conflict_do_update(index_elements=key, set_=merged, where=news)
    return completing.execution_options(preserve_rowcount=True)
