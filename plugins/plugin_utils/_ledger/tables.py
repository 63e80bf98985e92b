# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of one host's rows, and how a row that is there already is completed."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import insert_into

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import Delete, Insert, Update
    from sqlalchemy.sql.selectable import Select


@cache
def known_boots() -> Select[Any]:
    """Return the question for what is known of the boots ``of_host``, and last for how each ended."""
    boots = tables().boots.c
    names = ("boot_id", "began", "ended", "seen", "release", "previous_release", "kexec_count", "ending")
    return sa.select(*(boots[name] for name in names)).where(boots.host == sa.bindparam("of_host"))


@cache
def known_crashes() -> Select[Any]:
    """Return the question for the keys and times of the crashes ``of_host``."""
    crashes = tables().crashes.c
    return sa.select(crashes.incident, crashes.signature, crashes.at).where(crashes.host == sa.bindparam("of_host"))


@cache
def known_symptoms() -> Select[Any]:
    """Return the question for the symptoms that any boot ``of_host`` had."""
    symptoms = tables().symptoms.c
    return sa.select(symptoms.symptom).where(symptoms.host == sa.bindparam("of_host")).distinct()


@cache
def put_symptoms(dialect: str) -> Insert:
    """Return the statement that adds symptoms of boots."""
    added: Insert = insert_into(tables().symptoms, dialect).on_conflict_do_nothing()
    return added


@cache
def put_symptom_names(dialect: str) -> Insert:
    """Return the statement that adds the names of symptoms; that of a symptom never changes."""
    added: Insert = insert_into(tables().symptom_names, dialect).on_conflict_do_nothing()
    return added


@cache
def put_measures(dialect: str) -> Insert:
    """Return the statement that adds what was measured of boots; the first value stays."""
    added: Insert = insert_into(tables().measures, dialect).on_conflict_do_nothing()
    return added.execution_options(preserve_rowcount=True)


@cache
def put_boots(dialect: str) -> Insert:
    """Return the statement that adds boots and completes those that are known; what was known is never forgotten."""
    boots = tables().boots
    # Written out, because values would be handed over anew, in each of their places, with every boot.
    running: sa.ColumnClause[str] = sa.literal_column("'running'")
    unknown: sa.ColumnClause[str] = sa.literal_column("'unknown'")
    statement = insert_into(boots, dialect)
    old, new = boots.c, statement.excluded
    keep = sa.or_(new.ending == running, sa.and_(new.ending == unknown, old.ending != running))
    merged: dict[str, Any] = {
        **{name: sa.func.coalesce(new[name], old[name]) for name in ("release", "previous_release", "kexec_count")},
        "looked": sa.func.coalesce(new.looked, old.looked),
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
    statement = insert_into(crashes, dialect)
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
    statement = insert_into(transitions, dialect)
    new, old = statement.excluded, transitions.c
    merged: dict[str, Any] = {name: new[name] for name in ("verdict", "reason", "accepted")}
    names = ("boot_id_found", "how", "from_release", "to_release", "kexec_count", "outage_seconds")
    merged.update({name: sa.func.coalesce(new[name], old[name]) for name in names})
    return _completing(statement, transitions, merged)


@cache
def put_cursor(dialect: str) -> Insert:
    """Return the statement that notes up to where a host's journal was read, and what was last left out of it."""
    cursors = tables().cursors
    statement = insert_into(cursors, dialect)
    new, old = statement.excluded, cursors.c
    merged = {
        "cursor": sa.func.coalesce(new.cursor, old.cursor),
        "imported": new.imported,
        "left_out": sa.func.coalesce(new.left_out, old.left_out),
    }
    return _completing(statement, cursors, merged)


def _completing(statement: Any, table: sa.Table, merged: dict[str, Any]) -> Insert:
    """Rows that stay as they are are not written, so the number of rows written is that of what was news."""
    news = sa.or_(*(table.c[name].is_distinct_from(value) for name, value in merged.items()))
    key = [column.name for column in table.primary_key.columns]
    completing: Insert = statement.on_conflict_do_update(index_elements=key, set_=merged, where=news)
    return completing.execution_options(preserve_rowcount=True)
