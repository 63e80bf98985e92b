# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run shows: where it is, what a step prints, and how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .layout import ROOT

SIGN_OF_LIFE = 60.0  # seconds between two, when the output is no terminal


class Console:
    """Prints progress. With `stream`, everything that a step prints is shown as it comes."""

    def __init__(self, stream: bool) -> None:
        self.stream = stream
        self.is_terminal = sys.stdout.isatty()
        self.heading = ""
        self.last_line = ""
        self.started = self.shown = 0.0
        self.source: BinaryIO | None = None

    def print(self, text: str, end: str = "\n") -> None:
        """Print; a terminal that is gone must not stop the cleaning up."""
        try:
            print(text, end=end, flush=True)
        except OSError:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end

    def begin(self, number: int, total: int, title: str) -> None:
        """Announce a step."""
        self.heading = f"step {number} of {total}: {title} ..."
        self.started = self.shown = time.monotonic()
        self.last_line = ""
        self.print(self.heading, end="\n" if self.stream else "")

    def end(self, outcome: str, seconds: float) -> None:
        """Say how the step ended."""
        if self.stream or self.is_terminal:
            self.print(f"{self.clear()}{self.heading} {outcome}, {seconds:.0f} s")
        else:
            self.print(f" {outcome}, {seconds:.0f} s")

    def failure(self, reason: str, log: Path, last_lines: str) -> None:
        """Show why a step failed, with the end of its log unless that has been shown already."""
        if not self.stream:
            self.print("\n".join(f"    {line}" for line in last_lines.splitlines()))
        self.print(f"  failed: {reason.splitlines()[0]}\n  whole log: {log.relative_to(ROOT)}")

    @contextlib.contextmanager
    def following(self, log: Path) -> Iterator[None]:
        """Watch this log until the block ends."""
        with log.open("rb") as self.source:
            try:
                yield
            finally:
                self.watch()
                self.source = None

    def watch(self) -> None:
        """Take in what was added to the log; called a few times a second."""
        added = self.source.read() if self.source else b""
        text = added.decode("utf-8", errors="replace")
        if self.stream:
            self.print(text, end="")
            return
        lines = text.split("\n")
        # Of a line that is still being written only a part may be here.
        self.last_line = next((line for line in reversed(lines) if line.strip()), self.last_line)
        self.sign_of_life()

    def sign_of_life(self) -> None:
        """Show that and where the step still works."""
        now = time.monotonic()
        if now - self.shown < (1.0 if self.is_terminal else SIGN_OF_LIFE):
            return
        self.shown = now
        last_line = "".join(char for char in self.last_line if char.isprintable())
        text = f"{self.heading} {now - self.started:.0f} s | {last_line}"
        if self.is_terminal:
            width = shutil.get_terminal_size().columns
            self.print(f"{self.clear()}{text[: width - 1]}", end="")
        else:
            self.print(f"\n  still at it after {now - self.started:.0f} s: {last_line[:100]} ...", end="")

    def clear(self) -> str:
        """Return what takes back the line of a terminal."""
        return "\r\x1b[K" if self.is_terminal else ""
