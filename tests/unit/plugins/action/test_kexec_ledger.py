# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from unit.plugins.plugin_utils.histories import LEFT, NEW, OLD, boot, history, measured, result, upgraded

from ansible_collections.kho.kexec.plugins.action import kexec_ledger
from ansible_collections.kho.kexec.plugins.modules import kexec_ledger as module
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import errors
from bench.fleet import DEADLY, histories


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without an address, the ledger is in the user's folder for data; here that is an empty one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def run(check_mode: bool = False, host: str = "web1", **options: Any) -> dict[str, Any]:
    task = MagicMock(args=options, check_mode=check_mode, async_val=0, diff=False)
    loader: Any = MagicMock()
    plugin = kexec_ledger.ActionModule(task, MagicMock(), MagicMock(), loader, MagicMock(), MagicMock())
    plugin._load_name = "kho.kexec.kexec_ledger"
    found: dict[str, Any] = plugin.run(task_vars={"inventory_hostname": host})
    return found


def ask() -> dict[str, Any]:
    return run(state="queried", previous_release=OLD, release=NEW)


def test_import_is_idempotent(data: Path) -> None:
    first, second = (run(state="imported", history=history()) for _time in range(2))
    assert (first["changed"], first["boots"], first["crashes"], first["cursor"]) == (True, 1, 0, "s=1")
    assert (second["changed"], second["boots"]) == (False, 0)
    assert stat.S_IMODE((data / "kho-kexec" / "ledger.db").stat().st_mode) == 0o600


def test_cursor_of_what_is_known() -> None:
    assert run(state="known")["cursor"] is None
    run(state="imported", history=history(cursor="s=7"))
    assert (run(state="known")["cursor"], run(state="known", host="web2")["cursor"]) == ("s=7", None)


def test_hosts_are_those_of_the_inventory() -> None:
    for host in ("web1", "web2"):
        assert run(host=host, state="imported", history=history())["changed"] is True
    assert ask()["risk"]["boots"] == 2


def transitions(data: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "kho-kexec" / "ledger.db")) as connection:
        return connection.execute("SELECT host, from_release, verdict, accepted FROM transitions").fetchall()


def test_record(data: Path) -> None:
    given = [upgraded(), upgraded(), result()]
    assert [run(state="recorded", transition=one)["changed"] for one in given] == [True, False, False]
    assert transitions(data) == [("web1", OLD, "handover_verified", 1)]


def test_clock_is_the_one_that_is_asked_for(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kexec_ledger.Ledger, "now", lambda _ledger: 1795400000)
    monkeypatch.setattr(kexec_ledger.time, "time", lambda: 1795500000.5)
    for host, clock in (("web1", "controller"), ("web2", "database")):
        run(host=host, state="recorded", transition=upgraded(host=host), clock=clock)
        run(host=host, state="imported", history=history(), clock=clock)
    with closing(sqlite3.connect(data / "kho-kexec" / "ledger.db")) as connection:
        recorded = [now for (now,) in connection.execute("SELECT recorded FROM transitions ORDER BY host")]
        imported = [now for (now,) in connection.execute("SELECT imported FROM cursors ORDER BY host")]
    assert recorded == imported == [1795500000, 1795400000]


def test_run_that_goes_on_records_the_same_transition(data: Path) -> None:
    lost = upgraded(verdict="unreachable", accepted=False, reported=None, code="unreachable", outage_seconds=None)
    resumed = upgraded(action="verify", **{"from": NEW})
    for given, changed in ((lost, True), (lost, False), (resumed, True), (resumed, False)):
        assert run(state="recorded", transition=given)["changed"] is changed
    assert transitions(data) == [("web1", OLD, "handover_verified", 1)]


def test_host_that_did_not_leave_has_nothing_to_record(data: Path) -> None:
    given = upgraded(action="refuse", verdict=None, accepted=False, boot_id_left=None, promised=None, reported=None)
    assert run(state="recorded", transition=given) == {"changed": False}
    assert transitions(data) == []


