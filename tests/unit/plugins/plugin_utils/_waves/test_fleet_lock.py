# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from unit.plugins.plugin_utils.scripted import ScriptedClock

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.fleet_lock import LOCK, Answer, FleetLock, FleetLockError

WEB = ["web1", "web2", "web3"]


class Server:
    """A server with ``slots``; ``silent`` answers are lost."""

    def __init__(self, slots: int, silent: int = 0, keeps: bool = False) -> None:
        self.slots, self.silent, self.keeps = slots, silent, keeps
        self.held: set[str] = set()
        self.asked = 0

    def post(self, path: str, body: bytes) -> Answer:
        self.asked += 1
        holder = json.loads(body)["client_params"]["id"]
        if path == LOCK and (holder in self.held or len(self.held) < self.slots):
            self.held.add(holder)
        elif path == LOCK:
            return Answer(409, json.dumps({"kind": "failed_lock", "value": "semaphore full"}))
        elif self.keeps:
            return Answer(500, "<h1>Oh\nno</h1>")
        else:
            self.held.discard(holder)
        if self.silent > 0:
            self.silent -= 1
            return Answer(None, "timed out")
        return Answer(200, "")


def client(server: Server, seconds: float = 60, said: list[str] | None = None) -> FleetLock:
    tell = [].append if said is None else said.append
    return FleetLock(server, "web", Deadline(ScriptedClock(), seconds), 5, tell)


def test_slots_are_taken_and_given_back() -> None:
    server = Server(3)
    client(server).lock(WEB)
    assert server.held == set(WEB)
    client(server).unlock(WEB)
    assert server.held == set()


def test_all_slots_or_none() -> None:
    server, said = Server(2), []
    with pytest.raises(FleetLockError, match="semaphore full; 2 of 3 could be had") as caught:
        client(server, said=said).lock(WEB)
    assert (caught.value.code, server.held) == ("fleet_lock_refused", set())
    assert len(said) == 1, "it is told once why hosts wait"


def test_answers_that_were_lost_are_asked_for_again() -> None:
    server = Server(3, silent=2)
    client(server).lock(WEB)
    assert (server.held, server.asked) == (set(WEB), 5)


def test_slots_that_are_not_taken_back_are_named() -> None:
    server = Server(3, keeps=True)
    client(server).lock(WEB[:1])
    with pytest.raises(FleetLockError, match="slots of web1. It said last: status 500, <h1>Oh no") as caught:
        client(server).unlock(WEB[:1])
    assert caught.value.code == "fleet_lock_kept"


@pytest.mark.parametrize("group", ["", "a b", "x/y"])
def test_groups_that_the_protocol_does_not_know(group: str) -> None:
    with pytest.raises(FleetLockError, match="letters, digits") as caught:
        FleetLock(Server(1), group, Deadline(ScriptedClock(), 1), 1, print)
    assert caught.value.code == "fleet_lock_group_invalid"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(None, "refused\x1b"), "no answer: refused?"),
        (Answer(409, '{"kind": "k", "value": "v"}'), "status 409, k: v"),
        (Answer(409, "[1]"), "status 409, [1]"),
        (Answer(500, "a\n b"), "status 500, a b"),
    ],
)
def test_what_the_server_said(answer: Answer, says: str) -> None:
    assert (str(answer), answer.agrees) == (says, False)
