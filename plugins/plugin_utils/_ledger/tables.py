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

MIGRATION_LOCK = 0x6B686F
"""Names the lock that is held while tables in PostgreSQL are changed; any number, the same everywhere."""


class Tables(NamedTuple):
    """All tables of the newest version."""

    schema_version: sa.Table
    boots: sa.Table
    transitions: sa.Table
    crashes: sa.Table
    cursors: sa.Table


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
        table("cursors", {"host": text}, {"cursor": text, "imported": number}, ["imported"]),
    )


def _create(connection: sa.Connection) -> None:
    tables().boots.metadata.create_all(connection, checkfirst=False)
    connection.execute(tables().schema_version.insert().values(version=0))


def _add_bugs(connection: sa.Connection) -> None:
    """Signatures of before are made otherwise, so their crashes keep none for a bug, and are told as old ones."""
    if "bug" not in {column["name"] for column in sa.inspect(connection).get_columns("crashes")}:
        connection.exec_driver_sql("ALTER TABLE crashes ADD COLUMN bug TEXT")


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_create, _add_bugs)
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
    """Return the statement that notes up to where a host's journal was read."""
    cursors = tables().cursors
    statement = _insert(cursors, dialect)
    new = statement.excluded
    merged = {"cursor": sa.func.coalesce(new.cursor, cursors.c.cursor), "imported": new.imported}
    return _completing(statement, cursors, merged)


def _insert(table: sa.Table, dialect: str) -> Any:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


def _completing(statement: Any, table: sa.Table, merged: dict[str, Any]) -> Insert:
    """Rows that stay as they are are not written, so that the number of rows written is that of what was news."""
    news = sa.or_(*(table.c[name].is_distinct_from(value) for name, value in merged.items()))
    key = [column.name for column in table.primary_key.columns]
    completing: Insert = statement.on_conflict_do_update(index_elements=key, set_=merged, where=news)
    return completing.execution_options(preserve_rowcount=True)
