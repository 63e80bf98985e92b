# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_rollout: waits, and says why; fails closed when the ledger is away."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleError

from ansible_collections.kho.kexec.plugins.action import kexec_rollout
from ansible_collections.kho.kexec.plugins.plugin_utils._common import display as display_module
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared import no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout

HOSTS = ["web1", "web2", "web3"]
TERMS = {"kexec_upgrade_target": "7.3.4-kho"}
PROVEN = {"accepted": True, "action": "handover"}
FAILED = {"accepted": False, "action": "handover", "code": "unreachable"}


class HostVars:
    """Gives what is registered; to ask for anything templated is an error."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def raw_get(self, host: str) -> dict[str, Any]:
        return {"kexec_upgrade_result": self._found[host]} if host in self._found else {}


class Clock:
    """Counts the seconds that were slept, and does what happens meanwhile."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.meanwhile: Any = lambda: None

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(kexec_rollout, "time", made)
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Any:
    shown = MagicMock()
    monkeypatch.setattr(display_module, "Display", lambda: shown)
    return shown.display


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(kexec_rollout, "given_variables", lambda _loader: {"awx_user_name": "ann", "awx_job_id": 42})

    def act(state: str, found: dict[str, Any] | None = None, batch: int = 0, **options: Any) -> dict[str, Any]:
        check_mode = options.pop("check_mode", False)
        args = {"name": "spring", "url": url, "state": state, "sizes": 1, **options}
        task = MagicMock(args=args, check_mode=check_mode, async_val=0, diff=False)
        loader: Any = MagicMock()
        plugin = kexec_rollout.ActionModule(task, MagicMock(), MagicMock(), loader, MagicMock(), MagicMock())
        plugin._load_name = "kho.kexec.kexec_rollout"
        variables = {
            **{"hostvars": HostVars(found or {}), "groups": {"all": HOSTS}, "ansible_play_hosts_all": HOSTS},
            **{"ansible_play_hosts": HOSTS, "ansible_play_batch": HOSTS[batch : batch + 1]},
            **{"inventory_hostname": HOSTS[batch], "awx_user_name": "a host's word", "awx_job_id": 13},
        }
        result: dict[str, Any] = plugin.run(task_vars=variables)
        return result

    return act


def test_wave_begins_and_ends(run: Any) -> None:
    assert run("claimed", terms=TERMS)["msg"] == "Wave 1 of 3 of this run begins, before all others."
    told = run("settled", {"web1": PROVEN})
    assert (told["stop"], told["canaries"]) == ("", True)
    assert run("passed")["msg"] == "The canaries are proven, and all other waves may begin."
    assert run("claimed", batch=1, terms=TERMS)["msg"] == "Wave 2 of 3 of this run begins."
    assert run("released", batch=1)["msg"] == "The hosts of wave 2 of 3 were given back."
    assert run("claimed", batch=2, terms=TERMS)["began"] > 0
    told = run("settled", {"web3": FAILED}, batch=2)
    assert told["stop"] == "Not proven: web3. Failed in all runs: 1; allowed: 0 (max_failed)."
    found = run("info")
    assert found["rollout"]["state"] == "stopped"
    assert found["rollout"]["hosts"] == [{"host": "web3", "state": "failed", "code": "unreachable", "wave": 3}]
    assert found["rollout"]["runs"][0]["owner"] == "ann (AWX job 42)"
    assert run("claimed", batch=1, terms=TERMS)["code"] == "rollout_was_stopped"


def test_wave_waits_while_the_rollout_is_paused_and_says_so_every_minute(
    run: Any, url: str, clock: Clock, said: Any
) -> None:
    run("started", why="spring")
    assert run("paused", why="lunch")["changed"] is True

    def resume() -> None:
        if clock.slept == 130:
            with Ledger(place_of(url)) as ledger:
                SharedRollout(ledger, "spring").change("running", "ann", "")

    clock.meanwhile = resume
    assert run("claimed", terms=TERMS)["began"] > 0
    *waits, begins = [call.args[0] for call in said.call_args_list]
    wait = "Wave 1 of 3 of this run waits: ann has paused the rollout (lunch). No host of it is on its way."
    assert waits == [wait] * 3
    assert begins == "Wave 1 of 3 of this run begins, before all others."


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    """Have the ledger be away until so many seconds have passed."""

    def until(seconds: float, code: str = "ledger_away") -> None:
        def opened(*arguments: Any) -> Ledger:
            if clock.slept < seconds:
                raise LedgerError(code, "It cannot be reached.")
            return Ledger(*arguments)

        monkeypatch.setattr(kexec_rollout, "Ledger", opened)

    return until


