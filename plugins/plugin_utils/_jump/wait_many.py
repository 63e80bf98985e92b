# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for many hosts in one process, by the banners of their SSH ports.

It only tells when somebody answers again. Who that is, and whether the promise came true, is asked by the task that
follows, for each host; what was seen here is handed on to it, so it knows how long the host was away.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import resource
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.banner import asks_for_banner
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Port
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Seen
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import PAUSE_WHILE_ANSWERED, PAUSE_WHILE_SILENT

STAYS = 30.0
"""Seconds after which a host that was never seen to be away is not looked at any more: it was away before the first
look, or it is slow to stop its SSH server, and the task that follows waits for it."""
SHARE_OF_GUARD = 0.25
"""Of the time that a guard gives, how much passes at most from when the first host is back, or may have been, until the
wait for others ends: the guard counts since the kernel started, and who is back has to be asked before it fires."""
SAY_EVERY = 30.0
"""Seconds between two lines that say who is waited for."""
NAMED = 5
"""How many hosts such a line names."""
LOOKS_A_SECOND = 400
"""How many looks this process takes a second at most, so it keeps up with its own answers."""
SPARE_FILES = 64
"""Open files that are left to the rest of this process."""


@dataclass(frozen=True)
class Awaited:
    """A host that left at ``left_at`` and may come back until ``until`` (both in s of the monotonic clock).

    ``guarded_for`` are the seconds within which its new kernel must be proven, None without a guard.
    """

    name: str
    port: Port
    left_at: float
    until: float
    guarded_for: float | None = None


class WaveWait:
    """Waits for all hosts of one batch."""

    def __init__(self, awaited: Sequence[Awaited], say: Callable[[str], None]) -> None:
        """``say`` tells the operator that the wait goes on."""
        self._awaited = awaited
        self._say = say
        self._now = MonotonicClock().now
        self._absent = {one.name for one in awaited}
        self._seen: dict[str, list[Look]] = {one.name: [] for one in awaited}
        self._slowest = len(awaited) / LOOKS_A_SECOND
        self._over = math.inf

    @property
    def absent(self) -> list[str]:
        """Who did not answer at last, in the order of the batch."""
        unsure = set(self.unsure)
        return [name for name in self._not_back() if name not in unsure]

    @property
    def unsure(self) -> list[str]:
        """Who answered at every look: such a host is back, or has not gone yet."""
        return [
            name
            for name in self._not_back()
            if self._seen[name] and all(look.what is Seen.ANSWER for look in self._seen[name])
        ]

    def wait(self) -> Mapping[str, Sequence[Look]]:
        """Return when all are back or given up, or when a guard begins to press; what was seen of each."""
        asyncio.run(self._wait())
        return self._seen

    def _not_back(self) -> list[str]:
        return [one.name for one in self._awaited if one.name in self._absent]

    async def _wait(self) -> None:
        self._turn = asyncio.Semaphore(open_connections())
        talk = asyncio.create_task(self._talk())
        await asyncio.gather(*(self._watch(one) for one in self._awaited))
        talk.cancel()
        with suppress(asyncio.CancelledError):
            await talk

    async def _watch(self, one: Awaited) -> None:
        seen = self._seen[one.name]
        while self._now() < min(one.until, self._over):
            was_away = bool(seen) and seen[-1].what is Seen.SILENT
            look = await self._look(one.port)
            seen.append(look)
            if look.what is Seen.ANSWER and self._is_done_with(one, was_away):
                return
            pause = PAUSE_WHILE_SILENT if look.what is Seen.SILENT else PAUSE_WHILE_ANSWERED
            await asyncio.sleep(max(pause, self._slowest))

    def _is_done_with(self, one: Awaited, was_away: bool) -> bool:
        """Whether a host that answers is not looked at any more; its guard may end the wait for all."""
        now = self._now()
        share = math.inf if one.guarded_for is None else one.guarded_for * SHARE_OF_GUARD
        if was_away:
            self._absent.discard(one.name)
            self._over = min(self._over, now + share)
            return True
        stays = now - one.left_at
        if stays > share:
            self._over = now
        return stays > STAYS

    async def _look(self, port: Port) -> Look:
        async with self._turn:
            began = self._now()
            answered = await asks_for_banner(port.address, port.port, port.connect_timeout)
        return Look(self._now(), Seen.ANSWER) if answered else Look(began, Seen.SILENT)

    async def _talk(self) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY)
            absent = self._not_back()
            if absent:
                names = listed(absent, NAMED, " ")
                self._say(f"waiting for {len(absent)} of {counted(len(self._awaited), 'host')}: {names}")


def open_connections() -> int:
    """Return how many connections may be open at once: what this process may open, but for some."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(16, min(1024, allowed - SPARE_FILES))


def looks_directory(local_tmp: str) -> Path:
    """Return where what was seen is kept: in Ansible's ``DEFAULT_LOCAL_TMP``, which is one run's, and ends with it."""
    return Path(local_tmp) / "kho_kexec_looks"


def keep_looks(directory: Path, seen: Mapping[str, Sequence[Look]]) -> None:
    """Write what was seen of each host for the tasks that follow, which run in other processes."""
    directory.mkdir(mode=0o700, exist_ok=True)
    for host, looks in seen.items():
        rows = [[look.at, look.what.value] for look in looks]
        _path(directory, host).write_text(json.dumps(rows), encoding="ascii")


def kept_looks(directory: Path, host: str) -> tuple[Look, ...]:
    """Return what was seen of a host, once; nothing when nobody looked."""
    path = _path(directory, host)
    try:
        rows = json.loads(path.read_text(encoding="ascii"))
        path.unlink()
    except (OSError, ValueError):
        return ()
    return tuple(Look(at, Seen(what)) for at, what in rows)


def _path(directory: Path, host: str) -> Path:
    return directory / f"{hashlib.sha256(host.encode()).hexdigest()[:32]}.json"
