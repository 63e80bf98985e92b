# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest

from ansible_collections.kho.kexec.plugins.callback import rollout


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = rollout.CallbackModule(display=MagicMock(verbosity=0))
    module._plugin_options = {"progress": "lines", "events": True, "results_directory": None}
    # What would be told when the tests end.
    monkeypatch.setattr(rollout.atexit, "register", lambda told: setattr(module, "at_exit", told))
    return module


def play_of(serial: list[Any], *names: str, uuid: str = "play") -> Any:
    """Return a play as Ansible hands it over when a batch begins: the inventory is restricted to ``names``."""
    everybody = ["web1", "web2", "web3"]

    def get_hosts(_pattern: Any, ignore_restrictions: bool = False, order: Any = None) -> list[Any]:
        del order
        return [
            SimpleNamespace(get_name=lambda name=name: name) for name in (everybody if ignore_restrictions else names)
        ]

    manager = SimpleNamespace(_inventory=SimpleNamespace(get_hosts=get_hosts))
    return SimpleNamespace(_uuid=uuid, hosts="all", order=None, serial=serial, get_variable_manager=lambda: manager)


def begin(callback: Any, play: Any, action: str = "kho.kexec.kexec_image") -> None:
    """Let a batch begin with a task."""
    callback.v2_playbook_on_play_start(play)
    callback.v2_playbook_on_task_start(SimpleNamespace(action=action, args={}), False)


def result_of(action: str, result: Any, check_mode: bool = False, **arguments: Any) -> Any:
    host = SimpleNamespace(get_name=lambda: "web1")
    task = SimpleNamespace(
        action=action, args=arguments, check_mode=check_mode, run_once=False, get_name=lambda: "Ask the service"
    )
    return SimpleNamespace(_host=host, _task=task, _result=result)


def printed(callback: Any) -> list[str]:
    """Return what is printed at the end."""
    callback._display.display.reset_mock()
    callback.v2_playbook_on_stats(MagicMock())
    return [call.args[0] for call in callback._display.display.call_args_list]


def test_nothing_is_printed_when_nothing_of_ours_ran(callback: Any) -> None:
    callback.v2_runner_on_ok(result_of("ansible.builtin.ping", {"ping": "pong"}))
    assert printed(callback) == []


@pytest.mark.parametrize("action", ["kho.kexec.kexec_image", "kexec_image"])
def test_table_and_counts_are_printed(callback: Any, action: str) -> None:
    callback.v2_runner_on_failed(result_of(action, {"code": "kexec_disabled"}))
    lines = printed(callback)
    assert lines[0].startswith("host ")
    assert lines[2].split()[:7] == ["web1", "-", "-", "-", "-", "kexec_disabled", "-"]
    assert lines[-1] == "kexec_disabled: 1"


def test_check_mode_prints_the_plan_and_the_remedy(callback: Any) -> None:
    reasons = [{"code": "kexec_disabled", "message": "It is off. Switch it on."}]
    refused = {"plan": {"action": "refuse", "reasons": reasons}, "running": {"release": "7.2.13-kho"}}
    callback.v2_runner_on_failed(result_of("kho.kexec.kexec_image", refused, check_mode=True))
    lines = printed(callback)
    assert callback._display.banner.call_args.args == ("KERNEL ROLLOUT (PLAN)",)
    assert lines[2].split() == ["web1", "7.2.13-kho", "-", "refuse", "-", "-", "kexec_disabled"]
    remedy = "kexec_disabled (web1): It is off. Switch it on. (docs/reference/codes.md#kexec_disabled)"
    assert lines[-3:] == ["refuse: 1", "", remedy]


def test_undoing_does_not_hide_why(callback: Any) -> None:
    callback.v2_runner_on_failed(result_of("kho.kexec.kexec_image", {"code": "kexec_disabled"}))
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_image", {"changed": True}, state="unloaded"))
    assert printed(callback)[-1] == "kexec_disabled: 1"


LOST = result_of("ansible.builtin.setup", {"unreachable": True})


def test_unreachable_hosts_are_counted(callback: Any) -> None:
    begin(callback, play_of([], "web1"))
    callback.v2_runner_on_unreachable(LOST)
    assert "unreachable: 1" in printed(callback)


