# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from unit.plugins.plugin_utils.histories import (
    BOOT_ID,
    END,
    LEFT,
    NEW,
    NOW,
    OLD,
    boot,
    crash,
    history,
    measured,
    result,
)
from unit.plugins.plugin_utils.ledgers import Ask, refusal

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import ledger as ledger_file
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, Place, default_url, place_of


def test_same_history_twice_is_no_news(ledger: Ledger, ask: Ask) -> None:
    given = history(boot(ending="crash", end=END), crashes=(crash(),))
    assert ledger.import_history("web1", given, NOW) == {"boots": 1, "crashes": 1, "notes": []}
    before = (ask("SELECT * FROM boots"), ask("SELECT * FROM crashes"))
    assert ledger.import_history("web1", given, NOW + 5) == {"boots": 0, "crashes": 0, "notes": []}
    assert (ask("SELECT * FROM boots"), ask("SELECT * FROM crashes")) == before


def locked_for(seconds: float, file: Path) -> threading.Timer:
    """Make a file that somebody writes to for so long."""
    file.parent.mkdir()
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(seconds, other.close)
    release.start()
    return release


def test_new_file_that_another_writes_to_is_waited_for(place: Place, ask: Ask) -> None:
    release = locked_for(0.3, place.file or Path())
    with Ledger(place) as ledger:
        ledger.import_history("web1", history(boot()), NOW)
    release.join()
    assert ask("SELECT host FROM boots") == [("web1",)]
    assert ask("PRAGMA journal_mode") == [("wal",)]


def test_new_file_that_another_keeps_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "PATIENCE", 0.2)
    release = locked_for(1, place.file or Path())
    assert refusal(lambda: Ledger(place)).code == "ledger_locked"
    release.join()


def test_open_boot_is_completed(ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(boot()), NOW)
    ended = history(boot(ending="clean", end=END, evidence=["it said goodbye"]))
    assert ledger.import_history("web1", ended, NOW)["boots"] == 1
    assert ask("SELECT ending, ended, evidence FROM boots") == [("clean", 1795368600, '["it said goodbye"]')]


def test_boot_that_runs_on_is_no_news_but_has_run_longer(ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(), NOW)
    assert ledger.import_history("web1", history(), NOW + 3600)["boots"] == 0
    assert ask("SELECT seen FROM boots") == [(NOW + 3600,)]


def test_what_was_known_is_not_forgotten_when_the_journal_loses_it(ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(boot(ending="crash", end=END)), NOW)
    lost = boot(release=None, previous_release=None, kexec_count=None, boot="unknown", begin=None, ending="unknown")
    assert ledger.import_history("web1", history(lost), NOW)["boots"] == 0
    found = ask("SELECT release, previous_release, kexec_count, boot, began, ended, ending FROM boots")
    assert found == [(NEW, OLD, 1, "handover", 1795359600, 1795368600, "crash")]


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        ("running", "unknown", "unknown"),
        ("unknown", "running", "unknown"),
        ("unknown", "power_loss", "power_loss"),
        ("power_loss", "crash", "crash"),
        ("clean", "running", "clean"),
    ],
)
def test_ending_that_is_better_known(ledger: Ledger, ask: Ask, first: str, later: str, expected: str) -> None:
    for ending in (first, later):
        ledger.import_history("web1", history(boot(ending=ending)), NOW)
    assert ask("SELECT ending FROM boots") == [(expected,)]


def test_hosts_are_told_apart(ledger: Ledger, ask: Ask) -> None:
    for host in ("web1", "web2"):
        ledger.import_history(host, history(crashes=(crash(),)), NOW)
    assert ask("SELECT host FROM boots ORDER BY host") == [("web1",), ("web2",)]
    assert ask("SELECT count(*) FROM crashes") == [(2,)]


def test_cursor_goes_with_the_history(ledger: Ledger) -> None:
    assert ledger.cursor("web1") is None
    ledger.import_history("web1", history(cursor="s=1"), NOW)
    ledger.import_history("web1", {**history(), "cursor": None}, NOW)
    assert ledger.cursor("web1") == "s=1"
    assert ledger.cursor("web2") is None


def test_history_that_is_refused_leaves_nothing(ledger: Ledger, ask: Ask) -> None:
    refusal(lambda: ledger.import_history("web1", history(boot(), boot(boot_id="x")), NOW))
    assert ask("SELECT count(*) FROM boots") == [(0,)]
    assert ledger.cursor("web1") is None


