# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server and its address can do: they take no more time than they were given, and no secret is repeated."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from ansible_collections.kho.kexec.plugins.action.fleet_lock import HttpServer, secrets_of
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.fleet_lock import FleetLock, FleetLockError

PASSWORD = "S3cretPw"


@contextmanager
def dripping(first: bytes) -> Iterator[int]:
    """Have a server that says ``first``, and then a byte each tenth of a second, for as long as anybody listens."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(first)
            while not over.wait(0.1):
                connection.sendall(b"x")

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        over.set()


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX-"]
)
def test_answers_that_drip_take_no_longer_than_was_given(first: bytes) -> None:
    began = time.monotonic()
    with dripping(first) as port:
        deadline = Deadline(MonotonicClock(), 1.5)
        server = HttpServer(f"http://127.0.0.1:{port}", True, None, deadline)
        with pytest.raises(FleetLockError, match="no complete answer"):
            FleetLock(server, "default", deadline, 0.1, lambda _text: None).lock(
                [f"web{number}" for number in range(50)]
            )
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{PASSWORD}/x@lock.example",
        f"https://user:{PASSWORD}@x@lock.example",
        f"https://user:x@{PASSWORD}/@lock.example",
        f"ftp://user:{PASSWORD}@lock.example",
        f"https://user:{PASSWORD}@lock.example:{PASSWORD}",
        f"https://user:{PASSWORD}@[lock.example",
    ],
)
def test_no_address_is_repeated(url: str) -> None:
    with pytest.raises(FleetLockError) as caught:
        HttpServer(url, True, None, Deadline(MonotonicClock(), 1))
    assert caught.value.code == "fleet_lock_url_invalid"
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("password", [PASSWORD, "S3cretPw%2Fx", "%53%33cretPw"])
def test_what_went_wrong_is_said_without_the_password(password: str) -> None:
    url = f"http://user:{password}@127.0.0.1:1"
    answer = HttpServer(url, True, None, Deadline(MonotonicClock(), 1)).post("v1/pre-reboot", b"{}")
    assert answer.status is None
    assert "refused" in answer.text
    assert PASSWORD not in answer.text
    assert secrets_of(url)[0] == f"user:{password}"


@pytest.mark.parametrize(
    "url", [f"postgresql://user:x@{PASSWORD}@db.example/ledger", f"postgresql://user:x@y/{PASSWORD}@db.example/ledger"]
)
def test_no_address_of_a_ledger_is_repeated(url: str) -> None:
    with pytest.raises(LedgerError) as caught:
        place_of(url)
    assert PASSWORD not in str(caught.value)
