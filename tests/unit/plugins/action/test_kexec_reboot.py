# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.kho.kexec.plugins.action import kexec_reboot
from ansible_collections.kho.kexec.plugins.module_utils._options.jump import shutdown_seconds
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.banner import BannerProbe
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, Port
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import run_of
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.route import Route
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.through import ThroughProbe


def plugin_for(transport: str = "ssh", check_mode: bool = False, **arguments: Any) -> Any:
    """Return the plugin of a task with ``arguments`` over a connection that must not be used."""
    task = MagicMock(args=arguments, check_mode=check_mode, async_val=0, diff=False)
    connection = MagicMock(transport=transport)
    connection._shell.tmpdir = None
    connection.get_option.return_value = 10
    loader: Any = MagicMock()
    plugin = kexec_reboot.ActionModule(task, connection, MagicMock(), loader, MagicMock(), MagicMock())
    plugin._load_name = "kho.kexec.kexec_reboot"
    return plugin


@pytest.mark.parametrize(
    ("transport", "timeout", "code"),
    [
        ("local", 600, "connection_local"),
        ("paramiko", 600, "connection_unsupported"),
        ("ssh", 0, "timeout_invalid"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_refusals(transport: str, timeout: int, code: str, check_mode: bool) -> None:
    plugin = plugin_for(transport, check_mode, timeout=timeout)
    result = plugin.run(task_vars={})
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["code"] == code
    plugin._connection.exec_command.assert_not_called()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"health_ignore": ["disk_lots"]}, "trouble_unknown"),
        ({"health_commands": [["curl --fail"]]}, "command_invalid"),
        ({"health_command_timeout": 0}, "time_invalid"),
    ],
)
def test_health_that_cannot_be_meant_is_refused_before_the_jump(arguments: dict[str, Any], code: str) -> None:
    plugin = plugin_for(**arguments)
    result = plugin.run(task_vars={})
    assert (result["failed"], result["code"], result["rebooted"]) == (True, code, False)
    plugin._connection.exec_command.assert_not_called()
    plugin._connection.reset.assert_not_called()


def test_times_are_not_negative() -> None:
    result = plugin_for(rollback_timeout=-1).run(task_vars={})
    assert result["code"] == "timeout_invalid"
    assert "rollback_timeout" in result["msg"]


@pytest.mark.parametrize(
    ("timeout", "shutdown_timeout", "refused"),
    [(60, 110, True), (139, 110, True), (140, 110, False), (60, 0, False), (20, -1, False), (600, -2, True)],
)
def test_a_host_is_not_made_to_leave_after_it_was_given_up(timeout: int, shutdown_timeout: int, refused: bool) -> None:
    plugin = plugin_for(check_mode=True, timeout=timeout, shutdown_timeout=shutdown_timeout)
    result = plugin.run(task_vars={})
    assert (result.get("code") == "timeout_invalid", result.get("failed", False)) == (refused, refused)


@pytest.mark.parametrize(("timeout", "seconds"), [(600, 180), (180, 120), (100, 40), (20, 15)])
def test_the_time_for_stopping_services_follows_from_the_time_for_all(timeout: int, seconds: int) -> None:
    assert shutdown_seconds(timeout, -1) == seconds
    assert shutdown_seconds(timeout, 7) == 7


def test_check_mode_says_what_it_would_do_and_asks_nobody() -> None:
    plugin = plugin_for(check_mode=True, timeout=77)
    result = plugin.run(task_vars={})
    assert result["changed"] is True
    assert result["rebooted"] is False
    assert "failed" not in result
    assert "77 s" in result["msg"]
    plugin._connection.exec_command.assert_not_called()


def test_in_check_mode_nobody_has_left() -> None:
    assert plugin_for(check_mode=True, wait=False).run(task_vars={})["left"] == {}
    assert "left" not in plugin_for(check_mode=True, left={}).run(task_vars={})


def test_a_task_cannot_ask_for_half_a_jump() -> None:
    result = plugin_for(phase="leave").run(task_vars={})
    assert result["failed"] is True
    assert result["code"] == "phase_set"


@pytest.mark.parametrize("arguments", [{"phase": "other"}, {"timeout": "soon"}, {"time_out": 3}])
def test_arguments_are_validated(arguments: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail):
        plugin_for(**arguments).run(task_vars={})


def test_lost_connection_anywhere_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_arguments: object) -> None:
        raise AnsibleConnectionFailure("\x1b[31mgone")

    monkeypatch.setattr(kexec_reboot, "choose_route", lost)
    result = plugin_for().run(task_vars={})
    assert result["failed"] is True
    assert result["code"] == "unreachable"
    assert result["msg"] == "The host was lost: ?[31mgone (docs/reference/codes.md#unreachable)"
    assert "unreachable" not in result


def test_what_no_task_has_returned_cannot_be_followed() -> None:
    plugin = plugin_for(left={"boot_id": "x"})
    result = plugin.run(task_vars={})
    assert (result["failed"], result["code"]) == (True, "left_invalid")
    assert "at is missing" in result["msg"]
    plugin._connection.exec_command.assert_not_called()


