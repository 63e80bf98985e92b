# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's control sockets: connect, record events, ask."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shlex
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from qemu.qmp import ConnectError, EventListener, Message, QMPClient, QMPError, Runstate

from lab.errors import LabError
from lab.events import Event

# The library logs as an error what is caught here: that QEMU does not listen yet, or has ended.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)

_RETRY_EVERY = 0.1  # seconds
_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+22\s")


class EventRecorder(EventListener):
    """Appends every event of a guest to a file as it arrives, with the place in the console log."""

    def __init__(self, events: Path, console: Path) -> None:
        super().__init__()
        self._events = events
        self._console = console

    async def put(self, event: Message) -> None:
        """Called by the client for each event, in order."""
        data = event.get("data")
        record = Event(
            event=str(event["event"]),
            time=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            monotonic=round(time.monotonic(), 3),
            console_offset=self._console.stat().st_size if self._console.exists() else 0,
            data=data if isinstance(data, dict) else {},
        )
        with self._events.open("a", encoding="utf-8") as file:
            file.write(record.line())


@asynccontextmanager
async def connected(
    socket: Path, recorder: EventRecorder | None = None, again: Callable[[], bool] = lambda: False
) -> AsyncIterator[QMPClient]:
    """A client of this control socket. No event after the connection escapes `recorder`.

    Raises:
        ConnectError: nobody listens there, and `again` says that it is not worth another try.
    """
    client = QMPClient()
    if recorder is not None:
        client.register_listener(recorder)
    # A socket's own path may have 107 bytes only (unix(7)), and the folder's alone may be longer.
    folder = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        await _connect(client, f"/proc/self/fd/{folder}/{socket.name}", again)
        yield client
    finally:
        os.close(folder)
        with suppress(QMPError, EOFError, OSError):
            await client.disconnect()


async def _connect(client: QMPClient, path: str, again: Callable[[], bool]) -> None:
    while True:
        try:
            return await client.connect(path)
        except ConnectError:
            if not again():
                raise
        await asyncio.sleep(_RETRY_EVERY)


async def closed(client: QMPClient) -> None:
    """Wait until QEMU closes the connection; it does so when it ends."""
    while client.runstate is Runstate.RUNNING:
        await client.runstate_changed()


async def forwarded_ssh_port(client: QMPClient) -> int | None:
    """The port of 127.0.0.1 that leads to the guest's port 22; None when none does."""
    answer = await client.execute("human-monitor-command", {"command-line": "info usernet"})
    found = _FORWARD.search(str(answer))
    return int(found.group(1)) if found else None


async def memory_is_there(client: QMPClient) -> None:
    """Return when a guest from a snapshot has its memory; at once for any other."""
    while True:
        answer = await client.execute("query-status")
        if not isinstance(answer, dict) or answer.get("status") != "inmigrate":
            return
        await asyncio.sleep(_RETRY_EVERY)


def save_memory(socket: Path, name: str, timeout: float = 120.0) -> None:
    """Stop the guest, write its memory to a file of this name in its folder, packed by zstd, and end QEMU.

    Raises:
        LabError: QEMU does not do it within `timeout` seconds, or refuses.
    """

    async def save() -> None:
        async with connected(socket) as client:
            await client.execute("stop")
            # By way of a program: QEMU writes to files itself from version 8.2 only.
            await client.execute("migrate", {"uri": f"exec:exec zstd -1 -q -f -o {shlex.quote(name)}"})
            while (status := await _migration(client)) not in ("completed", "failed", "cancelled"):
                await asyncio.sleep(_RETRY_EVERY)
            if status != "completed":
                raise LabError(f"QEMU could not write the guest's memory: the migration is {status}")
            await client.execute("quit")

    _ask(save(), timeout, "save the guest")


async def _migration(client: QMPClient) -> str:
    answer = await client.execute("query-migrate")
    return str(answer.get("status", "none")) if isinstance(answer, dict) else "none"


def end(socket: Path, timeout: float = 10.0) -> None:
    """End QEMU.

    Raises:
        LabError: QEMU does not answer within `timeout` seconds.
    """

    async def leave() -> None:
        async with connected(socket) as client:
            await client.execute("quit")

    _ask(leave(), timeout, "end")


def dump(socket: Path, name: str, timeout: float = 120.0) -> None:
    """Write the guest's memory to a file of this name in its folder, an ELF core dump; the guest goes on.

    Raises:
        LabError: QEMU does not do it within `timeout` seconds, or refuses.
    """

    async def write() -> None:
        async with connected(socket) as client:
            await client.execute("dump-guest-memory", {"paging": False, "protocol": f"file:{name}"})

    _ask(write(), timeout, "dump the guest's memory")


def power_cycle(socket: Path, timeout: float = 10.0) -> None:
    """Reset the guest as its power switch would.

    Raises:
        LabError: QEMU does not answer within `timeout` seconds, or refuses.
    """

    async def reset() -> None:
        async with connected(socket) as client:
            await client.execute("system_reset")

    _ask(reset(), timeout, "reset the guest")


def _ask(what: Coroutine[None, None, None], timeout: float, purpose: str) -> None:
    try:
        asyncio.run(asyncio.wait_for(what, timeout))
    except (QMPError, OSError, asyncio.TimeoutError) as error:
        raise LabError(f"the guest's QEMU did not {purpose} ({error or 'no answer'}): is the run still up?") from error
