# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers as earlier versions made and filled them, in both databases for real, become new ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from unit.plugins.plugin_utils.histories import BOOT_ID, measured, upgraded

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import migrations
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from bench.fleet import histories
from bench.postgres import Cluster
from tools.layout import COLLECTIONS

NOW = 1795392000
NEWEST = 9
HOSTS, BOOTS = 12, 40
# Nobody looked for symptoms in these versions.
FLEET = [
    (host, {**given, "host_boots": [{**one, "troubles": None} for one in given["host_boots"]]})
    for host, given in histories(HOSTS, BOOTS, seed=5)
]
# As version 1 made them in both databases; SQLite's end with WITHOUT ROWID.
CREATED = {
    "schema_version": "version BIGINT NOT NULL",
    "boots": "host TEXT NOT NULL, boot_id TEXT NOT NULL, release TEXT, previous_release TEXT, kexec_count BIGINT, "
    "boot TEXT NOT NULL, began BIGINT, ended BIGINT, ending TEXT NOT NULL, evidence TEXT NOT NULL, "
    "seen BIGINT NOT NULL, PRIMARY KEY (host, boot_id)",
    "transitions": "host TEXT NOT NULL, boot_id_left TEXT NOT NULL, boot_id_found TEXT, how TEXT, from_release TEXT, "
    "to_release TEXT, kexec_count BIGINT, verdict TEXT NOT NULL, reason TEXT, accepted BOOLEAN NOT NULL, "
    "outage_seconds FLOAT, recorded BIGINT NOT NULL, PRIMARY KEY (host, boot_id_left)",
    "crashes": "host TEXT NOT NULL, incident TEXT NOT NULL, signature TEXT NOT NULL, boot_id TEXT, kind TEXT NOT NULL, "
    "fatal BOOLEAN NOT NULL, at BIGINT, release TEXT, previous_release TEXT, kexec_count BIGINT, frames TEXT NOT NULL, "
    "source TEXT, message TEXT, PRIMARY KEY (host, incident, signature)",
    "cursors": "host TEXT NOT NULL, cursor TEXT, imported BIGINT NOT NULL, PRIMARY KEY (host)",
}
BUGS = ("source TEXT, message TEXT", "source TEXT, message TEXT, bug TEXT")
OPENER = """
import sys
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
sys.stdin.readline()
with Ledger(place_of(sys.argv[1])):
    pass
"""


def fill(url: str) -> None:
    with Ledger(place_of(url)) as ledger:
        for host, given in FLEET:
            ledger.import_history(host, given, NOW)
        ledger.record("web1", upgraded(), NOW)


