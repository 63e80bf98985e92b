# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the FleetLock protocol: a budget of reboots that is shared with whatever else reboots hosts.

The protocol (coreos.github.io/zincati/development/fleetlock/protocol) knows two requests for one holder each, and both
may be repeated. Hosts that go together take their slots together: one that kept some while it waits for the others
could wait for somebody who does the same.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline

LOCK, UNLOCK = "v1/pre-reboot", "v1/steady-state"
HEADERS = {"fleet-lock-protocol": "true", "Content-Type": "application/json"}
GROUP = re.compile(r"[a-zA-Z0-9.-]+")
ANSWER_LIMIT = 64 << 10
"""Bytes of an answer that are read."""
_SAID_LIMIT = 300
_NAMES_SHOWN = 10


class FleetLockError(KhoError):
    """The slots were not taken, or not all were given back."""


@dataclass(frozen=True)
class Answer:
    """What the server said: the status of HTTP, or None when there was no answer, and the text."""

    status: int | None
    text: str

    @property
    def agrees(self) -> bool:
        """Whether the server did what it was asked for."""
        return self.status == 200

    def __str__(self) -> str:
        """What it said, for people; the protocol gives errors a kind and a value."""
        if self.status is None:
            return f"no answer: {printable(self.text, _SAID_LIMIT)}"
        try:
            told = json.loads(self.text)
            said = f"{told['kind']}: {told['value']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            said = " ".join(self.text.split())
        return f"status {self.status}, {printable(said, _SAID_LIMIT)}"


class Server(Protocol):
    """One FleetLock server."""

    def post(self, path: str, body: bytes) -> Answer:
        """Post to ``path`` below the server's base URL, with the protocol's headers."""


class FleetLock:
    """The slots of one group."""

    def __init__(
        self, server: Server, group: str, deadline: Deadline, interval: float, say: Callable[[str], None]
    ) -> None:
        """Ask about each ``interval`` seconds until the deadline; ``say`` is told why hosts wait, when that changes.

        Raises FleetLockError ``fleet_lock_group_invalid``.
        """
        if not GROUP.fullmatch(group):
            raise FleetLockError(
                "fleet_lock_group_invalid",
                f"The FleetLock server has no group {group!r}: such names are of letters, digits, dots and hyphens. "
                "The server would refuse it. Name the group as it is configured there.",
            )
        self._server = server
        self._group = group
        self._deadline = deadline
        self._interval = interval
        self._say = say
        self._said = ""

    def lock(self, holders: Sequence[str]) -> None:
        """Take a slot for each, all or none. Raises FleetLockError ``fleet_lock_refused``."""
        while (refused := self._try_all(holders)) is not None:
            self._tell(refused)
            if self._deadline.expired():
                raise FleetLockError("fleet_lock_refused", _refused(holders, refused))
            # Two waves that ask at the same time would take from each other forever.
            self._deadline.sleep(self._interval * random.uniform(0.5, 1.5))

    def unlock(self, holders: Sequence[str]) -> None:
        """Give back the slot of each, also of one that holds none. Raises FleetLockError ``fleet_lock_kept``."""
        kept = self._give_back(holders)
        while kept:
            said = str(next(iter(kept.values())))
            if self._deadline.expired():
                raise FleetLockError("fleet_lock_kept", _kept(list(kept), said))
            self._tell(said)
            self._deadline.sleep(self._interval)
            kept = self._give_back(list(kept))

    def _try_all(self, holders: Sequence[str]) -> str | None:
        """Take a slot for each; returns why one was not given, when all that were taken are given back."""
        for number, holder in enumerate(holders):
            answer = self._answer(LOCK, holder)
            if not answer.agrees:
                # The last one too: its answer may have been lost, and not the slot.
                kept = self._give_back(holders[: number + 1])
                also = f"; slots may be kept by {_named(list(kept))}" if kept else ""
                return f"{answer}; {number} of {len(holders)} could be had{also}"
        return None

    def _give_back(self, holders: Sequence[str]) -> dict[str, Answer]:
        """Give the slots back; returns those that the server did not take, with what it said."""
        kept: dict[str, Answer] = {}
        for holder in holders:
            last = next(reversed(kept.values()), None)
            # A server that says nothing, after all the time that there was, is not asked for each of them.
            is_hopeless = last is not None and last.status is None and self._deadline.expired()
            answer = last if is_hopeless and last is not None else self._answer(UNLOCK, holder)
            if not answer.agrees:
                kept[holder] = answer
        return kept

    def _answer(self, path: str, holder: str) -> Answer:
        """Ask until there is an answer, or the time is over: what was lost may be asked again."""
        body = json.dumps({"client_params": {"id": holder, "group": self._group}}).encode()
        answer = self._server.post(path, body)
        while answer.status is None and not self._deadline.expired():
            self._tell(str(answer))
            self._deadline.sleep(self._interval)
            answer = self._server.post(path, body)
        return answer

    def _tell(self, why: str) -> None:
        if why != self._said:
            self._say(f"waits for the FleetLock server, group {self._group} ({why})")
            self._said = why


def _refused(holders: Sequence[str], said: str) -> str:
    return (
        f"The FleetLock server did not give {counted(len(holders), 'slot')} ({_named(holders)}) in time. It said last: "
        f"{said}. Hosts of a wave go together, and need all their slots together; without them, more hosts could be "
        "away at once than is allowed. No host was touched. Find out who holds the slots, make waves no larger "
        "than the budget, or wait longer, and run the same again."
    )


def _kept(holders: Sequence[str], said: str) -> str:
    return (
        f"The FleetLock server did not take back the slots of {_named(holders)}. It said last: {said}. Until it does, "
        "others wait for these slots. Run this again when the server answers, or release them there."
    )


def _named(holders: Sequence[str]) -> str:
    return listed([printable(holder) for holder in holders], _NAMES_SHOWN, " ")
