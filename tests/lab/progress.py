# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what the lab is doing, and run long commands with their output kept and their progress shown."""

from __future__ import annotations

import collections
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError

_REPORT_EVERY = 20.0  # seconds
_LONGEST = "60m"
_BAR = 30  # characters
_TELLING = 0.02  # the share from which the speed says something
_TAIL = 40  # lines shown of a command that failed
_started = time.monotonic()


def say(message: str) -> None:
    """Print one line to standard error, with the minutes and seconds since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _started), 60)
    print(f"[lab {minutes:3d}:{seconds:02d}] {message}", file=sys.stderr, flush=True)


def progress_bar(share: float, seconds: float) -> str:
    """How far something is that took so many seconds for this share of it (0 to 1), and how long it still takes."""
    share = min(max(share, 0.0), 1.0)
    filled = round(share * _BAR)
    left = f", about {seconds * (1 - share) / share / 60:.0f} min left" if share >= _TELLING else ""
    return f"[{'#' * filled}{'-' * (_BAR - filled)}] {share:4.0%}{left}"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say that ``what`` begins, and how long it took when it is done."""
    say(f"{what} ...")
    began = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - began:.0f} s")


def run_logged(
    argv: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Callable[[int, str], str] | None = None,
) -> None:
    """Run a command that takes long, append its output to ``log``, and raise when it fails.

    The command and its children die with this process (``timeout`` passes the signal on to its process group).
    ``progress(lines, last_line)`` makes the text that is shown every 20 seconds.

    Raises:
        LabError: the command cannot be started or fails; the text has its last lines and the log's path.
    """
    tail: collections.deque[str] = collections.deque(maxlen=_TAIL)
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {' '.join(argv)}\n")
        try:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "timeout", "--kill-after=10", _LONGEST, *argv],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise LabError(f"cannot start {argv[0]}: {error}") from error
        with process, _reporting(progress) as seen:
            for line in process.stdout or ():
                output.write(line)
                tail.append(line.rstrip())
                seen(line)
    if process.returncode != 0:
        shown = "\n".join(f"    {line}" for line in tail)
        raise LabError(f"{' '.join(argv[:3])} ... failed with status {process.returncode}; the end of {log}:\n{shown}")


@contextmanager
def _reporting(progress: Callable[[int, str], str] | None) -> Iterator[Callable[[str], None]]:
    count, last = 0, ""
    finished = threading.Event()

    def seen(line: str) -> None:
        nonlocal count, last
        count, last = count + 1, line.strip()

    def report() -> None:
        while progress is not None and not finished.wait(_REPORT_EVERY):
            say(progress(count, last))

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield seen
    finally:
        finished.set()
        reporter.join()