def rows(url: str, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    engine = sa.create_engine(place_of(url).url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {table}")]
    engine.dispose()
    return sorted(found, key=str)


def make_old(url: str, version: int, source: str) -> None:
    """Make a ledger of an earlier version with the rows of ``source``, which is of the newest."""
    engine = sa.create_engine(place_of(url).url)
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for table, columns in CREATED.items():
            end = " WITHOUT ROWID" if is_sqlite and table != "schema_version" else ""
            connection.exec_driver_sql(
                f"CREATE TABLE {table} ({columns.replace(*BUGS) if version > 1 else columns}){end}"
            )
        connection.exec_driver_sql(f"INSERT INTO schema_version VALUES ({version})")
        for table in ("boots", "transitions", "crashes", "cursors"):
            old = [column["name"] for column in sa.inspect(connection).get_columns(table)]
            given = rows(source, table, ", ".join(old))
            # SQLite keeps truth as a number.
            truths = {"accepted", "fatal"}
            values = [
                {name: bool(value) if name in truths else value for name, value in zip(old, row, strict=True)}
                for row in given
            ]
            named = sa.text(f"INSERT INTO {table} ({', '.join(old)}) VALUES ({', '.join(f':{name}' for name in old)})")
            connection.execute(named, values)
    engine.dispose()


@pytest.fixture
def newest(tmp_path: Path) -> str:
    """The same history in a ledger that was never older."""
    address = f"sqlite:///{tmp_path}/newest.db"
    fill(address)
    return address


def counts(url: str) -> list[Any]:
    with Ledger(place_of(url)) as ledger:
        found = count_fleet(ledger)
    return [found.boots, found.not_joined, sorted(found.counts, key=str), sorted(found.bugs, key=str)]


WAYS = (
    "tallies JOIN ways USING (way)",
    "host, boot, previous_release, release, kexec_count, boots, crashes, seconds, again, again_crashes, "
    "recovered, recovered_crashes",
)


@pytest.mark.parametrize("version", [1, 2])
def test_what_was_known_is_known_and_summed_up(url: str, newest: str, version: int) -> None:
    make_old(url, version, newest)
    names = "host, boot_id, release, previous_release, kexec_count, boot, began, ended, ending, evidence, seen"
    told = {"boots": names, "transitions": "*"}
    before = {table: rows(url, table, columns) for table, columns in told.items()}
    found = counts(url)
    assert rows(url, "schema_version") == [(NEWEST,)]
    assert {table: rows(url, table, columns) for table, columns in told.items()} == before
    assert rows(url, *WAYS) == rows(newest, *WAYS)
    assert rows(url, "cursors", "left_out") == [(None,)] * HOSTS
    assert rows(url, "symptom_tallies") == rows(url, "symptoms") == []
    # Crashes of the first version have no bug. Everything else is counted as in a ledger that was never older.
    expected = counts(newest)
    assert found[:3] == expected[:3]
    assert (found[3] == expected[3]) is (version > 1)


@pytest.mark.parametrize("version", [1, 2])
def test_it_goes_on_where_it_was(url: str, newest: str, version: int) -> None:
    make_old(url, version, newest)
    with Ledger(place_of(url)) as ledger:
        again = [ledger.import_history(host, given, NOW) for host, given in FLEET]
        assert [ledger.cursor(host) for host, _given in FLEET] == [given["cursor"] for _host, given in FLEET]
        assert ledger.record("web1", upgraded(), NOW) is False
        later = ledger.import_history("later", FLEET[0][1], NOW)
    assert [one["boots"] for one in again] == [0] * HOSTS
    assert later["boots"] == BOOTS
    with Ledger(place_of(newest)) as ledger:
        ledger.import_history("later", FLEET[0][1], NOW)
    # Crashes that are told anew get their bugs, so nothing of the older version is left.
    assert counts(url) == counts(newest)


def test_symptoms_come_with_what_is_told_anew(url: str, newest: str) -> None:
    make_old(url, 2, newest)
    with Ledger(place_of(url)) as ledger:
        for host, given in histories(HOSTS, BOOTS, seed=5):
            assert ledger.import_history(host, given, NOW)["boots"] == BOOTS
        assert count_fleet(ledger).symptoms.told
    assert rows(url, "tallies", "SUM(looked)") == [(HOSTS * BOOTS,)]


def test_what_is_measured_has_a_place_in_what_was_older(url: str, newest: str) -> None:
    make_old(url, 2, newest)
    with Ledger(place_of(url)) as ledger:
        told = [ledger.measure("web1", measured()), ledger.measure("web1", measured(free_bytes=1, slab_bytes=0))]
    assert [one["measures"] for one in told] == [2, 1]
    values = {"free_bytes": 812646400.0, "outage_seconds": 8.5, "slab_bytes": 0.0}
    assert rows(url, "measures") == [("web1", BOOT_ID, name, value) for name, value in values.items()]


def test_two_controllers_at_once(url: str, newest: str) -> None:
    make_old(url, 1, newest)
    argv = [sys.executable, "-c", OPENER, url]
    openers = [
        subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(COLLECTIONS), "PATH": "/usr/bin"},
        )
        for _opener in range(4)
    ]
    said = [opener.communicate("\n", timeout=120) for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 4, said
    assert rows(url, *WAYS) == rows(newest, *WAYS)


def fail(connection: sa.Connection) -> None:
    connection.exec_driver_sql("no SQL")


def test_one_that_fails_halfway_leaves_everything_as_it_was(
    url: str, newest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(url, 1, newest)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, fail))
    with pytest.raises(LedgerError) as caught:
        Ledger(place_of(url))
    assert caught.value.code == "ledger_failed"
    assert rows(url, "schema_version") == [(1,)]
    monkeypatch.undo()
    assert counts(url)[:3] == counts(newest)[:3]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_check_mode_says_what_would_be_written_and_migrates_nothing(url: str, newest: str, version: int) -> None:
    if version:
        make_old(url, version, newest)
    before = rows(url, "schema_version") if version else []
    with Ledger(place_of(url), keep=False) as ledger:
        assert ledger.cursor(FLEET[0][0]) == (FLEET[0][1]["cursor"] if version else None)
        told = [ledger.import_history(host, given, NOW)["boots"] for host, given in (FLEET[0], ("new", FLEET[1][1]))]
        assert ledger.record("web9", upgraded(), NOW) is True
        assert ledger.record("web9", upgraded(), NOW) is True
        assert count_fleet(ledger).boots == (HOSTS * BOOTS if version else 0)
    assert told == [0 if version else BOOTS, BOOTS]
    if version:
        assert rows(url, "schema_version") == before
        assert len(rows(url, "boots", "host")) == HOSTS * BOOTS
    else:
        assert not has_tables(url)


def has_tables(url: str) -> bool:
    engine = sa.create_engine(place_of(url).url)
    found = bool(sa.inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_who_may_only_read_is_told_so(cluster: Cluster, postgresql: str, newest: str) -> None:
    make_old(postgresql, 2, newest)
    cluster.sql("CREATE ROLE onlooker LOGIN")
    cluster.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker")
    try:
        with pytest.raises(LedgerError) as caught:
            Ledger(place_of(cluster.url_of("onlooker")))
        assert caught.value.code == "ledger_read_only"
    finally:
        cluster.sql("DROP OWNED BY onlooker")
        cluster.sql("DROP ROLE onlooker")
    assert rows(postgresql, "schema_version") == [(2,)]