@pytest.mark.parametrize("left", [None, Departure("0a0a", 0.0, False, None, None, None, "x", through=True).as_dict()])
def test_looks_through_a_jump_host_end_with_the_task(monkeypatch: pytest.MonkeyPatch, left: Any) -> None:
    probe = ThroughProbe(["cat"])
    ended = MagicMock()
    monkeypatch.setattr(probe, "close", ended)
    monkeypatch.setattr(kexec_reboot, "choose_route", lambda *_: (probe, "x"))
    monkeypatch.setattr(kexec_reboot, "probe_again", lambda *_: probe)
    plugin = plugin_for(timeout=1, shutdown_timeout=0, **({"left": left} if left else {}))
    plugin._low_level_execute_command = MagicMock(side_effect=AnsibleConnectionFailure("no route to host"))
    assert plugin.run(task_vars={})["verdict"]["verdict"] == "unreachable"
    assert ended.called


def test_host_that_cannot_be_reached_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kexec_reboot, "choose_route", lambda *_: (None, "no way"))
    plugin = plugin_for()
    plugin._low_level_execute_command = MagicMock(side_effect=AnsibleConnectionFailure("no route to host"))
    result = plugin.run(task_vars={})
    assert result["failed"] is True
    assert result["verdict"]["verdict"] == "unreachable"
    assert result["elapsed_seconds"] >= 0
    plugin._low_level_execute_command.assert_called_once_with("cat /proc/sys/kernel/random/boot_id", sudoable=False)


class TestChooseRoute:
    def test_jump_host_is_not_asked_directly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kexec_reboot, "find_route", lambda *_: Route("a", 22, "a reason"))
        assert kexec_reboot.choose_route(MagicMock(), "a") == (None, "a reason")

    @pytest.mark.parametrize("answers", [True, False])
    def test_port_is_tried_through_the_jump_host(self, monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
        probe: Any = SimpleNamespace(calibrate=lambda: answers)
        monkeypatch.setattr(kexec_reboot, "find_route", lambda *_: Route("a", 22, "a reason", "gate"))
        monkeypatch.setattr(kexec_reboot, "ThroughProbe", lambda argv: probe if argv[-1] == "gate" else None)
        assert kexec_reboot.choose_route({}.get, "a") == (probe if answers else None, "a reason")

    @pytest.mark.parametrize(("jump", "through"), [("gate", True), ("gate", False), ("", True)])
    def test_port_is_asked_again_as_it_was_before_the_jump(
        self, monkeypatch: pytest.MonkeyPatch, jump: str, through: bool
    ) -> None:
        monkeypatch.setattr(kexec_reboot, "find_route", lambda *_: Route("a", 22, "a reason", jump))
        left = Departure("0a0a", 10.0, False, None, None, None, "a reason", through=through)
        probe = kexec_reboot.probe_again({}.get, "a", left)
        assert isinstance(probe, ThroughProbe) == (bool(jump) and through)
        direct = Departure("0a0a", 10.0, False, None, None, Port("192.0.2.1", 22, 0.5), None)
        assert isinstance(kexec_reboot.probe_again({}.get, "a", direct), BannerProbe)

    @pytest.mark.parametrize("answers", [True, False])
    def test_port_is_tried_while_the_host_is_up(self, monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
        probe: Any = SimpleNamespace(calibrate=lambda: answers)
        monkeypatch.setattr(kexec_reboot, "find_route", lambda *_: Route("a", 2222))
        monkeypatch.setattr(kexec_reboot, "BannerProbe", lambda *_: probe)
        banner, detour = kexec_reboot.choose_route(MagicMock(), "a")
        assert banner is (probe if answers else None)
        assert detour == (None if answers else "no SSH server answered directly at port 2222 before the jump")


class TestRemoteFiles:
    """Directories that modules were copied to, on a host that may lose them in the jump."""

    def test_each_module_gets_a_new_directory_and_all_are_removed(self) -> None:
        plugin = MagicMock()
        action = kexec_reboot._Action(plugin, {})
        for directory in ("/tmp/a", None, "/tmp/b"):
            plugin._connection._shell.tmpdir = directory
            action.set_remote_files_aside()
            assert plugin._connection._shell.tmpdir is None
        action.remove_remote_files()
        assert [call.args for call in plugin._remove_tmp_path.call_args_list] == [("/tmp/a",), ("/tmp/b",)]

    def test_module_runs_as_part_of_the_task(self) -> None:
        plugin = MagicMock()
        plugin.ask.return_value = {"changed": True}
        kexec_reboot._Action(plugin, {"inventory_hostname": "a"}).run_module("kho.kexec.kexec_reboot", {"phase": "x"})
        given = plugin.ask.call_args.kwargs
        assert plugin.ask.call_args.args == ("kho.kexec.kexec_reboot", {"inventory_hostname": "a"})
        assert given["module_args"]["phase"] == "x"
        assert given["module_args"]["run_identity"]["over"] == []

    def test_claims_of_runs_that_have_died_are_taken_over(self) -> None:
        gone = [f"{run_of(os.getpid()).machine} {2**22 + number} 1" for number in (1, 2)]
        plugin = MagicMock()
        refused = [{"code": "host_claimed", "claim": {"run": run}} for run in gone]
        plugin.ask.side_effect = [*refused, {"changed": True}]
        assert kexec_reboot._Action(plugin, {}).run_module("kho.kexec.kexec_reboot", {}) == {"changed": True}
        assert plugin.ask.call_args.kwargs["module_args"]["run_identity"]["over"] == gone

    def test_claim_of_a_run_that_lives_is_respected(self) -> None:
        plugin = MagicMock()
        plugin.ask.return_value = {"code": "host_claimed", "claim": {"run": str(run_of(os.getpid()))}}
        assert kexec_reboot._Action(plugin, {}).run_module("kho.kexec.kexec_reboot", {})["code"] == "host_claimed"
        assert plugin.ask.call_count == 1