def test_ledger_that_is_away_stops_new_waves_in_one_line(run: Any, away: Any, clock: Clock, said: Any) -> None:
    away(1000)
    failed = run("claimed", terms=TERMS, patience=90)
    assert failed["failed"] is True
    assert failed["code"] == "ledger_away"
    assert failed["msg"].startswith(
        "The rollout spring is not known without its ledger, so no wave begins, and hosts that are on their way are "
        "left alone. It cannot be reached."
    )
    assert "\n" not in failed["msg"]
    assert clock.slept == 90
    assert said.call_count == 2


def test_ledger_that_comes_back_in_time_is_waited_for(run: Any, away: Any) -> None:
    away(60)
    assert run("claimed", terms=TERMS, patience=90)["began"] > 0


@pytest.mark.usefixtures("said")
def test_ledger_that_takes_over_is_waited_for(run: Any, away: Any) -> None:
    away(60, "ledger_read_only")
    assert run("claimed", terms=TERMS, patience=90)["began"] > 0


@pytest.mark.usefixtures("said")
def test_stop_is_told_once_the_ledger_is_back(run: Any, away: Any, clock: Clock) -> None:
    run("started")
    away(60)
    assert run("paused", why="lunch")["code"] == "ledger_away"
    assert clock.slept == 0
    assert run("stopped", why="An alert fires.", patience=90)["changed"] is True


def test_gate_of_statistics_is_asked_about_the_whole_rollout(run: Any) -> None:
    assert run("no_worse")["code"] == "rollout_unknown"
    began = run("claimed", terms=TERMS)["began"]
    found = run("no_worse")
    assert (found["since"], found["jumped"]["hosts"], found["evidence_limit"]) == (began, 0, 20)
    assert "failed" not in found
    run("stopped", why="An alert fires.")
    assert "failed" not in run("no_worse"), "what is found is told whatever the rollout's state"


