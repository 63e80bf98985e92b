# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Older ledgers become new ones, or stay as they are."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, crash, ended, history, measured, some_id
from unit.plugins.plugin_utils.ledgers import Ask, refusal

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import migrations
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, Place
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget


def add_column(connection: Any) -> None:
    connection.exec_driver_sql("ALTER TABLE boots ADD COLUMN more TEXT")


def fail_halfway(connection: Any) -> None:
    add_column(connection)
    connection.exec_driver_sql("no SQL")


def test_older_ledger_is_migrated(place: Place, ledger: Ledger, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.import_history("web1", history(), NOW)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_column))
    with Ledger(place):
        pass
    assert ask("SELECT version FROM schema_version") == [(10,)]
    assert ask("SELECT host, more FROM boots") == [("web1", None)]


def test_first_version_gets_bugs(place: Place, ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(crashes=(crash(),)), NOW)
    with sqlite3.connect(str(place.file)) as connection:
        connection.execute("ALTER TABLE crashes DROP COLUMN bug")
        connection.execute("UPDATE schema_version SET version = 1")
    with Ledger(place):
        pass
    assert ask("SELECT version FROM schema_version") == [(9,)]
    assert ask("SELECT signature, bug FROM crashes") == [(crash()["signature"], None)]


def test_older_ledger_is_summed_up(place: Place, ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(ended(1), ended(2, release=None, kexec_count=None), cold(3)), NOW)
    looping = history(ended(1), ended(2, ending="crash"), crashes=(crash(boot_id=some_id(1)),))
    ledger.import_history("web2", looping, NOW)
    question = (
        "SELECT host, boot, previous_release, release, kexec_count, boots, crashes, seconds, again, again_crashes, "
        "recovered, recovered_crashes FROM tallies JOIN ways USING (way) ORDER BY 1, 2, 3, 4"
    )
    sums = ask(question)
    assert sums == [
        ("web1", "cold", "", NEW, 0, 1, 0, 9000, 0, 0, 0, 0),
        ("web1", "handover", OLD, "", -1, 1, 0, 9000, 0, 0, 0, 0),
        ("web1", "handover", OLD, NEW, 1, 1, 0, 9000, 0, 0, 0, 0),
        ("web2", "handover", OLD, NEW, 1, 2, 2, 18000, 1, 1, 0, 0),
    ]
    with sqlite3.connect(str(place.file)) as connection:
        connection.execute("DROP TABLE tallies")
        connection.execute("DROP TABLE ways")
        connection.execute("ALTER TABLE cursors DROP COLUMN left_out")
        connection.execute("UPDATE schema_version SET version = 2")
    with Ledger(place):
        pass
    assert ask(question) == sums
    assert ask("SELECT left_out FROM cursors") == [(None,), (None,)]


def test_what_was_a_loop_of_any_boots_is_one_of_boots_of_one_kind(place: Place, ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(ended(2, ending="crash"), cold(1)), NOW)
    question = "SELECT again, recovered FROM tallies JOIN ways USING (way) WHERE boot = 'cold'"
    with sqlite3.connect(str(place.file)) as connection:
        for column in ("recovered", "recovered_crashes"):
            connection.execute(f"ALTER TABLE tallies DROP COLUMN {column}")
        connection.execute("UPDATE tallies SET again = 1")
        connection.execute("UPDATE schema_version SET version = 4")
    with Ledger(place):
        pass
    assert ask(question) == [(0, 1)]


def test_sixth_version_gets_rollouts_that_runs_share(place: Place, ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(), NOW)
    names = ("rollouts", "rollout_runs", "rollout_hosts", "rollout_claims", "rollout_events")
    before, boots = ask("SELECT sql FROM sqlite_master ORDER BY name"), ask("SELECT * FROM boots")
    with sqlite3.connect(str(place.file)) as connection:
        for name in names:
            connection.execute(f"DROP TABLE {name}")
        connection.execute("UPDATE schema_version SET version = 6")
    with Ledger(place):
        pass
    assert ask("SELECT version FROM schema_version") == [(9,)]
    assert ask("SELECT sql FROM sqlite_master ORDER BY name") == before
    assert ask("SELECT * FROM boots") == boots


def test_seventh_version_gets_what_is_measured_of_boots(place: Place, ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(), NOW)
    before, boots = ask("SELECT sql FROM sqlite_master ORDER BY name"), ask("SELECT * FROM boots")
    with sqlite3.connect(str(place.file)) as connection:
        connection.execute("DROP TABLE measures")
        connection.execute("UPDATE schema_version SET version = 7")
    with Ledger(place) as again:
        assert again.measure("web1", measured())["measures"] == 2
    assert ask("SELECT version FROM schema_version") == [(9,)]
    assert ask("SELECT sql FROM sqlite_master ORDER BY name") == before
    assert ask("SELECT * FROM boots") == boots


def test_eighth_version_gets_who_proved_a_host(place: Place, ledger: Ledger, ask: Ask) -> None:
    shared, one = SharedRollout(ledger, "spring"), Taking("one", "ann@east", 1)
    shared.begin(one, {}, (1, ["web1", "web2"]), [], 60, "".__eq__)
    shared.end(one, 1, {"web1": ("proven", None), "web2": ("failed", None)}, True, Budget(1, None))
    question = "SELECT host, proven, prover FROM rollout_hosts ORDER BY host"
    before = ask(question)
    assert [(host, proven is None, prover) for host, proven, prover in before] == [
        ("web1", False, "one"),
        ("web2", True, None),
    ]
    with sqlite3.connect(str(place.file)) as connection:
        for column in ("proven", "prover"):
            connection.execute(f"ALTER TABLE rollout_hosts DROP COLUMN {column}")
        connection.execute("UPDATE schema_version SET version = 8")
    with Ledger(place):
        pass
    assert ask("SELECT version FROM schema_version") == [(9,)]
    assert ask(question) == before


def test_migration_that_fails_leaves_the_ledger_as_it_was(
    place: Place, ledger: Ledger, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.import_history("web1", history(), NOW)
    before = ask("SELECT * FROM sqlite_master")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_column, fail_halfway))
    assert refusal(lambda: Ledger(place)).code == "ledger_failed"
    assert ask("SELECT * FROM sqlite_master") == before
    assert ask("SELECT version FROM schema_version") == [(9,)]