def test_hosts_that_are_lost_before_the_first_task_of_ours_are_counted(callback: Any) -> None:
    play = play_of([], "web1", "web2")
    callback.v2_playbook_on_play_start(play)
    callback.v2_runner_on_unreachable(LOST)
    callback.v2_playbook_on_task_start(SimpleNamespace(action="kho.kexec.kexec_image", args={}), False)
    assert "unreachable: 1" in printed(callback)


def test_hosts_that_other_plays_lose_are_no_matter_of_ours(callback: Any) -> None:
    callback.v2_playbook_on_play_start(play_of([], "web1", uuid="other"))
    callback.v2_runner_on_unreachable(LOST)
    assert printed(callback) == []
    begin(callback, play_of([], "web2"))
    callback.v2_playbook_on_play_start(play_of([], "web1", uuid="another"))
    callback.v2_runner_on_unreachable(LOST)
    assert "unreachable: 1" not in printed(callback)


def test_nothing_is_printed_into_what_is_for_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout.constants, "DEFAULT_STDOUT_CALLBACK", "ansible.posix.json")
    monkeypatch.setattr(rollout.atexit, "register", MagicMock())
    module = rollout.CallbackModule(display=MagicMock(verbosity=0))
    module._plugin_options = {"progress": "bar", "events": True, "results_directory": None}
    begin(module, play_of([], "web1"))
    module.v2_runner_on_failed(result_of("kho.kexec.kexec_image", {"code": "kexec_disabled"}))
    module.v2_playbook_on_stats(MagicMock())
    assert {"KERNEL ROLLOUT", "kexec_disabled: 1"} <= set(shown(module))
    assert all(call.kwargs == {"stderr": True} for call in module._display.display.call_args_list)
    module._display.banner.assert_not_called()
    assert module._screen._row is None


PROVEN = {"verdict": {"verdict": "handover_verified", "accepted": True}}


def jumped(callback: Any) -> None:
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_image", {"plan": {"action": "handover"}}, release="latest"))
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_reboot", PROVEN))


def test_failure_of_another_task_before_the_commit(callback: Any) -> None:
    jumped(callback)
    callback.v2_runner_on_failed(result_of("ansible.builtin.uri", {"msg": "500"}))
    assert printed(callback)[-1] == "unhealthy: 1"


def test_failures_that_are_not_the_hosts(callback: Any) -> None:
    jumped(callback)
    of_the_wave = result_of("ansible.builtin.fail", {"msg": "The rollout stops here."})
    of_the_wave._task.run_once = True
    callback.v2_runner_on_failed(of_the_wave)
    callback.v2_runner_on_failed(result_of("ansible.builtin.uri", {"msg": "500"}), ignore_errors=True)
    assert printed(callback)[-1] == "handover_verified: 1"


def test_failed_commit(callback: Any) -> None:
    jumped(callback)
    callback.v2_runner_on_failed(result_of("kho.kexec.kexec_commit", {"code": "boot_loader_unknown"}))
    assert printed(callback)[-1] == "handover_verified, not committed: 1"


def test_rollback_after_the_upgrade(callback: Any) -> None:
    jumped(callback)
    callback.v2_runner_on_failed(result_of("ansible.builtin.uri", {"msg": "500"}))
    back = {"plan": {"action": "handover"}}
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_image", back, release="previous"))
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_reboot", PROVEN))
    assert printed(callback)[-1] == "unhealthy, rolled back: 1"


def test_host_that_is_lost_before_its_rollback(callback: Any) -> None:
    begin(callback, play_of([], "web1"))
    jumped(callback)
    callback.v2_runner_on_failed(result_of("ansible.builtin.uri", {"msg": "500"}))
    callback.v2_runner_on_unreachable(result_of("kho.kexec.kexec_image", {}, release="previous"))
    assert "unhealthy, rollback: unreachable: 1" in printed(callback)


def test_a_mistake_becomes_a_warning(callback: Any) -> None:
    callback.v2_runner_on_ok(None)
    callback._display.warning.assert_called_once()


def shown(callback: Any) -> list[str]:
    return [call.args[0].split("] ", 1)[-1] for call in callback._display.display.call_args_list]