def test_later_verdict_takes_the_place_of_an_earlier_one(ledger: Ledger, ask: Ask) -> None:
    lost = result(boot_id_after=None)
    lost["verdict"].update(
        verdict="unreachable", accepted=False, evidence={"boot_id_left": LEFT, "boot_id_found": None}
    )
    assert ledger.record("web1", lost, NOW) is True
    assert ledger.record("web1", result(), NOW) is True
    assert ledger.record("web1", result(), NOW + 5) is False
    found = ask("SELECT boot_id_left, boot_id_found, verdict, accepted, recorded FROM transitions")
    assert found == [(LEFT, BOOT_ID, "handover_verified", 1, NOW)]


def test_check_mode_tells_and_keeps_nothing(place: Place, ask: Ask) -> None:
    with Ledger(place) as ledger:
        ledger.import_history("web1", history(), NOW)
    with Ledger(place, keep=False) as ledger:
        assert ledger.import_history("web2", history(), NOW)["boots"] == 1
        assert ledger.import_history("web1", history(), NOW)["boots"] == 0
        assert ledger.record("web1", result(), NOW) is True
    assert ask("SELECT host FROM boots") == [("web1",)]
    assert ask("SELECT count(*) FROM transitions") == [(0,)]


def test_check_mode_makes_no_file(place: Place) -> None:
    with Ledger(place, keep=False) as ledger:
        assert ledger.import_history("web1", history(), NOW)["boots"] == 1
    assert place.file is not None
    assert not place.file.parent.exists()


def test_file_is_its_owners_alone(place: Place, ledger: Ledger) -> None:
    ledger.import_history("web1", history(), NOW)
    assert place.file is not None
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.file.parent.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
    assert stat.S_IMODE(place.file.parent.stat().st_mode) == 0o700


def test_newer_ledger_is_left_alone(place: Place, ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(), NOW)
    with sqlite3.connect(str(place.file)) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    error = refusal(lambda: Ledger(place))
    assert error.code == "ledger_newer"
    assert "99" in error.message
    assert ask("SELECT version FROM schema_version") == [(99,)]


def test_writer_that_waits_in_vain(place: Place, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.import_history("web1", history(), NOW)
    monkeypatch.setattr(ledger_file, "PATIENCE", 0.1)
    with sqlite3.connect(str(place.file), isolation_level=None) as other, Ledger(place) as impatient:
        other.execute("BEGIN IMMEDIATE")
        error = refusal(lambda: impatient.import_history("web2", history(), NOW))
        other.execute("ROLLBACK")
        assert impatient.import_history("web2", history(), NOW)["boots"] == 1
    assert error.code == "ledger_locked"


def test_file_that_is_no_ledger(place: Place) -> None:
    assert place.file is not None
    place.file.parent.mkdir()
    place.file.write_text("This is a letter.\n" * 100)
    assert refusal(lambda: Ledger(place)).code == "ledger_damaged"
    assert place.file.read_text().startswith("This is a letter.")


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = place_of(f"sqlite:///{tmp_path}/file/ledger.db")
    assert refusal(lambda: Ledger(place)).code == "ledger_away"


def test_server_that_is_not_there() -> None:
    place = place_of("postgres://someone:s3cret@127.0.0.1:1/fleet")
    error = refusal(lambda: Ledger(place))
    assert error.code == "ledger_away"
    assert "fleet on 127.0.0.1" in error.message
    assert "s3cret" not in error.message


def test_ledger_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    assert default_url({}) == "sqlite:////home/operator/.local/share/kho-kexec/ledger.db"
    assert default_url({"XDG_DATA_HOME": "relative"}) == default_url({})
    assert default_url({"XDG_DATA_HOME": "/data"}) == "sqlite:////data/kho-kexec/ledger.db"


def test_mode_of_the_process_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        place = place_of(f"sqlite:///{tmp_path}/ledger.db")
        with Ledger(place) as ledger:
            ledger.import_history("web1", history(), NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_what_was_measured_of_a_boot_stays_as_it_was_first(ledger: Ledger, ask: Ask) -> None:
    assert ledger.measure("web1", measured()) == {"measures": 2, "notes": []}
    assert ledger.measure("web1", measured(free_bytes=1, slab_bytes=4096))["measures"] == 1
    assert ledger.measure("web2", measured(free_bytes=-1))["notes"][0]["code"] == "measure_implausible"
    assert ask("SELECT host, boot_id, measure, value FROM measures ORDER BY host, measure") == [
        ("web1", BOOT_ID, "free_bytes", 812646400.0),
        ("web1", BOOT_ID, "outage_seconds", 8.5),
        ("web1", BOOT_ID, "slab_bytes", 4096.0),
        ("web2", BOOT_ID, "outage_seconds", 8.5),
    ]