def test_what_was_measured_is_recorded_once_and_what_cannot_be_true_is_a_warning() -> None:
    first, second = (run(state="recorded", measures=measured()) for _time in range(2))
    assert (first["changed"], first["measures"], first["notes"]) == (True, 2, [])
    assert (second["changed"], second["measures"]) == (False, 0)
    doubtful = run(state="recorded", transition=result(), measures=measured(slab_bytes=-1))
    assert (doubtful["changed"], doubtful["measures"], doubtful["notes"][0]["code"]) == (True, 0, "measure_implausible")
    assert "codes.md#measure_implausible" in doubtful["warnings"][0]
    refused = run(state="recorded", measures={"boot_id": "x"}, on_error="warn")
    assert (refused["code"], refused["changed"]) == ("measures_invalid", False)
    assert run(check_mode=True, host="web2", state="recorded", measures=measured())["changed"] is True
    assert run(host="web2", state="recorded", measures=measured())["measures"] == 2


def test_query() -> None:
    unknown = ask()
    assert (unknown["finding"], unknown["risk"]) == ("too_few", None)
    run(state="imported", history=history(boot(ending="crash")))
    known = ask()
    assert (known["finding"], known["risk"]["crashes"]) == ("too_few", 1)
    assert known["msg"] == known["risk"]["sentence"]
    assert known["changed"] is False


def test_report(data: Path) -> None:
    run(state="imported", history=history())
    found = run(state="reported", directory=str(data / "a" / "report"))
    assert found["changed"] is True
    assert sorted(path.name for path in (data / "a" / "report").iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    assert found["paths"] == [str(data / "a" / "report" / f"report.{kind}") for kind in ("json", "md", "html")]
    assert len(found["summary"]) == 2
    assert json.loads((data / "a" / "report" / "report.json").read_text())["boots"] == 1


def test_check_mode_writes_nothing(data: Path) -> None:
    assert run(check_mode=True, state="imported", history=history())["changed"] is True
    assert run(check_mode=True, state="recorded", transition=result())["changed"] is True
    assert run(check_mode=True, state="reported", directory=str(data / "report"))["changed"] is True
    assert list(data.iterdir()) == []


def test_report_that_cannot_be_written(data: Path) -> None:
    (data / "file").touch()
    found = run(state="reported", directory=str(data / "file" / "report"))
    assert (found["failed"], found["code"]) == (True, "report_unwritable")


@pytest.mark.parametrize(("on_error", "fails"), [("fail", True), ("warn", False)])
def test_ledger_that_is_away(on_error: str, fails: bool) -> None:
    address = "postgresql://me:s3cret@127.0.0.1:1/fleet"
    found = run(state="recorded", transition=upgraded(), url=address, on_error=on_error)
    assert found.get("failed", False) is fails
    assert (found["code"], found["changed"]) == ("ledger_away", False)
    assert found.get("warnings", []) == ([] if fails else [found["msg"]])
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("UPDATE schema_version SET version = 99", "ledger_newer"),
        ("CREATE TRIGGER full BEFORE INSERT ON transitions BEGIN SELECT RAISE(ABORT, 'full'); END", "ledger_failed"),
    ],
)
def test_host_does_not_fail_because_of_the_ledger_and_is_not_silent(data: Path, sql: str, code: str) -> None:
    run(state="known")
    with closing(sqlite3.connect(data / "kho-kexec" / "ledger.db")) as connection:
        connection.execute(sql)
        connection.commit()
    found = run(state="recorded", transition=upgraded(), on_error="warn")
    assert (found["code"], found["warnings"], found.get("failed")) == (code, [found["msg"]], None)
    assert run(state="recorded", transition=upgraded())["failed"] is True
    assert transitions(data) == []