def test_waves_are_those_of_the_play(callback: Any) -> None:
    begin(callback, play_of([1, "100%"], "web1"))
    begin(callback, play_of([1, "100%"], "web2", "web3"))
    assert shown(callback) == [
        "wave 1/2 begins, 1 host: 0 done, 0 failed, 1 in flight, 2 untouched, ? left",
        "wave 1/2 ended: 0 done, 0 failed, 0 in flight, 3 untouched, ? left",
        "wave 2/2 begins, 2 hosts: 0 done, 0 failed, 2 in flight, 1 untouched, ? left",
    ]


def test_plays_without_a_task_of_ours_are_no_waves(callback: Any) -> None:
    begin(callback, play_of([], "web1"), "ansible.builtin.ping")
    callback.v2_playbook_on_play_start(play_of([], "web1"))
    assert printed(callback) == []


def test_play_that_says_nothing_of_its_hosts(callback: Any) -> None:
    play = SimpleNamespace(_uuid="play", get_variable_manager=SimpleNamespace)
    begin(callback, play)
    callback._display.warning.assert_not_called()
    assert shown(callback) == ["wave 1/? begins, 0 hosts: 0 done, 0 failed, 0 in flight, ? untouched, ? left"]


def test_events_have_a_line_unless_they_are_not_wanted(callback: Any) -> None:
    callback._plugin_options["progress"] = "none"
    begin(callback, play_of([], "web1"))
    image = result_of("kho.kexec.kexec_image", {"plan": {"action": "handover"}})
    callback.v2_runner_on_ok(image)
    task = SimpleNamespace(action="kho.kexec.kexec_reboot", args={}, check_mode=False)
    callback.v2_runner_on_start(image._host, task)
    assert shown(callback) == ["web1: staged, - to - by handover", "web1: leaves -"]
    callback._plugin_options["events"] = False
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_reboot", PROVEN))
    assert len(shown(callback)) == 2


def test_task_of_the_wave_that_fails_stops_the_rollout(callback: Any) -> None:
    begin(callback, play_of([1], "web1"))
    gate = result_of("kho.kexec.kexec_gate", {"code": "window_closed"})
    gate._task.run_once = True
    callback.v2_runner_on_failed(gate)
    callback.v2_runner_on_unreachable(result_of("kho.kexec.kexec_image", {}))
    assert "The rollout was stopped (window_closed) after" in printed(callback)[-1]


def test_end_that_does_not_come_is_told_at_exit(callback: Any, tmp_path: Path) -> None:
    callback._plugin_options["results_directory"] = str(tmp_path)
    with patch.dict(rollout.context.CLIARGS._store, {"check": False}):
        callback.v2_playbook_on_start(SimpleNamespace(_file_name="/srv/upgrade.yml"))
        begin(callback, play_of([1], "web1"))
    callback.v2_runner_on_unreachable(result_of("kho.kexec.kexec_image", {}))
    callback.at_exit()
    assert any("The rollout was interrupted after" in text for text in shown(callback))
    (path,) = tmp_path.glob("*.json")
    run = json.loads(path.read_text())["run"]
    assert (run["state"], run["playbook"], run["planned_waves"]) == ("interrupted", "upgrade.yml", 3)
    told = len(shown(callback))
    callback.at_exit()
    assert len(shown(callback)) == told


def test_workers_tell_no_end(callback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(callback, play_of([], "web1"))
    callback.v2_runner_on_unreachable(result_of("kho.kexec.kexec_image", {}))
    told = len(shown(callback))
    monkeypatch.setattr(rollout.os, "getpid", lambda: 0)
    callback.at_exit()
    assert len(shown(callback)) == told


def test_disk_that_fills_up_does_not_lose_the_next_wave(
    callback: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback._plugin_options["results_directory"] = str(tmp_path)
    with patch.dict(rollout.context.CLIARGS._store, {"check": False}):
        begin(callback, play_of([1], "web1"))

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(callback._results, "write", full)
    begin(callback, play_of([1], "web2"))
    callback._display.warning.assert_called_once()
    assert shown(callback)[-1].startswith("wave 2/3 begins, 1 host")


def test_results_that_cannot_be_written_are_a_warning(callback: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    callback._plugin_options["results_directory"] = str(tmp_path / "file")
    with patch.dict(rollout.context.CLIARGS._store, {"check": False}):
        begin(callback, play_of([], "web1"))
    callback._display.warning.assert_called_once()
    callback.v2_runner_on_unreachable(result_of("kho.kexec.kexec_image", {}))
    assert "unreachable: 1" in printed(callback)
