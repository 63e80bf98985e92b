# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger in both databases for real: the same answers, a server that is killed, writers at once, rights."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import NEW, OLD, cold, history, upgraded
from unit.plugins.plugin_utils.jumped_hosts import ACPI, HOUR, SINCE, after, at, before, looked

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_begun, count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import FleetCounts
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import keep_no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risks import crash_risks
from bench.fleet import histories
from bench.postgres import Cluster
from tools.layout import COLLECTIONS, ROOT

NOW = 1795392000
HOSTS, BOOTS = 40, 50
FLEET = list(histories(HOSTS, BOOTS, seed=5))
# Imports a fleet and says after each host that it is there.
IMPORTER = """
import sys
from bench.fleet import histories
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
url, hosts, boots, seed = sys.argv[1], *map(int, sys.argv[2:])
with Ledger(place_of(url)) as ledger:
    for host, history in histories(hosts, boots, seed):
        ledger.import_history(f"{seed}-{host}", history, 1795392000)
        print(host, flush=True)
"""


def import_fleet(url: str, fleet: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    with Ledger(place_of(url)) as ledger:
        return [ledger.import_history(host, given, NOW) for host, given in fleet]


def counts(url: str) -> FleetCounts:
    with Ledger(place_of(url)) as ledger:
        found = count_fleet(ledger)
    return replace(found, counts=tuple(sorted(found.counts, key=str)), bugs=tuple(sorted(found.bugs, key=str)))


def importer(url: str, hosts: int, boots: int, seed: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{COLLECTIONS}:{ROOT / 'tests'}"}
    argv = [sys.executable, "-c", IMPORTER, url, str(hosts), str(boots), str(seed)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_same_history_twice(url: str) -> None:
    first = import_fleet(url, FLEET)
    assert sum(news["boots"] for news in first) == HOSTS * BOOTS
    assert sum(news["crashes"] for news in first) > 0
    before = counts(url)
    assert import_fleet(url, FLEET) == [{"boots": 0, "crashes": 0, "notes": []}] * HOSTS
    assert counts(url) == before
    assert before.boots == HOSTS * BOOTS


def test_both_databases_give_the_same_answers(sqlite: str, postgresql: str) -> None:
    for url in (sqlite, postgresql):
        import_fleet(url, FLEET)
    assert counts(sqlite) == counts(postgresql)
    reports = [render_reports(correlate(counts(url)), NOW) for url in (sqlite, postgresql)]
    assert reports[0] == reports[1]
    symptoms = counts(sqlite).symptoms
    assert {one.trouble for one in symptoms.told} == {"firmware_bug", "iommu_fault", "io_error", "kernel_warning"}
    assert correlate(counts(sqlite)).symptoms


def test_both_databases_know_the_same_chains_of_what_was_measured(sqlite: str, postgresql: str) -> None:
    for url in (sqlite, postgresql):
        import_fleet(url, FLEET[:10])
        with Ledger(place_of(url)) as ledger:
            for host, given in FLEET[:10]:
                for number, boot in enumerate(given["host_boots"]):
                    value = 10**9 - number * 10**6
                    ledger.measure(host, {"boot_id": boot["boot_id"], "free_bytes": value, "slab_bytes": 4096})
            ledger.measure("unknown", {"boot_id": FLEET[0][1]["host_boots"][0]["boot_id"], "free_bytes": 1})
    found = counts(sqlite).measures
    assert found == counts(postgresql).measures
    assert found.not_joined == 1
    assert {len(hosts) for hosts in found.chains.values()} != {0}
    assert found.cold


def test_open_boot_is_completed(url: str) -> None:
    host, given = FLEET[0]
    *others, last = given["host_boots"]
    running = {**given, "host_boots": [*others, {**last, "end": None, "ending": "running"}], "crashes": []}
    ended = {**given, "host_boots": [*others, {**last, "end": last["begin"], "ending": "power_loss"}], "crashes": []}
    news = import_fleet(url, [(host, running), (host, ended), (host, running), (host, ended)])
    assert [one["boots"] for one in news] == [BOOTS, 1, 0, 0]


def test_check_mode_keeps_nothing(url: str) -> None:
    import_fleet(url, FLEET[:1])
    before = counts(url)
    with Ledger(place_of(url), keep=False) as ledger:
        assert ledger.import_history(*FLEET[1], NOW)["boots"] == BOOTS
    assert counts(url) == before


def test_two_writers_at_once(url: str) -> None:
    """Both make the tables, both write, both the same hosts."""
    writers = [importer(url, hosts=30, boots=20, seed=9) for _writer in range(2)]
    said = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    assert counts(url).boots == 30 * 20


def test_reader_sees_one_moment_while_somebody_writes(url: str) -> None:
    import_fleet(url, FLEET[:5])
    with importer(url, hosts=60, boots=50, seed=9) as writer:
        seen = []
        while writer.poll() is None:
            seen.append(counts(url).boots)
        assert writer.stdout is not None
        writer.stdout.read()
    assert writer.returncode == 0
    # Whole hosts only.
    assert {boots % 50 for boots in seen} == {0}
    assert counts(url).boots == (5 + 60) * 50


def test_server_that_is_killed_while_hosts_are_imported(cluster: Cluster, postgresql: str) -> None:
    with importer(postgresql, hosts=200, boots=50, seed=3) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        done = [writer.stdout.readline() for _host in range(10)]
        cluster.end(signal.SIGKILL)
        done += writer.stdout.readlines()
        trouble = writer.stderr.read()
    assert writer.returncode != 0
    assert "LedgerError" in trouble
    assert "cannot be reached" in trouble
    cluster.start()
    kept = counts(postgresql).boots
    # All that was said to be there is there, and at most the one host more whose answer was lost; no half hosts.
    assert 10 * 50 <= len(done) * 50 <= kept <= (len(done) + 1) * 50
    assert kept % 50 == 0
    assert kept < 200 * 50

    again = importer(postgresql, hosts=200, boots=50, seed=3)
    assert again.communicate(timeout=120)[1] == ""
    assert counts(postgresql).boots == 200 * 50
    assert cluster.sql("SELECT count(*) FROM boots") == str(200 * 50)


def test_importer_that_is_killed(sqlite: str) -> None:
    with importer(sqlite, hosts=200, boots=50, seed=3) as writer:
        assert writer.stdout is not None
        for _host in range(10):
            writer.stdout.readline()
        writer.kill()
        done = 10 + len(writer.stdout.readlines())
    assert done * 50 <= counts(sqlite).boots <= (done + 1) * 50
    again = importer(sqlite, hosts=200, boots=50, seed=3)
    assert again.communicate(timeout=120)[1] == ""
    assert counts(sqlite).boots == 200 * 50


def refused(url: str) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        import_fleet(url, FLEET[1:2])
    return caught.value


def test_user_who_may_only_read(cluster: Cluster, postgresql: str) -> None:
    import_fleet(postgresql, FLEET[:1])
    cluster.sql("DROP ROLE IF EXISTS reader")
    cluster.sql("CREATE ROLE reader LOGIN")
    cluster.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    assert counts(cluster.url_of("reader")) == counts(postgresql)
    assert refused(cluster.url_of("reader")).code == "ledger_read_only"
    cluster.sql("ALTER ROLE reader SET default_transaction_read_only = on")
    cluster.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO reader")
    assert refused(cluster.url_of("reader")).code == "ledger_read_only"
    cluster.sql("DROP OWNED BY reader")
    cluster.sql("DROP ROLE reader")


def test_user_who_does_not_exist(cluster: Cluster) -> None:
    assert refused(cluster.url_of("nobody_knows")).code == "ledger_away"


def test_file_that_may_only_be_read(sqlite: str, tmp_path: Path) -> None:
    import_fleet(sqlite, FLEET[:1])
    # A reader that is there keeps the file's companions, without which no other user could even read.
    with Ledger(place_of(sqlite)) as reader, reader.snapshot() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM boots")
        for path in (tmp_path, *tmp_path.iterdir()):
            path.chmod(0o555 if path.is_dir() else 0o444)
        # Root may write to any file, so somebody else has to try.
        with get_context("fork").Pool(1, initializer=become_nobody) as other:
            codes = other.apply(codes_of_refusals, (sqlite,))
    tmp_path.chmod(0o700)
    assert codes == ("ledger_read_only", "ledger_read_only")


def become_nobody() -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def codes_of_refusals(url: str) -> tuple[str, str]:
    """Return why neither a history nor a transition can be written."""
    with pytest.raises(LedgerError) as caught, Ledger(place_of(url)) as ledger:
        ledger.record("web1", upgraded(), NOW)
    return refused(url).code, caught.value.code


def test_transition_is_recorded_once_also_by_a_run_that_goes_on(url: str) -> None:
    lost = upgraded(verdict="unreachable", accepted=False, reported=None, outage_seconds=None)
    resumed = upgraded(action="verify", **{"from": NEW})
    with Ledger(place_of(url)) as ledger:
        written = [ledger.record("web1", given, NOW) for given in (lost, lost, resumed, resumed)]
        with ledger.snapshot() as connection:
            rows = connection.exec_driver_sql("SELECT from_release, verdict, accepted FROM transitions").all()
    assert written == [True, False, True, False]
    assert [tuple(row) for row in rows] == [(OLD, "handover_verified", True)]


def test_risks_and_budget_are_those_of_both_databases(sqlite: str, postgresql: str) -> None:
    begun = []
    for url in (sqlite, postgresql):
        import_fleet(url, FLEET)
        with Ledger(place_of(url)) as ledger:
            begun.append([count_begun(ledger, origin, "7.3.1-kho", 0) for origin in ("7.2.3-kho", None)])
    assert begun[0] == begun[1]
    assert 0 < begun[0][0].boots < begun[0][1].boots
    assert crash_risks(correlate(counts(sqlite))) == crash_risks(correlate(counts(postgresql)))


def test_gate_with_symptoms_says_the_same_in_both_databases(sqlite: str, postgresql: str) -> None:
    other = {"code": "io_error", "signature": "I/O error, dev #"}
    told: list[list[dict[str, Any]]] = []
    for url in (sqlite, postgresql):
        with Ledger(place_of(url)) as ledger:
            for number in range(12):
                jumped = looked(before(until=600)), looked(after(660 + number), ACPI, *[other] * (number % 4 == 3))
                ledger.import_history(f"web{number:02}", history(*jumped), SINCE + HOUR)
                ledger.import_history(f"waiting{number:02}", history(looked(before())), SINCE + HOUR)
            told.append([keep_no_worse(ledger, NEW, SINCE), keep_no_worse(ledger, NEW, SINCE, symptoms=True)])
            for host in ("cold1", "cold2"):
                boot = cold(9, begin=at(-9 * HOUR), end=at(-HOUR))
                ledger.import_history(host, history(looked(boot, ACPI)), SINCE + HOUR)
            told[-1].append(keep_no_worse(ledger, NEW, SINCE, symptoms=True))
    assert told[0] == told[1]
    assert ["failed" in one for one in told[1]] == [False, True, False]
    assert "Of 12 hosts that jumped, 12 complained of acpi_error (ACPI Error: AE_AML) after it" in told[1][1]["msg"]
    assert {one["trouble"]: one["own"] for one in told[1][2]["symptoms"]} == {"acpi_error": True, "io_error": False}


def test_lock_that_nobody_gives_back(cluster: Cluster, postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import ledger as ledger_file

    import_fleet(postgresql, FLEET[:1])
    monkeypatch.setattr(ledger_file, "PATIENCE", 1)
    lock = "BEGIN; LOCK TABLE boots IN EXCLUSIVE MODE; SELECT pg_sleep(5)"
    holder = threading.Thread(target=cluster.sql, args=(lock,))
    holder.start()
    while (
        cluster.sql("SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'boots'::regclass")
        == "0"
    ):
        time.sleep(0.05)
    assert refused(postgresql).code == "ledger_locked"
    holder.join()
    assert import_fleet(postgresql, FLEET[1:2])[0]["boots"] == BOOTS