def test_folder_that_is_a_file_is_told_in_check_mode_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "file").touch()
    address = f"sqlite:///{data}/file/ledger.db"
    assert run(state="recorded", transition=upgraded(), url=address, on_error="warn")["code"] == "ledger_away"

    def denied(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", denied)
    found = run(True, state="recorded", transition=upgraded(), url=address, on_error="warn")
    assert (found["code"], "Permission denied" in found["msg"]) == ("ledger_away", True)


def test_assessment() -> None:
    assert run(state="assessed")["risks"] == []
    for host, given in histories(100, 200, seed=1):
        run(state="imported", history=given, host=host)
    found = run(state="assessed")
    assert [(one["previous_release"], one["release"]) for one in found["risks"]] == [DEADLY]
    assert found["risks"][0]["sentence"] in found["msg"]


def test_budget() -> None:
    run(state="imported", history=history(boot(ending="crash")))
    asked = {"state": "within_budget", "release": NEW, "since": 0}
    assert (run(**asked)["failed"], run(**asked)["code"]) == (True, "crash_budget_exceeded")
    assert run(**asked, on_error="warn")["failed"] is True
    assert run(**asked, max_crashes=1).get("failed") is None
    assert run(**asked, previous_release="7.2.12")["boots_begun"] == 0


def test_libraries_are_asked_for_only_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    there = importlib.import_module

    def without_scipy(name: str) -> Any:
        if name == "scipy":
            raise ImportError("No module named 'scipy'")
        return there(name)

    monkeypatch.setattr(errors.importlib, "import_module", without_scipy)
    assert run(state="imported", history=history())["changed"] is True
    assert ask()["code"] == "ledger_library_missing"


@pytest.mark.parametrize(
    "options",
    [
        *({"state": state} for state in ("imported", "recorded", "queried", "within_budget", "reported", "other")),
        *({}, {"state": "queried", "release": NEW}, {"state": "imported", "history": {}, "other": 1}),
    ],
)
def test_arguments_are_validated(options: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail):
        run(**options)


@pytest.mark.usefixtures("data")
def test_transitions_of_several_hosts_are_recorded_under_their_names() -> None:
    left = {f"web{number}": LEFT.replace("1", str(number)) for number in (2, 3)}
    given = [{**upgraded(), "host": name, "boot_id_left": boot_id} for name, boot_id in left.items()]
    assert run(state="recorded", transitions=given)["changed"] is True
    assert run(state="recorded", transitions=given)["changed"] is False
    assert run(state="recorded", transition=given[0], host="web2")["changed"] is False
    assert run(state="recorded", transition=upgraded())["changed"] is True


def test_one_that_is_not_understood_keeps_no_other_from_being_recorded(data: Path) -> None:
    bad = {**upgraded(), "host": "web2", "boot_id_left": "x"}
    told = run(state="recorded", transitions=[bad, {**upgraded(), "host": "web3"}])
    assert (told["failed"], told["code"]) == (True, "transition_invalid")
    assert "of web2" in told["msg"]
    assert "All others were recorded" in told["msg"]
    assert [row[0] for row in transitions(data)] == ["web3"]


def test_all_that_is_returned_is_documented_and_the_other_way_round(data: Path) -> None:
    documented = yaml.safe_load(module.RETURN)
    run(state="imported", history=history(boot(boot="cold", previous_release=None)), host="web2")
    results = [
        run(state="imported", history=history()),
        run(state="recorded", transition=result(), measures=measured()),
        ask(),
        run(state="reported", directory=str(data / "report")),
        run(state="assessed"),
        run(state="within_budget", release=NEW, since=0),
        run(state="no_worse", since=0, symptoms=True),
        run(state="recorded", transition={}),
    ]
    returned = {key for found in results for key in found} - {"changed", "failed"}
    assert returned == set(documented)
    undocumented = set(results[2]["risk"]) - set(documented["risk"]["contains"])
    # Their descriptions stand with the numbers that they belong to; the others are the options and the finding again.
    assert undocumented == {
        *("rate_interval", "relative_risk_interval", "smallest_p", "again_crashes", "recovered", "recovered_crashes"),
        *("relative_risk_by_hour", "relative_risk_by_hour_interval"),
        *("boot", "previous_release", "release", "finding"),
    }
