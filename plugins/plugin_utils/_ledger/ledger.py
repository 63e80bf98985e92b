# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: opens the database, brings its tables up to date, writes what hosts tell in one transaction a host."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.clock import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError, require, understood
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.facts import (
    Row,
    cursor_of,
    row_of_transition,
    rows_of_history,
    rows_of_measures,
    symptoms_of_history,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.migrations import check_version, migrate, version_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.plausible import Known, KnownCrash, Taken, take
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import (
    forget_symptom_tallies,
    forget_tallies,
    put_symptom_tallies,
    put_tallies,
    put_ways,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom, TakenSymptoms, take_symptoms
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.tables import (
    forget_old_crashes,
    keep_running,
    known_boots,
    known_crashes,
    known_symptoms,
    put_boots,
    put_crashes,
    put_cursor,
    put_measures,
    put_symptom_names,
    put_symptoms,
    put_transition,
)

with suppress(ImportError):  # require() says so
    import sqlalchemy as sa
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

PATIENCE = 60
"""Seconds that a writer waits for others, and that a connection may take."""
SILENCE = 30
"""Seconds after which a server gives up who has begun to write together, and says nothing more."""
BETWEEN_TRIES = 0.05
"""Seconds until a file that is locked is tried again."""
_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


class Place(NamedTuple):
    """Where a ledger is: its address, words for it without any secret, and the secret."""

    url: sa.URL
    words: str
    secret: str | None

    @property
    def file(self) -> Path | None:
        """The file of an SQLite ledger."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None


def default_url(environment: Mapping[str, str]) -> str:
    """Return the ledger of this user, in the folder for data that programs keep (XDG Base Directory Specification)."""
    home = environment.get("XDG_DATA_HOME") or ""
    folder = Path(home) if Path(home).is_absolute() else Path("~/.local/share").expanduser()
    return f"sqlite:///{folder / 'kho-kexec' / 'ledger.db'}"


def place_of(url: str) -> Place:
    """Read the address of a ledger. Raises LedgerError ``ledger_library_missing`` or ``ledger_url_invalid``."""
    require("sqlalchemy")
    try:
        given = make_url(url)
        driver = _DRIVERS[given.drivername]
    except (ArgumentError, KeyError, ValueError) as error:
        raise _invalid() from error
    place = given.set(drivername=driver)
    # An @ that is not written %40 ends a password too early, and the rest of it would be shown as the host's name.
    if "@" in f"{place.host or ''}{place.database or ''}" and driver != "sqlite":
        raise _invalid()
    if driver == "sqlite":
        if not place.database or not Path(place.database).is_absolute():
            raise _invalid()
        return Place(place, printable(place.database), None)
    require("psycopg")
    # A secret may also be in the query, so only the parts that are none are shown.
    words = f"PostgreSQL database {place.database or ''} on {place.host or 'this machine'}"
    secret = place.password or place.query.get("password")
    return Place(place, printable(words), str(secret) if secret else None)


def _invalid() -> LedgerError:
    # Not repeated: it may hold a password.
    return LedgerError(
        "ledger_url_invalid",
        "The `url` of the ledger has neither of the two known forms, so the ledger cannot be found. Give "
        "sqlite:////absolute/path/ledger.db or postgresql://user@host/database, with the password in ~/.pgpass.",
    )


class Ledger:
    """An open ledger. All methods raise LedgerError; what a method did not end with is not written.

    With ``keep`` false everything is done and then undone, so it can be told what would be written.
    """

    def __init__(self, place: Place, keep: bool = True) -> None:
        self._place = place
        self._keep = keep
        self._engine = _engine(place, keep)
        self._dialect = self._engine.dialect.name
        self._undone: sa.Connection | None = None
        with self._reading() as connection:
            old = check_version(version_of(connection), place.words)
        if old and (keep or self._is_passing()):
            with self._writing(always=True) as connection:
                migrate(connection, place.words)
        elif old:
            self._undone = self._migrated_for_now()

    def _migrated_for_now(self) -> sa.Connection:
        """Return a connection on which the tables are new, for everything that is done until it is closed."""
        with understood(self._place.words, self._place.secret):
            connection = self._engine.connect().execution_options(writes=True)
            try:
                migrate(connection, self._place.words)
            except BaseException:
                connection.close()
                raise
        return connection

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_trouble: object) -> None:
        if self._undone is not None:
            self._undone.close()
        self._engine.dispose()

    def import_history(self, host: str, history: Any, now: int) -> dict[str, Any]:
        """Write what ``kexec_history_info`` returned for ``host``; ``now`` is in seconds since 1970.

        The same history can be imported again: nothing is doubled, a boot that was open is completed. Returns how
        many ``boots`` and ``crashes`` were news, and ``notes`` of what was not taken.
        """
        told, symptoms = rows_of_history(host, history, now), symptoms_of_history(host, history)
        name = printable(host)
        cursor = {"host": name, "cursor": cursor_of(history), "imported": now, "left_out": None}
        with self._writing() as connection:
            # First of all: two imports of one host then come one after the other.
            self._put(connection, put_cursor(self._dialect), [cursor])
            boots, crashes, left_out, notes = self._take(connection, name, told, now)
            told_anew = [
                {f"of_{key}": row[key] for key in ("host", "incident", "kind")}
                for row in crashes
                if row["bug"] is not None
            ]
            self._put(connection, forget_old_crashes(), told_anew)
            news = {
                "boots": self._put(connection, put_boots(self._dialect), boots),
                "crashes": self._put(connection, put_crashes(self._dialect), crashes),
            }
            running = [row["boot_id"] for row in boots if row["ending"] == "running"]
            self._put(connection, keep_running(), [{"of_host": name, "of_boot": one, "now": now} for one in running])
            few = self._put_symptoms(connection, name, symptoms, {row["boot_id"] for row in boots})
            left_out, notes = left_out + few.left_out, [*notes, *few.notes]
            sums = (forget_tallies(), put_tallies(), forget_symptom_tallies(), put_symptom_tallies())
            for statement in (put_ways(self._dialect), *sums):
                self._put(connection, statement, [{"of_host": name}])
            if notes:
                self._put(connection, put_cursor(self._dialect), [{**cursor, "left_out": left_out}])
        return {**news, "notes": [note.as_dict() for note in notes]}

    def _put_symptoms(
        self, connection: sa.Connection, host: str, told: Mapping[str, Sequence[Symptom]], boots: Set[str]
    ) -> TakenSymptoms:
        known = [*connection.execute(known_symptoms(), {"of_host": host}).scalars()]
        taken = take_symptoms(told, host, boots, known)
        self._put(connection, put_symptom_names(self._dialect), taken.names)
        self._put(connection, put_symptoms(self._dialect), taken.symptoms)
        return taken

    def _take(self, connection: sa.Connection, host: str, told: tuple[list[Row], list[Row]], now: int) -> Taken:
        of_host = {"of_host": host}
        boots = [Known(*row[:-1]) for row in connection.execute(known_boots(), of_host)]
        crashes = [KnownCrash(*row) for row in connection.execute(known_crashes(), of_host)]
        return take(told, boots, crashes, now)

    def record(self, host: str, result: Any, now: int) -> bool:
        """Write the transition that the role's or ``kexec_reboot``'s result tells of; return whether it was news."""
        row = row_of_transition(host, result, now)
        if row is None:
            return False
        with self._writing(durably=True) as connection:
            return self._put(connection, put_transition(self._dialect), [row]) > 0

    def measure(self, host: str, told: Any) -> dict[str, Any]:
        """Write what ``kexec_soak`` measured of a boot of ``host``; what is known of it stays as it is.

        Returns how many ``measures`` were news, and ``notes`` of what was left out.
        """
        rows, notes = rows_of_measures(host, told)
        news = 0
        if rows:
            with self._writing() as connection:
                news = self._put(connection, put_measures(self._dialect), rows)
        return {"measures": news, "notes": [note.as_dict() for note in notes]}

    def cursor(self, host: str) -> str | None:
        """Return up to where the journal of ``host`` was imported, None when it was not."""
        cursors = tables().cursors.c
        with self._reading() as connection:
            found = connection.execute(sa.select(cursors.cursor).where(cursors.host == printable(host)))
            cursor: str | None = found.scalar_one_or_none()
        return cursor

    def boots_of(self, host: str) -> list[tuple[Known, str]]:
        """Return what is known of the boots of ``host``, each with how it ended, in their order."""
        with self._reading() as connection:
            rows = connection.execute(known_boots(), {"of_host": printable(host)})
            known = [(Known(*row[:-1]), str(row.ending)) for row in rows]
        return sorted(known, key=lambda one: one[0].began or 0)

    def crashes_of(self, host: str) -> list[tuple[str, str | None]]:
        """Return signature and boot of each crash of ``host``, None for a boot that is not known."""
        crashes = tables().crashes.c
        with self._reading() as connection:
            asked = sa.select(crashes.signature, crashes.boot_id).where(crashes.host == printable(host))
            return [(str(signature), boot_id) for signature, boot_id in connection.execute(asked)]

    def host_of_boot(self, boot_id: str) -> str | None:
        """Return the host that had a boot; None when that is not known, or could be several."""
        boots = tables().boots.c
        with self._reading() as connection:
            found = [*connection.execute(sa.select(boots.host).where(boots.boot_id == boot_id).limit(2)).scalars()]
        return str(found[0]) if len(found) == 1 else None

    def now(self) -> int:
        """Return what the database says of the time, in seconds since 1970."""
        with self._reading() as connection:
            return int(connection.execute(sa.select(clock(self._dialect))).scalar_one())

    def snapshot(self) -> AbstractContextManager[sa.Connection]:
        """Give a connection for several questions that are answered as of one moment."""
        return self._reading()

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """Give a connection for what is written together, and is on the disk when it is done."""
        return self._writing(durably=True, silent_for=SILENCE)

    def _put(self, connection: sa.Connection, statement: Any, rows: list[dict[str, Any]]) -> int:
        return connection.execute(statement, rows).rowcount if rows else 0

    def _is_passing(self) -> bool:
        """Whether the database ends with the connection, so even in check mode it can be written to."""
        return bool(self._engine.url.database == ":memory:")

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self._undone is not None:
            with understood(self._place.words, self._place.secret):
                yield self._undone
            return
        with understood(self._place.words, self._place.secret), self._engine.connect() as connection:
            level = {} if self._dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
            yield connection.execution_options(**level)

    @contextmanager
    def _writing(
        self, always: bool = False, durably: bool = False, silent_for: int | None = None
    ) -> Iterator[sa.Connection]:
        if self._undone is not None:
            with understood(self._place.words, self._place.secret), self._undone.begin_nested() as part:
                yield self._undone
                part.rollback()
            return
        with understood(self._place.words, self._place.secret), self._engine.connect() as connection:
            # Whatever the server's default: who has waited for a lock must see what the others have written meanwhile.
            level = {} if self._dialect == "sqlite" else {"isolation_level": "READ COMMITTED"}
            connection = connection.execution_options(writes=True, durably=durably, **level)
            if silent_for is not None and self._dialect == "postgresql":
                # Of a controller that loses its power, TCP would tell the server after hours, which keeps its locks.
                connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{silent_for}s'")
            yield connection
            if self._keep or always:
                connection.commit()


def _engine(place: Place, keep: bool) -> sa.Engine:
    if place.file is None:
        # Nothing else waits for another's lock: another import of the same host at the same time.
        settings = {"connect_timeout": PATIENCE, "options": f"-c lock_timeout={PATIENCE}s"}
        return sa.create_engine(place.url, connect_args=settings)
    try:
        if not keep and not place.file.exists():
            return _sqlite_engine(place.url.set(database=":memory:"))
        _make_private(place.file)
    except OSError as error:
        raise LedgerError(
            "ledger_away",
            f"The ledger in {place.words} can be neither opened nor made, so nothing was read or written: "
            f"{error.strerror}. Make its directory, or name another ledger by `url`.",
        ) from error
    return _sqlite_engine(place.url)


def _make_private(file: Path) -> None:
    """Make the file of an SQLite ledger, for its owner only; SQLite gives its journal the same mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _let_readers_be(connection: sqlite3.Connection) -> None:
    """Have readers and the one writer not wait for each other (https://sqlite.org/wal.html).

    While another connection writes to a new file, SQLite answers this at once with "locked", whatever its timeout.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(BETWEEN_TRIES)


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    # One connection, which in memory is the database.
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE}, poolclass=sa.pool.StaticPool)

    def connected(connection: Any, _record: object) -> None:
        # Transactions begin below, and not where the driver thinks that they should (it leaves out DDL).
        connection.isolation_level = None
        _let_readers_be(connection)

    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        # When power fails, NORMAL may lose the last imports, with their cursors, so the next ones repeat them.
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durably') else 'NORMAL'}")
        # A writer that waits for its lock from the start cannot be told later that what it has read is outdated.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begin)
    return engine
