# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one command at a time so that nothing of it outlives the run, however the run ends.

Each command leads a session of its own. The process that runs it, forked for its step, is a "child subreaper"
(prctl(2)): whatever daemons a command leaves behind become its children, are found in /proc, and are ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

# prctl(2), linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

POLL = 0.1  # seconds between two looks at a running command
LIBC = ctypes.CDLL(None, use_errno=True)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked this run to end. No Exception, so nobody takes it for a failed step."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class TookTooLong(Exception):
    """A command was ended because it ran longer than its limit."""


@dataclass(frozen=True)
class Leftover:
    """A process that outlived the command that started it."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process; OSError when the kernel refuses."""
    if LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process instead of init's."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """Ask the kernel for a SIGTERM when the parent is gone, however it went."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise Interrupted(signal.SIGTERM)


def raise_interrupted(number: int, _frame: FrameType | None) -> None:
    """Turn the first signal into an exception and ignore later ones, so cleaning up is not cut short."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


def catch_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise Interrupted, except those that are ignored already (nohup)."""
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, raise_interrupted)


@contextlib.contextmanager
def signals_held_back() -> Iterator[None]:
    """Let signals wait until the block ends; one that came is then taken."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        let_signals_through()


def let_signals_through() -> None:
    """Take the signals that have been held back."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def prepare_child() -> None:
    """Between fork and exec: default signal handling, and an end when the driver is killed."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: BinaryIO | None,
    limit: float,
) -> int:
    """Run a command and return its exit code, negative for a signal.

    `output` takes what it prints (None: the terminal). After `limit` seconds it is ended and TookTooLong raised.
    """
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
        preexec_fn=prepare_child,  # safe: this process has one thread
    )
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired as error:
        raise TookTooLong(f"{os.fspath(argv[0])} was ended after {limit:.0f} s") from error
    finally:
        end_session(process)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a command's session: ask as Ctrl-C does, so it cleans up, then as kill does, then end it."""
    for number, patience in ((signal.SIGINT, 20.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def parents() -> Iterator[tuple[int, int, str]]:
    """Yield (pid, parent's pid, name) of every process that is not a zombie, from proc_pid_stat(5)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # ended meanwhile
        head, tail = text.rsplit(")", 1)
        pid, name = head.split(" (", 1)
        state, parent = tail.split()[:2]
        if state not in "ZX":
            yield int(pid), int(parent), name


def descendants(ancestor: int, without: Collection[int] = ()) -> list[Leftover]:
    """Return all processes below `ancestor`, save those `without` and all below them."""
    children: dict[int, list[Leftover]] = {}
    for pid, parent, name in parents():
        if pid not in without:
            children.setdefault(parent, []).append(Leftover(pid, name))
    found: list[Leftover] = []
    queue = [ancestor]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += [each.pid for each in below]
    return found


def reap() -> None:
    """Collect ended children that nobody waits for."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def wait_for_end(patience: float, keep: Collection[int]) -> list[Leftover]:
    """Wait until no descendant save those to keep is left, at most `patience` seconds; return those that still run."""
    deadline = time.monotonic() + patience
    while True:
        reap()
        left = descendants(os.getpid(), keep)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(POLL)


def end_leftovers(patience: float = 5.0, keep: Collection[int] = ()) -> list[Leftover]:
    """End everything that still runs below this process; return what outlived `patience` seconds.

    Children to keep, and all below them, are left alone.
    """
    left = outlived = wait_for_end(patience, keep)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for each in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, number)
        left = wait_for_end(10.0, keep) if left else left
    return outlived
