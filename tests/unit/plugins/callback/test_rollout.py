# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.kho.kexec.plugins.callback import rollout


@pytest.fixture
def callback() -> Any:
    return rollout.CallbackModule(display=MagicMock(verbosity=0))


def result_of(action: str, result: Any, check_mode: bool = False, **arguments: Any) -> Any:
    host = SimpleNamespace(get_name=lambda: "web1")
    task = SimpleNamespace(
        action=action, args=arguments, check_mode=check_mode, run_once=False, get_name=lambda: "Ask the service"
    )
    return SimpleNamespace(_host=host, _task=task, _result=result)


def printed(callback: Any) -> list[str]:
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
    assert lines[-3:] == ["refuse: 1", "", "kexec_disabled (web1): It is off. Switch it on."]


def test_undoing_does_not_hide_why(callback: Any) -> None:
    callback.v2_runner_on_failed(result_of("kho.kexec.kexec_image", {"code": "kexec_disabled"}))
    callback.v2_runner_on_ok(result_of("kho.kexec.kexec_image", {"changed": True}, state="unloaded"))
    assert printed(callback)[-1] == "kexec_disabled: 1"


def test_unreachable_hosts_are_counted(callback: Any) -> None:
    callback.v2_runner_on_unreachable(result_of("ansible.builtin.ping", {"unreachable": True}))
    assert printed(callback)[-1] == "unreachable: 1"


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
    jumped(callback)
    callback.v2_runner_on_failed(result_of("ansible.builtin.uri", {"msg": "500"}))
    callback.v2_runner_on_unreachable(result_of("kho.kexec.kexec_image", {}, release="previous"))
    assert printed(callback)[-1] == "unhealthy, rollback: unreachable: 1"


def test_a_mistake_becomes_a_warning(callback: Any) -> None:
    callback.v2_runner_on_ok(None)
    callback._display.warning.assert_called_once()


@pytest.mark.parametrize(
    ("tty", "encoding", "expected"), [(True, "UTF-8", True), (False, "utf-8", False), (True, "ascii", False)]
)
def test_ascii_unless_a_terminal_shows_more(tty: bool, encoding: str, expected: bool) -> None:
    assert rollout.speaks_unicode(SimpleNamespace(isatty=lambda: tty, encoding=encoding)) is expected
