# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor of one run: a process that starts the guests and ends them when nobody wants them any more.

It is started by `lab.run` with open descriptors: the run's lock, which it holds as long as it lives, and so the slots
of the snapshots that its guests went on from; a pidfd of the owner, the process that the run belongs to; the reading
end of a pipe whose writing end the starter holds until the guests are up; and the listening socket of the apt
repository.

Nothing outlives it: QEMU gets SIGKILL from the kernel when the supervisor dies, however it dies.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import http.server
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from lab.layout import GuestFolder, RunFolder
from lab.owner import name as name_of
from lab.process import live
from lab.state import RunPlan, planned, read_plan, write_state

READY = b"+"  # what the starter writes when every guest is up

_log = logging.getLogger("lab")


class Supervisor:
    """Runs the guests of one plan until it is told to stop."""

    def __init__(self, folder: RunFolder, plan: RunPlan) -> None:
        self._folder = folder
        self._plan = plan
        self._state = planned(plan, os.getpid())
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start every guest, wait for `stop`, end every guest."""
        self._save()
        lives = [
            asyncio.create_task(live(guest, self._state.guests[guest.name], self._save)) for guest in self._plan.guests
        ]
        await self._stopping.wait()
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        self._folder.inventory.unlink(missing_ok=True)
        self._folder.key.unlink(missing_ok=True)
        for guest in self._plan.guests:
            shutil.rmtree(GuestFolder.of(guest.folder).credentials, ignore_errors=True)
        self._state.phase = "ended"
        self._save()

    def stop(self, reason: str) -> None:
        """End the run; the first reason counts."""
        if not self._stopping.is_set():
            _log.info("ending: %s", reason)
            self._state.ended_because = reason
            self._stopping.set()

    def watch(self, owner: int, starter: int) -> None:
        """Stop when the owner ends, when the starter ends before it said that the guests are up, or on a signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, f"{number.name} came")
        # A pidfd is readable when its process has ended (pidfd_open(2)).
        loop.add_reader(owner, self.stop, f"the process that the run belongs to has ended: {self._owner()}")
        loop.add_reader(starter, self._hear_starter, starter)

    def _owner(self) -> str:
        """The owner for a person, asked while it lives: later its number may be another process's."""
        number = self._plan.owner
        name = number and name_of(number)
        return f"{number} ({name})" if name else str(number or "unknown")

    def _hear_starter(self, starter: int) -> None:
        asyncio.get_running_loop().remove_reader(starter)
        if os.read(starter, 1) == READY:
            self._state.phase = "up"
            self._save()
        else:
            self.stop("the command that started the run ended before the guests were up")

    def _save(self) -> None:
        write_state(self._folder.state, self._state)


class _RepositoryHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # apt asks for many files over one connection

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class's
        _log.info("repository: " + format, *arguments)


def serve_repository(listener: socket.socket, directory: Path) -> None:
    """Serve the directory on this socket, in a thread that ends with the process."""
    handler = functools.partial(_RepositoryHandler, directory=os.fspath(directory))
    server = http.server.ThreadingHTTPServer(listener.getsockname(), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, daemon=True).start()


async def _supervise(folder: RunFolder, owner: int, starter: int) -> None:
    supervisor = Supervisor(folder, read_plan(folder.plan))
    supervisor.watch(owner, starter)
    await supervisor.run()


def main(arguments: list[str] | None = None) -> int:
    """Supervise the run whose folder and descriptors are given; returns when it has ended."""
    parser = argparse.ArgumentParser(prog="lab.supervisor", description="Not for people: started by `lab up`.")
    parser.add_argument("folder", type=Path)
    for name in ("lock", "owner", "starter", "repository"):
        parser.add_argument(f"--{name}", type=int, required=True, metavar="FD")
    parser.add_argument("--seat", type=int, action="append", default=[], metavar="FD")
    given = parser.parse_args(arguments)
    # QEMU must not hold the run: only the lock's last owner decides that the run is over.
    for descriptor in (given.lock, given.owner, given.starter, given.repository, *given.seat):
        os.set_inheritable(descriptor, False)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder = RunFolder(given.folder.name, given.folder)
    serve_repository(socket.socket(fileno=given.repository), folder.repository)
    asyncio.run(_supervise(folder, given.owner, given.starter))
    return 0


if __name__ == "__main__":
    sys.exit(main())
