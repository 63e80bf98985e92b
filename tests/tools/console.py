# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run shows: which steps are running, what they print, and how they ended."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .layout import ROOT

SIGN_OF_LIFE = 60.0  # seconds between two, when the output is no terminal


@dataclass
class Shown:
    """A running step as it is shown. What a `live` one prints is shown as it comes."""

    name: str
    heading: str
    live: bool
    started: float = field(default_factory=time.monotonic)
    source: BinaryIO | None = None
    unfinished: str = ""
    last_line: str = ""

    def read(self) -> str:
        """Return what was added to its log."""
        text = self.source.read().decode("utf-8", errors="replace") if self.source else ""
        lines = (self.unfinished + text).split("\n")
        # Of a line that is still being written only a part may be here.
        self.unfinished = lines[-1][-200:]
        self.last_line = next((line for line in reversed(lines) if line.strip()), self.last_line)
        return text

    def progress(self) -> str:
        """Return for how long it has been running."""
        return f"{self.name} {time.monotonic() - self.started:.0f} s"


class Console:
    """Prints progress.

    With `stream`, everything that steps print is shown: of a step that has the machine for itself as it comes, of those
    that run side by side in one piece when they end, because their lines would be mixed up.
    """

    def __init__(self, stream: bool) -> None:
        self.stream = stream
        self.is_terminal = sys.stdout.isatty()
        self.running: dict[str, Shown] = {}
        self.total = 0  # steps of the run
        self.done = 0
        self.last_line = ""
        self.last_sign = time.monotonic()

    def print(self, text: str, end: str = "\n") -> None:
        """Print; a terminal that is gone must not stop the cleaning up."""
        try:
            print(text, end=end, flush=True)
        except OSError:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end

    def say(self, text: str) -> None:
        """Print a line, in place of a terminal's live line."""
        self.print(f"{self.clear()}{text}")

    def begin(self, name: str, heading: str, alone: bool) -> None:
        """Take up a step; `alone` when it has the machine for itself."""
        self.running[name] = Shown(name, heading, live=self.stream and alone)
        if self.running[name].live:
            self.say(heading)

    def follow(self, name: str, log: Path) -> None:
        """Watch the log of a step, now that it has been begun."""
        self.running[name].source = log.open("rb")

    def watch(self) -> None:
        """Show what steps print; called a few times a second."""
        for shown in self.running.values():
            if self.stream and not shown.live:
                continue
            text = shown.read()
            if shown.live:
                self.print(text, end="")
            elif text.strip():
                self.last_line = "".join(char for char in shown.last_line if char.isprintable())
        if not any(shown.live for shown in self.running.values()):
            self.sign_of_life()

    def end(self, name: str, outcome: str, seconds: float) -> None:
        """Say how a step ended."""
        shown = self.running.pop(name)
        self.done += 1
        self.last_line = ""  # perhaps of this step
        self.show_rest(shown)
        if shown.source:
            shown.source.close()
        self.say(f"{shown.heading} {outcome}, {seconds:.0f} s")

    def show_rest(self, shown: Shown) -> None:
        """Show what a step printed and has not been shown yet, if that is wanted."""
        text = shown.read()
        if self.stream and not shown.live:
            self.say(shown.heading)
        if self.stream:
            self.print(text, end="" if text.endswith("\n") or not text else "\n")

    def stop(self) -> None:
        """Say which steps are ended because the run is."""
        for shown in self.running.values():
            self.show_rest(shown)
        if self.running:
            names = ", ".join(shown.progress() for shown in self.running.values())
            self.say(f"ending what runs, and waiting for its cleaning up: {names}")

    def failure(self, reason: str, log: Path, last_lines: str) -> None:
        """Show why a step failed, with the end of its log unless that has been shown already."""
        if not self.stream:
            self.print("\n".join(f"    {line}" for line in last_lines.splitlines()))
        self.print(f"  failed: {reason.splitlines()[0]}\n  whole log: {log.relative_to(ROOT)}")

    def sign_of_life(self) -> None:
        """Show which steps are running, for how long, and where."""
        now = time.monotonic()
        if now - self.last_sign < (1.0 if self.is_terminal else SIGN_OF_LIFE):
            return
        self.last_sign = now
        names = ", ".join(shown.progress() for shown in self.running.values())
        text = f"{self.done} of {self.total} done, running: {names} | {self.last_line}"
        if self.is_terminal:
            width = shutil.get_terminal_size().columns
            self.print(f"{self.clear()}{text[: width - 1]}", end="")
        else:
            self.print(f"  {text[:200]}")

    def clear(self) -> str:
        """Return what takes back the line of a terminal."""
        return "\r\x1b[K" if self.is_terminal else ""
