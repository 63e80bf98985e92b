# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that only moves when somebody sleeps or looks, and a host that lives by a timetable of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import NoAnswer

OLD = "0a0a0a0a-0000-4000-8000-000000000001"
NEW = "0b0b0b0b-0000-4000-8000-000000000002"
PROMISE = {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1}


class ScriptedClock:
    """Time that passes only on request."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds


class ScriptedHost:
    """Plays a timetable ``[(from second, state), …]`` with the states

    ``old``, ``new``: that boot answers; ``gone``: silence; ``starting``: an SSH server that lets nobody in;
    ``foreign``: another service has the port.
    """

    def __init__(self, clock: ScriptedClock, timetable: Sequence[tuple[float, str]]) -> None:
        self.clock = clock
        self.began = clock.now()
        self.timetable = timetable
        self.calls: list[str] = []
        self.leaves: list[dict[str, Any] | Exception] = [
            {"boot_id": OLD, "promise": PROMISE, "already_left": False, "triggered": True}
        ]
        self.arrives: list[dict[str, Any] | Exception] = []

    def state(self) -> str:
        elapsed = self.clock.now() - self.began
        return [state for since, state in self.timetable if since <= elapsed][-1]

    def banner(self) -> bool:
        self.clock.time += 0.5 if self.state() == "gone" else 0.01
        return self.state() in ("old", "new", "starting")

    @contextmanager
    def watchful(self) -> Iterator[None]:
        self.calls.append("watchful")
        try:
            yield
        finally:
            self.calls.append("as before")

    @contextmanager
    def alone(self) -> Iterator[None]:
        self.calls.append("alone")
        try:
            yield
        finally:
            self.calls.append("together")

    def reset(self) -> None:
        self.calls.append("reset")

    def tidy_up(self) -> None:
        self.calls.append("tidy_up")

    def read_boot_id(self, keep: bool = False) -> str:
        self.calls.append("read_boot_id and keep the connection" if keep else "read_boot_id")
        if self.state() not in ("old", "new"):
            self.clock.time += 3
            raise NoAnswer("Connection timed out")
        self.clock.time += 0.2
        return {"old": OLD, "new": NEW}[self.state()]

    def leave(self, again: bool = False) -> dict[str, Any]:
        self.calls.append("leave again" if again else "leave")
        return self._next(self.leaves)

    def verify(self) -> dict[str, Any]:
        self.calls.append("verify")
        if self.arrives:
            return self._next(self.arrives)
        if self.state() not in ("old", "new"):
            raise NoAnswer("Connection refused")
        return judged({"old": "not_rebooted", "new": "handover_verified"}[self.state()])

    def _next(self, answers: list[dict[str, Any] | Exception]) -> dict[str, Any]:
        answer = answers.pop(0)
        self.clock.time += 0.5
        if isinstance(answer, Exception):
            raise answer
        return answer


def judged(word: str, accepted: bool | None = None) -> dict[str, Any]:
    """Return a module's result with the verdict ``word``."""
    found = OLD if word == "not_rebooted" else NEW
    return {
        "changed": True,
        "_ansible_parsed": True,
        "verdict": {
            "verdict": word,
            "accepted": word == "handover_verified" if accepted is None else accepted,
            "reason": None,
            "message": f"It is {word}.",
            "promised": PROMISE,
            "reported": PROMISE,
            "evidence": {"boot_id_left": OLD, "boot_id_found": found, "source": "debugfs", "notes": []},
        },
    }
