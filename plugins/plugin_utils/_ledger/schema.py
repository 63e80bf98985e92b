# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's tables, as they are in the newest version.

Times are whole seconds since 1970 (UTC), so both databases compare them alike. Lists of lines are JSON texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

FAULTS = ("bug", "memory", "oops", "panic")
"""Kinds of crashes after which a kernel is broken. Whether it goes on is a setting of the host (panic_on_oops)."""
WAY = ("boot", "previous_release", "release")
"""How a kernel came to run: the columns of ``ways``."""
SUMS = ("boots", "crashes", "seconds", "again", "again_crashes", "recovered", "recovered_crashes", "looked")
"""What ``tallies`` has the sums of."""
NO_TEXT, NO_COUNT = "", -1
"""What stands in a way and in a tally for what is not known, since keys cannot be null."""


class Tables(NamedTuple):
    """All tables of the newest version.

    ``ways`` gives a number to each way in which boots came to be, and ``tallies`` has the sums of each host's boots by
    these: databases sort numbers in a fraction of the time that texts take. ``again`` are those of the boots that came
    right after a crashed boot of the same host and way, and ``again_crashes`` how many of these crashed; ``recovered``
    and ``recovered_crashes`` are the same right after a crashed boot of another way. Of the boots
    that were ``looked`` at for symptoms, ``symptom_tallies`` has how many had which; ``symptoms`` names those of each.

    ``measures`` has what a soak measured of boots, by the names of ``_soak/measures.py``, which say the unit.

    ``rollouts`` are those that several runs share; ``rollout_runs`` and ``rollout_hosts`` say who took part and what
    became of each host, since it was taken first (``began``), and when and by which run it was ``proven`` last,
    ``rollout_claims`` which run a host belongs to, and ``rollout_events`` who did what and why.
    """

    schema_version: sa.Table
    boots: sa.Table
    transitions: sa.Table
    crashes: sa.Table
    cursors: sa.Table
    ways: sa.Table
    tallies: sa.Table
    symptoms: sa.Table
    symptom_names: sa.Table
    symptom_tallies: sa.Table
    measures: sa.Table
    rollouts: sa.Table
    rollout_runs: sa.Table
    rollout_hosts: sa.Table
    rollout_claims: sa.Table
    rollout_events: sa.Table


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
                "looked": sa.Boolean,
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
        table("symptoms", {"host": text, "boot_id": text, "symptom": text}, {}),
        table("symptom_names", {"symptom": text}, {"trouble": text, "words": text}, ["trouble", "words"]),
        table(
            "symptom_tallies",
            {"host": text, "way": number, "kexec_count": number, "symptom": text},
            {"boots": number},
            ["boots"],
        ),
        table("measures", {"host": text, "boot_id": text, "measure": text}, {"value": sa.Float}, ["value"]),
        table(
            "rollouts",
            {"name": text},
            {
                **{"terms": text, "state": text, "who": text, "why": text, "changed": number, "began": number},
                **{"canary_run": text, "canary_until": number, "canaries_proven": number},
            },
            ["state", "changed", "began"],
        ),
        table(
            "rollout_runs",
            {"rollout": text, "run": text},
            {"owner": text, "began": number, "seen": number, "waves": number, "wave": number, "ended": number},
            ["owner", "began", "seen"],
        ),
        _with_index(
            table(
                "rollout_hosts",
                {"rollout": text, "host": text},
                {
                    **{"run": text, "wave": number, "state": text, "how": text, "began": number, "ended": number},
                    **{"canary": sa.Boolean, "counted": sa.Boolean, "proven": number, "prover": text},
                },
                ["run", "state", "canary", "counted"],
            ),
            ("rollout", "state"),
        ),
        # By host alone: a host belongs to one run, whatever rollout that is of.
        table("rollout_claims", {"host": text}, {"rollout": text, "run": text, "until": number}, ["run", "until"]),
        table(
            "rollout_events",
            {"rollout": text, "number": number},
            {"at": number, "who": text, "what": text, "why": text},
            ["at", "who", "what"],
        ),
    )


def _with_index(of: sa.Table, columns: Sequence[str]) -> sa.Table:
    sa.Index(f"{of.name}_by_{columns[-1]}", *(of.c[name] for name in columns))
    return of
