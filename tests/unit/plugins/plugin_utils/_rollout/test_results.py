# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils.rollouts import STAGED, Told, bad_day, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.page import render_html
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.results import ResultsKeeper, Setting, document

BEGIN = datetime(2026, 11, 23, 2, 30, 41, tzinfo=timezone.utc)

SETTING = Setting(BEGIN, "kexec_upgrade.yml", False, "controller.example.com")


def results_of(told: Told) -> dict[str, Any]:
    run_log = told.stop()
    return document(run_log, SETTING, "stopped", told.now)


def host_of(results: dict[str, Any], name: str) -> dict[str, Any]:
    (host,) = (host for host in results["hosts"] if host["name"] == name)
    return dict(host)


def test_run_and_waves() -> None:
    results = results_of(bad_day())
    assert results["schema"] == 1
    assert results["run"] == {
        "state": "stopped",
        "code": "rollout_stopped",
        "message": None,
        "begin": "2026-11-23T02:30:41Z",
        "end": "2026-11-23T02:31:31Z",
        "written": "2026-11-23T02:31:31Z",
        "playbook": "kexec_upgrade.yml",
        "check_mode": False,
        "planned_only": False,
        "controller": "controller.example.com",
        "planned_waves": 3,
        "counts": {
            **{"done": 2, "failed": 1, "rolled_back": 1, "unknown": 1, "staged": 1, "untouched": 1},
            "in_flight": 0,
        },
    }
    assert [(wave["number"], len(wave["hosts"])) for wave in results["waves"]] == [(1, 1), (2, 5)]


def test_host_that_was_rolled_back() -> None:
    host = host_of(results_of(bad_day()), "back")
    events = host.pop("events")
    assert host == {
        "name": "back",
        "outcome": "rolled_back",
        "from": "7.2.13-kho",
        "to": "7.3.4-kho",
        "action": "handover",
        "promised": {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1},
        "reported": {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1},
        "verdict": "unhealthy",
        "code": "failed",
        "accepted": False,
        "committed": False,
        "rolled_back": True,
        "outage_seconds": 8.349,
        "warnings": [],
        "wave": 2,
        "begin": "2026-11-23T02:30:53Z",
        "end": "2026-11-23T02:31:19Z",
        "total_seconds": 26.0,
    }
    assert events[0] == {"seconds": 16.0, "event": "staged", "detail": "handover"}
    assert [event["event"] for event in events][-2:] == ["rolled_back", "committed"]


def test_operators_own_check_makes_a_proven_host_unhealthy() -> None:
    told = Told(["web1"], [])
    told.wave()
    told.result("web1", "kexec_image", STAGED)
    told.result("web1", "kexec_reboot", judged("handover_verified"))
    told.run_log.note_failure(told.now, "web1", {"msg": "500"}, "Ask the service")
    host = host_of(results_of(told), "web1")
    assert (host["verdict"], host["accepted"], host["code"]) == ("unhealthy", False, "failed")


def test_host_that_nobody_touched() -> None:
    host = host_of(results_of(bad_day()), "next")
    assert {key for key, value in host.items() if value not in (None, False, [])} == {"name", "outcome"}


def test_nothing_that_may_be_secret_gets_in() -> None:
    told = Told(["web1"], [])
    told.wave()
    secret = {"msg": "SECRET", "invocation": {"module_args": {"password": "SECRET"}}, "stdout": "SECRET"}
    told.result("web1", "kexec_image", {**STAGED, **secret})
    told.result("web1", "kexec_reboot", {**judged("unhealthy"), **secret})
    told.run_log.note_failure(told.now, "web1", secret, "Use SECRET")
    results = results_of(told)
    assert "SECRET" not in json.dumps(results) + render_html(results)


@pytest.mark.parametrize("junk", [None, 3, "text", [], {"release": {"a": 1}, "kexec_count": 1e400}, float("nan")])
def test_results_of_any_shape_become_json_that_all_can_read(junk: Any) -> None:
    told = Told(["web1"], [])
    told.wave()
    told.result("web1", "kexec_image", {"running": junk, "target": junk, "plan": junk})
    told.result("web1", "kexec_reboot", {"promise": junk, "verdict": junk, "outage_seconds": junk, "code": junk})
    results = results_of(told)
    json.dumps(results, allow_nan=False)
    assert render_html(results)


def test_only_the_gates_message_is_kept() -> None:
    told = bad_day()
    told.run_log.note_stop({"code": "rollout_stopped", "msg": "Failed: 3; allowed: 0.\x1b"}, is_gate=True)
    assert document(told.run_log, SETTING, "stopped", told.now)["run"]["message"] == "Failed: 3; allowed: 0.?"
    told.run_log.note_stop({"msg": "SECRET"})
    assert document(told.run_log, SETTING, "stopped", told.now)["run"]["message"] is None


def test_files_are_written_and_replaced(tmp_path: Path) -> None:
    told, clock = bad_day(), [100.0]
    keeper = ResultsKeeper(tmp_path / "made", told.run_log, SETTING, lambda: clock[0])
    keeper.write("running", told.now)
    assert keeper.path.name == "rollout-20261123T023041Z.json"
    running = json.loads(keeper.path.read_text())
    assert (running["run"]["state"], running["run"]["end"]) == ("running", None)
    told.stop()
    keeper.write("stopped", told.now, last=True)
    assert json.loads(keeper.path.read_text())["run"]["state"] == "stopped"
    assert sorted(path.name for path in keeper.path.parent.iterdir()) == [
        "rollout-20261123T023041Z.html",
        "rollout-20261123T023041Z.json",
    ]
    modes = {path.stat().st_mode & 0o777 for path in keeper.path.parent.iterdir()}
    (tmp_path / "usual").touch()
    assert modes == {(tmp_path / "usual").stat().st_mode & 0o777}


def test_two_runs_of_one_second_have_files_of_their_own(tmp_path: Path) -> None:
    keepers = [ResultsKeeper(tmp_path, bad_day().run_log, SETTING, lambda: 0.0) for _run in range(2)]
    assert [keeper.path.name for keeper in keepers] == [
        "rollout-20261123T023041Z.json",
        "rollout-20261123T023041Z-2.json",
    ]


def test_writing_does_not_take_most_of_the_time(tmp_path: Path) -> None:
    told, times = bad_day(), iter([10.0, 11.0, 30.0, 31.1, 31.2])
    keeper = ResultsKeeper(tmp_path, told.run_log, SETTING, lambda: next(times))
    keeper.write("running", 1.0)
    written = keeper.path.read_text()
    keeper.write("running", 2.0)
    assert keeper.path.read_text() == written, "it took a second, so the next 20 are free"
    keeper.write("running", 3.0)
    assert keeper.path.read_text() != written


def test_failure_to_write_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = bad_day()
    keeper = ResultsKeeper(tmp_path, told.run_log, SETTING, lambda: 0.0)
    keeper.write("running", told.now)
    before = keeper.path.read_text()

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        keeper.write("stopped", told.now, last=True)
    assert keeper.path.read_text() == before
    assert len(list(tmp_path.iterdir())) == 2
