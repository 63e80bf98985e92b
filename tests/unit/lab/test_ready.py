# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a guest counts as up: not by a connection, not by an empty answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import ready
from lab.errors import LabError
from lab.inventory import Access
from lab.layout import RunFolder
from lab.state import GuestPlan, RunPlan, planned, write_state


@contextmanager
def server(greeting: bytes) -> Iterator[int]:
    """A server that sends its greeting to one client and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.sendall(greeting)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(("greeting", "expected"), [(b"SSH-2.0-OpenSSH\r\n", True), (b"", False), (b"HTTP/1.1", False)])
def test_only_a_banner_counts(greeting: bytes, expected: bool) -> None:
    with server(greeting) as port:
        assert ready.has_ssh_banner(port) is expected


def test_a_port_where_nobody_listens_has_no_banner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not ready.has_ssh_banner(port)


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Access:
    """Access by a program called ssh that does what the test writes into it."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Access(tmp_path / "key", tmp_path / "known_hosts")


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ('shift $(($# - 2)); "$@"', None),
        ("true", "ssh ended with status 0 and the output ''"),
        ("echo 0123456789abcdef", "and the output '0123456789abcdef"),
        ("echo Connection refused >&2; exit 255", "Connection refused"),
        ("exit 255", "ssh ended with status 255"),
    ],
)
def test_only_the_word_that_was_asked_for_counts(access: Access, script: str, failure: str | None) -> None:
    (access.key.parent / "bin" / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    found = ready.command_failure(access, 22)
    assert (found is None) == (failure is None)
    assert (failure or "") in (found or "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = RunFolder.of("default")
    folder.clear()
    return folder


PLAN = RunPlan("default", "TCG", "http://127.0.0.1:1/", [GuestPlan("web1", "plain", "/state/web1", [])])


def test_waiting_has_an_end(folder: RunFolder) -> None:
    write_state(folder.state, planned(PLAN, 1))
    folder.log.write_text("the supervisor's words\n")
    with ready.patience(0.3) as patient, pytest.raises(LabError, match="the supervisor's words"):
        ready.wait_for_ports(folder, patient)


def test_a_run_that_ended_is_not_waited_for(folder: RunFolder) -> None:
    state = planned(PLAN, 1)
    state.phase, state.ended_because = "ended", "SIGTERM came"
    write_state(folder.state, state)
    with ready.patience(60) as patient, pytest.raises(LabError, match="ended while its guests booted: SIGTERM came"):
        ready.wait_for_ports(folder, patient)


def test_a_guest_that_ended_is_not_waited_for(folder: RunFolder, access: Access) -> None:
    state = planned(PLAN, 1)
    state.guests["web1"].status, state.guests["web1"].problem = "ended", "QEMU ended with status 1"
    state.guests["web1"].ssh_port = 1
    write_state(folder.state, state)
    with ready.patience(60) as patient, pytest.raises(LabError, match="guest web1 ended: QEMU ended with status 1"):
        ready.wait_for_ssh(folder, state, access, patient)


def test_a_boot_that_does_not_come_is_waited_for_as_long_as_patience_lasts(folder: RunFolder, access: Access) -> None:
    write_state(folder.state, planned(PLAN, 1))
    with ready.patience(0.01) as patient, pytest.raises(LabError, match="web1 did not get to boot 1 in time"):
        ready.wait_for_boot(folder, "web1", 1, access, patient)


def test_another_boot_of_a_guest_that_ended_is_not_waited_for(folder: RunFolder, access: Access) -> None:
    state = planned(PLAN, 1)
    state.guests["web1"].status, state.guests["web1"].problem = "ended", "QEMU ended with status 1"
    write_state(folder.state, state)
    with ready.patience(60) as patient, pytest.raises(LabError, match="guest web1 ended"):
        ready.wait_for_boot(folder, "web1", 1, access, patient)
