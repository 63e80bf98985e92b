# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against real sockets of this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._jump import banner
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.banner import BannerProbe, asks_for_banner, speaks_ssh


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"SSH-2.0-OpenSSH_10.0\r\n", True),
        (b"Welcome\r\nto this host\r\nSSH-2.0-x\r\n", True),
        (b"220 mail ESMTP\r\n", False),
        (b"Exceeded MaxStartups\r\n", False),
        (b"not SSH-2.0\r\n", False),
        (b"", False),
    ],
)
def test_only_an_ssh_banner_counts(received: bytes, expected: bool) -> None:
    assert speaks_ssh(received) is expected


@contextmanager
def server(*says: bytes) -> Iterator[int]:
    """Accept connections, say something in pieces, keep quiet until the client leaves; yield the port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection, suppress(ConnectionError):
                    for piece in says:
                        connection.sendall(piece)
                    if says != (b"",):
                        connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_ssh_server_answers() -> None:
    with server(b"hello\r\nSS", b"H-2.0-test\r\n") as port:
        probe = BannerProbe("localhost", port)
        assert probe.calibrate() is True
        assert probe() is True


def test_bare_accept_is_no_answer() -> None:
    with server(b"") as port:
        assert BannerProbe("127.0.0.1", port)() is False


def test_other_service_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "BANNER_TIMEOUT", 0.05)
    with server(b"220 mail ESMTP\r\n") as port:
        assert BannerProbe("127.0.0.1", port)() is False


def test_endless_talk_is_cut_off() -> None:
    with server(b"x" * 2 * banner.BANNER_LIMIT) as port:
        assert BannerProbe("127.0.0.1", port)() is False


def test_nobody_there() -> None:
    with server(b"") as port:
        pass
    assert BannerProbe("127.0.0.1", port).calibrate() is False
    assert BannerProbe("127.0.0.1", port)() is False


def test_unknown_name_is_no_answer() -> None:
    assert BannerProbe("host.invalid", 22).calibrate() is False


def test_probe_that_was_calibrated_before_asks_the_same_address() -> None:
    with server(b"SSH-2.0-test\r\n") as port:
        probe = BannerProbe("localhost", port)
        probe.calibrate()
        assert probe.port.port == port
        assert probe.port.address in ("127.0.0.1", "::1")
        assert BannerProbe.of(probe.port)() is True


def ask(port: int) -> bool:
    return asyncio.run(asks_for_banner("127.0.0.1", port, 1.0))


class TestOneOfMany:
    """The probe that lets others look meanwhile."""

    @pytest.mark.parametrize(
        ("says", "answers"),
        [
            ((b"hello\r\nSS", b"H-2.0-test\r\n"), True),
            ((b"",), False),
            ((b"220 mail ESMTP\r\n",), False),
            ((b"x" * 2 * banner.BANNER_LIMIT,), False),
        ],
    )
    def test_only_an_ssh_server_answers(
        self, monkeypatch: pytest.MonkeyPatch, says: tuple[bytes, ...], answers: bool
    ) -> None:
        monkeypatch.setattr(banner, "BANNER_TIMEOUT", 0.5)
        with server(*says) as port:
            assert ask(port) is answers

    def test_nobody_there(self) -> None:
        with server(b"") as port:
            pass
        assert ask(port) is False
