# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does several things at once in forked children of this process, none of which outlives it.

Forked and not threads: each child is the subreaper of what it starts. It finds and ends its own daemons and no others',
and starts commands while it has one thread (`processes.run`). A child tells its parent how far it is by lines
of JSON through a pipe. When the parent is killed, the kernel tells the child, which cleans up and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn

from . import processes

Message = dict[str, Any]
Tell = Callable[[Message], None]
Work = Callable[[Tell], None]

# Seconds for the cleaning up of a child: more than `processes` waits for a command and for what it left behind.
PATIENCE = 90.0


@dataclass
class Child:
    """A forked child, and the end of the pipe that it talks through."""

    pid: int
    pipe: int
    unread: bytes = b""

    def read(self) -> list[Message] | None:
        """Return what it told since the last time; None when it is gone."""
        data = os.read(self.pipe, 65536)
        *lines, self.unread = (self.unread + data).split(b"\n")
        return [json.loads(line) for line in lines] if data else None

    def collect(self) -> int:
        """Return the exit code of a child that is gone, negative for a signal."""
        os.close(self.pipe)
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            return 0  # collected by `processes.reap`, and what it had to tell has been read

    def send(self, number: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Crew:
    """Forked children, by name. Those that still work when the block is left are ended."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error or self.children:
            self.end(error.number if isinstance(error, processes.Interrupted) else signal.SIGTERM)

    def start(self, name: str, work: Work, niceness: int = 0) -> None:
        """Fork a child that does `work`."""
        parent = os.getpid()
        reading, writing = os.pipe()
        # A signal that came between the fork and the note of it would leave the child behind.
        with processes.signals_held_back():
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                be_child(work, writing, parent, niceness)
            os.close(writing)
            self.children[name] = Child(pid, reading)

    def listen(self) -> Iterator[tuple[str, Message]]:
        """Yield what the children tell within a moment, and {"gone": exit code} of each that has ended."""
        ready = select.select([child.pipe for child in self.children.values()], [], [], processes.POLL)[0]
        for name, child in list(self.children.items()):
            if child.pipe not in ready:
                continue
            told = child.read()
            if told is None:
                del self.children[name]
                yield name, {"gone": self.clean_up_after(child)}
            else:
                yield from ((name, message) for message in told)

    def clean_up_after(self, child: Child) -> int:
        """Return the exit code of a child; one that did not end by itself may have left daemons, which are ended."""
        code = child.collect()
        if code != 0:
            processes.end_leftovers(patience=0.0, keep={other.pid for other in self.children.values()})
        return code

    def end(self, number: int) -> None:
        """Pass a signal on to all children, wait for their cleaning up, and leave nothing behind."""
        for child in self.children.values():
            child.send(number)
        deadline = time.monotonic() + PATIENCE
        while self.children and time.monotonic() < deadline:
            for _told in self.listen():
                pass
        processes.end_leftovers(patience=0.0)


def be_child(work: Work, writing: int, parent: int, niceness: int) -> NoReturn:
    """Do the work of a forked child and end, whatever happens: the code above the fork is the parent's."""
    code = 1

    def tell(message: Message) -> None:
        os.write(writing, json.dumps(message).encode() + b"\n")

    try:
        processes.catch_signals()
        processes.adopt_orphans()
        processes.end_with_parent(parent)
        os.nice(niceness)
        processes.let_signals_through()
        work(tell)
        code = 0
    except processes.Interrupted as interrupted:
        code = 128 + interrupted.number
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
