# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the common half does with an answer, when Ansible is scripted; tests/integration/attacks has all of it."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._jump import module_action
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import (
    MOST_DEAD_RUNS,
    ClaimingAction,
    LosingAction,
    PatientAction,
    RebuildingAction,
    taking_over,
)

ARMED = {"changed": True, "armed": True}


class Scripted:
    """Stands in for `_execute_module`: prints one answer after the other, or raises it."""

    def __init__(self, plugin: Any, *answers: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self._plugin = plugin
        self._answers = list(answers)

    def __call__(self, **how: Any) -> Any:
        self.asked.append(how)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return self._plugin._parse_returned_data({"stdout": text, "stderr": ""})


def scripted(
    monkeypatch: pytest.MonkeyPatch, kind: Any, *answers: Any, action: str = "kho.kexec.kexec_guard", **task: Any
) -> tuple[Any, Scripted]:
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(ActionBase, "_parse_returned_data", lambda _plugin, res: {"raw": res["stdout"]})
    given = {"async_val": 0, "poll": 1, "args": {}, **task}
    plugin = kind(MagicMock(action=action, **given), MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    plugin._discovered_interpreter_key = None
    host = Scripted(plugin, *answers)
    monkeypatch.setattr(plugin, "_execute_module", host)
    return plugin, host


def test_the_answer_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, _host = scripted(monkeypatch, RebuildingAction, {**ARMED, "ansible_facts": {"x": 1}, "add_host": {}})
    assert plugin.run(task_vars={}) == ARMED


def test_ansible_sees_nothing_of_what_was_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, _host = scripted(monkeypatch, RebuildingAction)
    assert plugin._parse_returned_data({"stdout": '{"a": 1}', "stderr": "b"}) == {"raw": "{}"}


def test_where_ansible_found_python_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, _host = scripted(monkeypatch, RebuildingAction, ARMED)
    plugin._discovered_interpreter_key, plugin._discovered_interpreter = "discovered_interpreter_python", "/usr/bin/py"
    assert plugin.run(task_vars={})["ansible_facts"] == {"discovered_interpreter_python": "/usr/bin/py"}


@pytest.mark.parametrize("answer", ["", "[]", {"armed": 1}, TypeError("x"), RecursionError()])
def test_what_is_not_understood_is_a_failure(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    plugin, _host = scripted(monkeypatch, RebuildingAction, answer)
    result = plugin.run(task_vars={})
    assert (result["failed"], result["changed"], result["code"]) == (True, False, "answer_invalid")


def test_a_lost_host_is_unreachable_unless_it_was_to_do_something(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, _host = scripted(monkeypatch, LosingAction, AnsibleConnectionFailure("gone"))
    assert plugin.run(task_vars={})["code"] == "unreachable"
    plugin, _host = scripted(monkeypatch, RebuildingAction, AnsibleConnectionFailure("gone"))
    with pytest.raises(AnsibleConnectionFailure):
        plugin.run(task_vars={})


def test_a_claiming_module_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, host = scripted(monkeypatch, ClaimingAction, {"release": "x"}, action="kho.kexec.kexec_commit")
    assert plugin.run(task_vars={}) == {"changed": False, "release": "x"}
    assert host.asked[0]["module_args"]["run_identity"]["over"] == []
    plugin, host = scripted(monkeypatch, ClaimingAction, args={"run_identity": {}})
    assert plugin.run(task_vars={})["code"] == "asker_set"
    assert host.asked == []


def test_a_refusal_of_the_half_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, _host = scripted(monkeypatch, LosingAction, KhoError("window_closed", "No."))
    result = plugin.run(task_vars={})
    assert (result["failed"], result["changed"], result["code"]) == (True, False, "window_closed")


def test_runs_that_have_died_are_taken_over_one_by_one_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_action, "dead_run", lambda answer: answer["dead"])
    asked: list[list[str]] = []

    def execute(asks: dict[str, Any]) -> dict[str, Any]:
        asked.append(asks["over"])
        return {"dead": f"run {len(asked)}"}

    assert taking_over(execute)["dead"] == f"run {MOST_DEAD_RUNS + 1}"
    assert asked[0] == []
    assert asked[-1] == [f"run {number + 1}" for number in range(MOST_DEAD_RUNS)]


STARTED = {"ansible_job_id": "j1.2", "started": 1}
FACTS = {"ansible_facts": {"kho": {"release": "x"}, "other": 1}}


def background(monkeypatch: pytest.MonkeyPatch, *answers: Any, **task: Any) -> tuple[Any, Scripted]:
    given = {"async_val": 5, "poll": 0.01, **task}
    return scripted(monkeypatch, PatientAction, *answers, action="kho.kexec.kho_facts", **given)


def test_a_job_is_waited_for_and_its_answer_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {**FACTS, "finished": 1}
    lost = AnsibleConnectionFailure("busy")
    plugin, host = background(monkeypatch, STARTED, {"finished": 0}, lost, "garbage", ended, {})
    assert plugin.run(task_vars={}) == {"changed": False, "ansible_facts": {"kho": {"release": "x"}}}
    assert host.asked[0]["wrap_async"] is True
    assert host.asked[-1]["module_args"] == {"jid": "j1.2", "mode": "cleanup"}
    assert plugin._task.async_val == 0


def test_a_task_that_is_tried_again_is_a_job_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {**FACTS, "finished": 1}
    plugin, host = background(monkeypatch, STARTED, ended, {}, STARTED, ended, {})
    assert plugin.run(task_vars={}) == plugin.run(task_vars={})
    assert [how.get("wrap_async") for how in host.asked] == [True, None, None, True, None, None]


@pytest.mark.parametrize(
    ("answers", "task", "code"),
    [
        ([], {"poll": 0}, "poll_missing"),
        ([{"ansible_job_id": "../x"}], {}, "answer_invalid"),
        (["{}"], {}, "answer_invalid"),
        ([STARTED, *[{"finished": 0}] * 9], {"async_val": 0.05, "poll": 0.02}, "job_unfinished"),
    ],
)
def test_jobs_that_come_to_nothing(
    monkeypatch: pytest.MonkeyPatch, answers: list[Any], task: dict[str, Any], code: str
) -> None:
    plugin, _host = background(monkeypatch, *answers, **task)
    assert plugin.run(task_vars={})["code"] == code