def test_finding_stops_the_rollout_and_is_told_to_who_asks_next(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("claimed", terms=TERMS)
    monkeypatch.setattr(no_worse, "judged", lambda *_found: {"failed": True, "code": no_worse.WORSE, "msg": "Worse."})
    found = run("no_worse")
    assert (found["failed"], found["code"], found["msg"]) == (True, "jumped_hosts_worse", "Worse.")
    assert run("info")["rollout"]["who"] == "ann (AWX job 42)"
    again = run("no_worse")
    assert (again["failed"], again["code"]) == (True, "rollout_was_stopped")
    assert "jumped_hosts_worse: Since " in again["msg"]


@pytest.mark.usefixtures("said")
def test_no_answer_of_the_ledger_is_no_yes(run: Any, away: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    run("claimed", terms=TERMS)
    away(60)
    assert "failed" not in run("no_worse", patience=90)
    away(1000)
    slept = clock.slept
    assert run("no_worse", patience=90)["code"] == "ledger_away"
    assert clock.slept == slept + 90

    def missing(_library: str) -> None:
        raise LedgerError("ledger_library_missing", "There is no SciPy.")

    monkeypatch.setattr(kexec_rollout, "require", missing)
    assert run("no_worse")["code"] == "ledger_library_missing"


def test_pause_file_is_heard_while_the_rollout_is_waited_for(run: Any, clock: Clock, said: Any, tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    pause.touch()

    def remove() -> None:
        if clock.slept == 70:
            pause.unlink()

    clock.meanwhile = remove
    assert run("claimed", terms=TERMS, pause_file=str(pause))["began"] > 0
    wait = f"Wave 1 of 3 of this run waits: The pause file {pause} is there. No host of it is on its way."
    assert [call.args[0] for call in said.call_args_list][:-1] == [wait] * 2


def test_trouble_that_does_not_pass_is_not_waited_for(run: Any, away: Any, clock: Clock) -> None:
    away(60, "ledger_newer")
    assert run("claimed", terms=TERMS)["code"] == "ledger_newer"
    assert clock.slept == 0


@pytest.mark.usefixtures("said")
def test_failures_are_told_however_long_that_takes(run: Any, away: Any, clock: Clock) -> None:
    run("claimed", terms=TERMS)
    away(5000)
    assert run("settled", {"web1": FAILED}, patience=10)["stop"] == "Canaries were not proven: web1."
    assert clock.slept == 5000
    away(6000, "ledger_failed")
    assert run("settled", {"web1": FAILED}, patience=10)["stop"] == "Canaries were not proven: web1."
    away(9000)
    assert run("settled", {"web1": PROVEN}, patience=10)["code"] == "ledger_away"


def test_hosts_that_another_run_has_by_now_are_a_warning(run: Any, url: str) -> None:
    run("claimed", terms=TERMS, claim=0)
    with Ledger(place_of(url)) as ledger, ledger.transaction() as connection:
        connection.exec_driver_sql("UPDATE rollout_claims SET run = 'other'")
        connection.exec_driver_sql("UPDATE rollout_hosts SET run = 'other'")
    told = run("settled", {"web1": PROVEN})
    assert told["warnings"][0].startswith("web1: this run's claim ended before wave 1 of 3 did")
    assert "#rollout_claim_ended" in told["warnings"][0]


def test_check_mode_writes_nothing(run: Any) -> None:
    assert run("started", check_mode=True)["changed"] is True
    assert run("info")["code"] == "rollout_unknown"
    run("started")
    run("paused", why="lunch")
    assert "ann has paused the rollout (lunch)" in run("claimed", terms=TERMS, check_mode=True)["msg"]


def test_page_is_written_and_needs_nothing_else(run: Any, tmp_path: Path) -> None:
    run("started", who="bob", why="spring")
    found = run("info", page=str(tmp_path / "page.html"))
    assert "spring is running." in found["msg"]
    assert "bob" in (tmp_path / "page.html").read_text()


def test_page_that_cannot_be_written_is_said(run: Any, tmp_path: Path) -> None:
    run("started")
    assert run("info", page=str(tmp_path / "nowhere" / "page.html"))["code"] == "rollout_page_not_written"


def test_run_that_died_is_ended_by_hand(run: Any) -> None:
    run("claimed", terms=TERMS)
    told = run("run_ended", run="ann (AWX job 42)", why="Its node is gone.")
    assert (told["changed"], told["hosts"]) == (True, ["web1"])
    assert told["msg"].startswith("web1: lost by now, and other runs can take them. ")
    assert told["msg"].endswith("Others need not wait for its canaries any more.")
    again = run("run_ended", run="ann (AWX job 42)", why="Its node is gone.")
    assert (again["changed"], again["msg"]) == (False, "It had no hosts.")
    unknown = run("run_ended", run="ann", why="Its node is gone.")
    assert unknown["code"] == "rollout_run_unknown"
    assert "'ann (AWX job 42)'" in unknown["msg"]
    with pytest.raises(AnsibleError, match="why"):
        run("run_ended", run="ann")


@pytest.mark.parametrize("state", ["info", "paused", "stopped", "started"])
def test_what_is_about_all_runs_is_not_done_for_one(run: Any, state: str) -> None:
    run("claimed", terms=TERMS)
    found = run(state, run="ann (AWX job 42)", why="Its node is gone.")
    assert (found["failed"], found["code"]) == (True, "options_invalid")
    assert f"`state` is {state}, which is about all runs" in found["msg"]
    assert run("info")["rollout"]["state"] == "running"


def test_reason_without_a_state_is_not_taken_for_a_look(run: Any) -> None:
    run("claimed", terms=TERMS)
    found = run("info", why="An alert fires.")
    assert (found["failed"], found["code"]) == (True, "options_invalid")
    assert "`why` is 'An alert fires.', and `state` is info" in found["msg"]


def test_stop_needs_a_reason(run: Any) -> None:
    with pytest.raises(AnsibleError, match="why"):
        run("stopped")


def test_state_that_there_is_none_of_is_refused_with_the_nearest(run: Any, tmp_path: Path) -> None:
    told = run("stoped", why="by hand")
    assert (told["failed"], told["code"]) == (True, "options_invalid")
    assert "`state` is 'stoped' (is stopped meant?), and can be info, started," in told["msg"]
    assert not (tmp_path / "ledger.db").exists()


def test_misspelt_variable_of_the_playbook_does_not_become_a_look(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kexec_rollout, "given_variables", lambda _loader: {"kexec_rollout_stat": "stopped"})
    told = run("info")
    assert (told["failed"], told["code"]) == (True, "option_unknown")
    assert "no option kexec_rollout_stat (is kexec_rollout_state meant?)" in told["msg"]
