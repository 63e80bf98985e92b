# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slots of a server that runs: lost answers, restarts, refusals, two clients with one budget."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.action.fleet_lock import HttpServer
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.fleet_lock import FleetLock, FleetLockError

SERVER = Path(__file__).parent / "server.py"
SOON = 0.02  # seconds


@contextmanager
def serving(folder: Path, slots: int, *arguments: str) -> Iterator[int]:
    """A server; its port."""
    argv = [sys.executable, str(SERVER), str(folder), "--slots", str(slots), *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def client(port: int, seconds: float = 30, said: list[str] | None = None, group: str = "web") -> FleetLock:
    server = HttpServer(f"http://127.0.0.1:{port}/", True, None, Deadline(MonotonicClock(), 10))
    deadline = Deadline(MonotonicClock(), seconds)
    return FleetLock(server, group, deadline, SOON, [].append if said is None else said.append)


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def held(folder: Path) -> list[str]:
    return list(log(folder)[-1]["held"])


def test_slots_are_taken_together_and_given_back(tmp_path: Path) -> None:
    with serving(tmp_path, 2) as port:
        client(port).lock(["web1", "web2"])
        assert held(tmp_path) == ["web1", "web2"]
        client(port).lock(["web1", "web2"])
        client(port).unlock(["web1", "web2", "web3"])
    assert held(tmp_path) == []


def test_run_that_gets_too_few_keeps_none_and_says_why(tmp_path: Path) -> None:
    said: list[str] = []
    with serving(tmp_path, 2) as port:
        client(port).lock(["db1"])
        with pytest.raises(FleetLockError, match=r"web1 web2.*failed_lock: all slots are taken; 1 of 2") as caught:
            client(port, 0.2, said).lock(["web1", "web2"])
    assert caught.value.code == "fleet_lock_refused"
    assert held(tmp_path) == ["db1"]
    assert len(said) == 1, "the same reason is told once"


def test_lost_answers_change_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, 2, "--lose", "3") as port:
        for _round in range(5):
            client(port).lock(["web1", "web2"])
            assert held(tmp_path) == ["web1", "web2"]
            client(port).unlock(["web1", "web2"])
            assert held(tmp_path) == []


def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    with serving(tmp_path, 1) as port:
        client(port).lock(["web1"])
    waiting = threading.Thread(target=client(port, 30, said).unlock, args=(["web1"],))
    waiting.start()
    with pytest.raises(FleetLockError, match="no answer") as caught:
        client(port, 0.1).unlock(["web1"])
    assert caught.value.code == "fleet_lock_kept"
    with serving(tmp_path, 1, "--port", str(port)):
        waiting.join(30)
        assert not waiting.is_alive()
    assert held(tmp_path) == []
    assert len(said) == 1


def test_two_waves_with_one_budget_never_exceed_it(tmp_path: Path) -> None:
    with serving(tmp_path, 3) as port:

        def go(wave: list[str]) -> None:
            for _round in range(10):
                client(port).lock(wave)
                client(port).unlock(wave)

        waves = [threading.Thread(target=go, args=([f"{name}{number}" for number in (1, 2)],)) for name in ("a", "b")]
        for wave in waves:
            wave.start()
        for wave in waves:
            wave.join(60)
    lines = log(tmp_path)
    whole = [wave for wave in ("a", "b") for line in lines if {f"{wave}1", f"{wave}2"} <= set(line["held"])]
    assert {"a", "b"} == set(whole)
    for line in lines:
        assert len(line["held"]) <= 3
        assert not {"a1", "a2", "b1", "b2"} <= set(line["held"])
    assert held(tmp_path) == []


def test_what_cannot_be_asked() -> None:
    for url in ("", "fleetlock.example.com", "ftp://fleetlock.example.com", "http://[", "https:///v1"):
        with pytest.raises(FleetLockError) as caught:
            HttpServer(url, True, None, Deadline(MonotonicClock(), 10))
        assert caught.value.code == "fleet_lock_url_invalid"
    for group in ("", "all hosts", "a/b", "web\n"):
        with pytest.raises(FleetLockError) as caught:
            client(1, group=group)
        assert caught.value.code == "fleet_lock_group_invalid"


def test_what_the_server_says_is_printable_and_short() -> None:
    class Rude(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(500)
            self.end_headers()
            self.wfile.write(b"\x1b[2J{{ 1 }}\n" + b"x" * 200_000)

    with HTTPServer(("127.0.0.1", 0), Rude) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(FleetLockError, match="status 500") as caught:
            client(server.server_port, 0.1).lock(["web1"])
        server.shutdown()
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 1000
