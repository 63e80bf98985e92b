# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts, waited for in one process: real sockets of this machine, that come and go."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._jump import wait_many
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Port
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Seen
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_many import (
    Awaited,
    WaveWait,
    keep_looks,
    kept_looks,
)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAUSE_WHILE_SILENT", "PAUSE_WHILE_ANSWERED"):
        monkeypatch.setattr(wait_many, name, 0.02)


@contextmanager
def host(times: list[tuple[float, float]]) -> Iterator[int]:
    """A port with an SSH server during these times (s, from now); it is somebody else's meanwhile.

    Between two times it stays away until it was asked at least once: on a busy machine nobody may ask for long.
    """
    began, asked_in_vain = time.monotonic(), threading.Event()

    def is_there() -> bool:
        at = time.monotonic() - began
        number = next((number for number, (since, until) in enumerate(times) if since <= at < until), None)
        if number is not None and (number == 0 or asked_in_vain.is_set()):
            return True
        asked_in_vain.set()
        return False

    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection, suppress(ConnectionError):
                    if is_there():
                        connection.sendall(b"SSH-2.0-test\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


PATIENCE = 120.0
"""Seconds that nothing here takes when it ends for the reason that it should end for."""
FOR_EVER = 1e6
BACK = [(0.0, 0.1), (0.3, FOR_EVER)]
GONE = [(0.0, 0.1)]
STAYS = [(0.0, FOR_EVER)]


def wait_for(
    stack: ExitStack, times: dict[str, list[tuple[float, float]]], patience: float, guard: float | None
) -> WaveWait:
    now = time.monotonic()
    ports = {name: stack.enter_context(host(when)) for name, when in times.items()}
    awaited = [Awaited(name, Port("127.0.0.1", port, 0.5), now, now + patience, guard) for name, port in ports.items()]
    return WaveWait(awaited, print)


def test_all_that_come_back_are_waited_for_at_the_same_time() -> None:
    with ExitStack() as stack:
        wave_wait = wait_for(stack, {f"web{number}": BACK for number in range(30)}, PATIENCE, None)
        seen = wave_wait.wait()
    assert wave_wait.absent == []
    assert max(looks[0].at for looks in seen.values()) < min(looks[-1].at for looks in seen.values())
    for looks in seen.values():
        whats = [look.what for look in looks]
        assert whats[-2:] == [Seen.SILENT, Seen.ANSWER]
        assert [look.at for look in looks] == sorted(look.at for look in looks)


def test_host_that_does_not_come_back_is_named_when_its_time_is_over() -> None:
    with ExitStack() as stack:
        wave_wait = wait_for(stack, {"web1": BACK, "web2": GONE}, 1.0, None)
        wave_wait.wait()
    assert wave_wait.absent == ["web2"]


def test_host_that_is_never_away_is_left_to_who_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_many, "STAYS", 0.3)
    with ExitStack() as stack:
        wave_wait = wait_for(stack, {"web1": STAYS}, PATIENCE, None)
        began = time.monotonic()
        wave_wait.wait()
        assert time.monotonic() - began < PATIENCE
    assert (wave_wait.absent, wave_wait.unsure) == ([], ["web1"])


def test_guard_of_a_host_that_may_be_back_ends_the_wait_for_others() -> None:
    with ExitStack() as stack:
        began = time.monotonic()
        wave_wait = wait_for(stack, {"web1": STAYS, "web2": GONE}, PATIENCE, 2.0)
        wave_wait.wait()
        assert 0.5 <= time.monotonic() - began < PATIENCE
    assert (wave_wait.absent, wave_wait.unsure) == (["web2"], ["web1"])


def test_guards_of_those_that_are_back_end_the_wait_for_others() -> None:
    with ExitStack() as stack:
        began = time.monotonic()
        wave_wait = wait_for(stack, {"web1": BACK, "web2": GONE}, PATIENCE, 2.0)
        wave_wait.wait()
        assert 0.5 <= time.monotonic() - began < PATIENCE
    assert wave_wait.absent == ["web2"]


def test_who_watches_is_told_who_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_many, "SAY_EVERY", 0.1)
    said: list[str] = []
    now = time.monotonic()
    awaited = [Awaited(f"web{number}", Port("127.0.0.1", 1, 0.1), now, now + 0.5) for number in range(7)]
    WaveWait(awaited, said.append).wait()
    assert said[0] == "waiting for 7 of 7 hosts: web0 web1 web2 web3 web4 and 2 more"


def test_looks_are_handed_on_once_and_to_nobody_else(tmp_path: Path) -> None:
    seen = {"web1": [Look(1.5, Seen.SILENT), Look(2.5, Seen.ANSWER)], "web/../2": []}
    directory = tmp_path / "looks"
    keep_looks(directory, seen)
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert kept_looks(directory, "web1") == tuple(seen["web1"])
    assert kept_looks(directory, "web1") == ()
    assert kept_looks(directory, "web/../2") == ()
    assert kept_looks(tmp_path / "none", "web1") == ()
