# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

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
    taking_over,
)


def action(kind: type[LosingAction], answer: Any, **arguments: Any) -> Any:
    plugin = object.__new__(kind)
    plugin._task = MagicMock(args=arguments)
    plugin._execute_module = MagicMock(side_effect=[answer])
    return plugin


@pytest.fixture(autouse=True)
def of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {"changed": False})


def test_what_the_module_says_is_returned() -> None:
    assert action(LosingAction, {"changed": True}).run() == {"changed": True}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AnsibleConnectionFailure("Refused"), "unreachable"),
        (KhoError("window_closed", "No."), "window_closed"),
    ],
)
def test_lost_hosts_and_refusals_are_failures(error: Exception, code: str) -> None:
    result = action(LosingAction, error).run()
    assert (result["failed"], result["changed"], result["code"]) == (True, False, code)
    assert "unreachable" not in result


def test_module_that_claims_is_told_who_asks() -> None:
    plugin = action(ClaimingAction, {"changed": True}, release="latest")
    assert plugin.run()["changed"] is True
    given = plugin._execute_module.call_args.kwargs["module_args"]
    assert (given["release"], given["run_identity"]["over"]) == ("latest", [])


def test_task_cannot_say_who_asks() -> None:
    plugin = action(ClaimingAction, {"changed": True}, run_identity={"run": "another"})
    assert plugin.run()["code"] == "asker_set"
    plugin._execute_module.assert_not_called()


def test_runs_that_have_died_are_taken_over_one_by_one_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_action, "dead_run", lambda answer: answer["dead"])
    asked: list[list[str]] = []

    def execute(asks: dict[str, Any]) -> dict[str, Any]:
        asked.append(asks["over"])
        return {"dead": f"run {len(asked)}"}

    assert taking_over(execute)["dead"] == f"run {MOST_DEAD_RUNS + 1}"
    assert asked[0] == []
    assert asked[-1] == [f"run {number + 1}" for number in range(MOST_DEAD_RUNS)]
