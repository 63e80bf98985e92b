# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from unit.plugins.plugin_utils.scripted import NEW

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.session import Session
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import NoAnswer

USUAL = {"ssh_args": "-C -o ControlMaster=auto -o ControlPersist=60s", "timeout": 10, "reconnection_retries": 2}


class FakeConnection:
    """Holds options, and remembers under which of them it was reset."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = dict(USUAL)
        self.resets: list[str] = []

    def get_option(self, name: str) -> Any:
        return self.options[name]

    def set_option(self, name: str, value: Any) -> None:
        self.options[name] = value

    def reset(self) -> None:
        self.resets.append(self.options["ssh_args"])


class FakeAction:
    """Answers what the test says; exceptions are raised."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.set_aside = 0
        self.removed = 0

    def _give(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def run_command(self, command: str) -> Mapping[str, Any]:
        self.asked.append(command)
        answer: Mapping[str, Any] = self._give()
        return answer

    def run_module(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((name, arguments))
        answer: dict[str, Any] = self._give()
        return answer

    def set_remote_files_aside(self) -> None:
        self.set_aside += 1

    def remove_remote_files(self) -> None:
        self.removed += 1
        self._give()


def session_with(answer: Any) -> tuple[Session, FakeConnection, FakeAction]:
    connection, action = FakeConnection(), FakeAction(answer)
    return Session(connection, action, {"timeout": 60}), connection, action


def test_vanished_host_is_noticed_and_options_are_restored() -> None:
    session, connection, _action = session_with(None)
    with session.watchful():
        arguments = connection.options["ssh_args"]
        assert arguments.startswith("-o ServerAliveInterval=2 -o ServerAliveCountMax=5 "), "ssh takes the first value"
        assert arguments.endswith(USUAL["ssh_args"])
        assert connection.options["reconnection_retries"] == 0
        assert connection.resets == [arguments], "what was open before would hang"
    assert connection.options == USUAL


def test_questions_alone_share_no_connection_and_options_are_restored() -> None:
    session, connection, _action = session_with(None)
    with session.alone():
        assert connection.options["ssh_args"] == f"-o ControlMaster=no -o ControlPath=none {USUAL['ssh_args']}"
        assert connection.options["timeout"] == 3
        assert connection.resets == [USUAL["ssh_args"]], "reset needs the control path of the shared connection"
    assert connection.options == USUAL


def test_one_question_of_those_alone_is_put_over_the_shared_connection() -> None:
    session, connection, action = session_with({"rc": 0, "stdout": NEW})
    seen: list[str] = []
    answer = action.run_command

    def run_command(command: str) -> Mapping[str, Any]:
        seen.append(connection.options["ssh_args"])
        return answer(command)

    action.run_command = run_command  # type: ignore[method-assign]
    with session.watchful():
        shared = connection.options["ssh_args"]
        with session.alone():
            session.read_boot_id()
            alone = connection.options["ssh_args"]
            session.read_boot_id(keep=True)
            session.reset()
            assert connection.options["ssh_args"] == alone
    assert seen == [alone, shared]
    assert connection.resets == [shared, shared, shared], "reset needs the control path of the shared connection"


def test_options_are_restored_after_an_exception() -> None:
    session, connection, _action = session_with(None)
    with pytest.raises(RuntimeError), session.watchful(), session.alone():
        raise RuntimeError("anything")
    assert connection.options == USUAL


def test_time_out_grows_with_each_failure_up_to_the_usual_one() -> None:
    session, connection, _action = session_with(AnsibleConnectionFailure("no route"))
    with session.alone():
        for _attempt in range(20):
            with pytest.raises(NoAnswer, match="no route"):
                session.read_boot_id()
        assert connection.options["timeout"] == 10
    assert connection.options == USUAL


def test_boot_id_is_found_between_messages_to_all_users() -> None:
    broadcast = "\r\nBroadcast message from root@host:\r\n\r\nThe system will reboot now!\r\n"
    session, _connection, action = session_with({"rc": 0, "stdout": f"{broadcast}{NEW}\r\n"})
    assert session.read_boot_id() == NEW
    assert action.asked == ["cat /proc/sys/kernel/random/boot_id"]


@pytest.mark.parametrize("stdout", ["", "Broadcast message", NEW[:-1], "x" + NEW, "\x1b[31m" * 200])
def test_answer_without_a_boot_id_is_no_answer(stdout: str) -> None:
    session, _connection, _action = session_with({"rc": 0, "stdout": stdout})
    with pytest.raises(NoAnswer) as caught:
        session.read_boot_id()
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def call_leave(session: Session) -> Any:
    return session.leave()


def call_verify(session: Session) -> Any:
    return session.verify()


@pytest.mark.parametrize(("call", "phase"), [(call_leave, "leave"), (call_verify, "verify")])
def test_each_phase_runs_the_module_and_sets_its_files_aside(call: Callable[[Session], Any], phase: str) -> None:
    session, _connection, action = session_with({"changed": True})
    assert call(session) == {"changed": True}
    assert action.asked == [("kho.kexec.kexec_reboot", {"phase": phase, "timeout": 60})]
    assert action.set_aside == 1


@pytest.mark.parametrize("call", [call_leave, call_verify])
def test_lost_connection_is_no_answer(call: Callable[[Session], Any]) -> None:
    session, _connection, action = session_with(AnsibleConnectionFailure("Timeout,\n server not responding."))
    with pytest.raises(NoAnswer, match=r"^Timeout, server not responding$"):
        call(session)
    assert action.set_aside == 1


def test_tidying_up_a_lost_host_is_no_failure() -> None:
    session, _connection, action = session_with(AnsibleConnectionFailure("gone"))
    session.tidy_up()
    assert action.removed == 1
