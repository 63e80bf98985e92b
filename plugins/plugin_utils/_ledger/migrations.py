# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the ledger's tables came to be, version by version."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import number_ways, sum_up

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

MIGRATION_LOCK = 0x6B686F
"""Names the lock that is held while tables in PostgreSQL are changed; any number, the same everywhere."""


def _create(connection: sa.Connection) -> None:
    tables().boots.metadata.create_all(connection, checkfirst=False)
    connection.execute(tables().schema_version.insert().values(version=0))


def _add_bugs(connection: sa.Connection) -> None:
    """Signatures of before are made otherwise, so their crashes keep none for a bug, and are told as old ones."""
    if "bug" not in {column["name"] for column in sa.inspect(connection).get_columns("crashes")}:
        connection.exec_driver_sql("ALTER TABLE crashes ADD COLUMN bug TEXT")


def _note_what_is_left_out(connection: sa.Connection) -> None:
    if "left_out" not in {column["name"] for column in sa.inspect(connection).get_columns("cursors")}:
        connection.exec_driver_sql("ALTER TABLE cursors ADD COLUMN left_out BIGINT")


def _sum_up_later(_connection: sa.Connection) -> None:
    """What these versions summed up, the last one sums up anew."""


def _add_symptoms(connection: sa.Connection) -> None:
    """Boots of before were not looked at for symptoms, so nothing is known of theirs."""
    if "looked" not in {column["name"] for column in sa.inspect(connection).get_columns("boots")}:
        connection.exec_driver_sql("ALTER TABLE boots ADD COLUMN looked BOOLEAN")
    known = tables()
    for table in (known.ways, known.symptoms, known.symptom_names, known.symptom_tallies):
        table.create(connection, checkfirst=True)
    known.tallies.drop(connection, checkfirst=True)
    known.tallies.create(connection)
    connection.execute(number_ways(connection.dialect.name))
    connection.execute(sum_up())


def _add_rollouts(connection: sa.Connection) -> None:
    known = tables()
    for table in (
        *(known.rollouts, known.rollout_runs, known.rollout_hosts),
        *(known.rollout_claims, known.rollout_events),
    ):
        table.create(connection, checkfirst=True)


def _add_measures(connection: sa.Connection) -> None:
    """Boots of before were not measured."""
    tables().measures.create(connection, checkfirst=True)


def _remember_who_proved(connection: sa.Connection) -> None:
    """Of hosts that are proven, it is the run that has told so."""
    if "prover" not in {column["name"] for column in sa.inspect(connection).get_columns("rollout_hosts")}:
        for column in ("proven BIGINT", "prover TEXT"):
            connection.exec_driver_sql(f"ALTER TABLE rollout_hosts ADD COLUMN {column}")
        hosts = tables().rollout_hosts
        known = hosts.update().where(hosts.c.state == "proven")
        connection.execute(known.values(proven=hosts.c.ended, prover=hosts.c.run))


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (
    _create,
    _add_bugs,
    _note_what_is_left_out,
    _sum_up_later,
    _sum_up_later,
    _add_symptoms,
    _add_rollouts,
    _add_measures,
    _remember_who_proved,
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
