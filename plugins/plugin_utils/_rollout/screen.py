# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout shows while it runs: lines for what happens, and how far the wave is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from threading import Event as Signal
from threading import Thread
from typing import Any, TextIO

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import clean, speaks_unicode
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.events import HostEvent
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import (
    clock,
    line,
    numbers,
    progress_of,
    wave_name,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import RunLog, Wave
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.status_row import StatusRow

BAR, LINES, NONE, AUTO = "bar", "lines", "none", "auto"
SECONDS_BETWEEN_LINES = 30.0
TICK = 1.0
"""Seconds after which the bar is drawn again though nothing happened, for the time left."""


def chosen_progress(wanted: str, stream: TextIO, environment: Mapping[str, str], no_color: Any) -> str:
    """Return how to show the progress: as it is wanted, and as ``stream`` can."""
    if wanted in (LINES, NONE):
        return wanted
    is_plain = environment.get("TERM", "dumb") in ("", "dumb") or bool(environment.get("NO_COLOR")) or bool(no_color)
    return LINES if not stream.isatty() or (wanted == AUTO and is_plain) else BAR


def without_bar(wanted: str) -> str:
    """Return how to show the progress where nothing may move the cursor."""
    return NONE if wanted == NONE else LINES


class Screen:
    """Shows a run_log. ``display`` prints a line, and ``lock`` keeps others from printing meanwhile."""

    def __init__(
        self,
        run_log: RunLog,
        now: Callable[[], float],
        display: Callable[[str], None],
        lock: AbstractContextManager[Any],
        progress: str,
    ) -> None:
        self._run_log = run_log
        self._now = now
        self._display = display
        self._lock = lock
        self._ascii_only = not speaks_unicode(sys.stdout)
        self._lines = progress == LINES
        self._last_line = 0.0
        self._row = StatusRow(sys.stdout, _terminal_size) if progress == BAR else None
        self._closed = Signal()
        self._closed.set()

    def wave_begins(self, wave: Wave) -> None:
        """Show that ``wave`` begins."""
        if self._row is not None and self._closed.is_set():
            self._closed.clear()
            Thread(target=self._tick, daemon=True).start()
        is_look = self._run_log.waves_of_plan is not None
        self._progress_line(wave, "begins" if is_look else f"begins, {counted(len(wave.hosts), 'host')}")
        self._draw()

    def wave_ends(self, wave: Wave) -> None:
        """Show that ``wave`` has ended."""
        self._progress_line(wave, "ended")
        self._draw()

    def happened(self, host: str, event: HostEvent | None) -> None:
        """Show what happened to ``host``, if it is worth a line, and how far the wave is now."""
        if event is not None and event.words:
            self._say(f"{clean(host, self._ascii_only)}: {event.words}")
        wave = self._run_log.wave
        if wave is not None and self._now() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._progress_line(wave, "")
        self._draw()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._closed.set()
        if self._row is not None:
            self._row.remove()

    def _progress_line(self, wave: Wave, what: str) -> None:
        if not self._lines:
            return
        self._last_line = self._now()
        progress = progress_of(self._run_log, wave, self._last_line)
        self._say(f"{wave_name(progress)}{f' {what}' if what else ''}: {numbers(progress)}")

    def _say(self, text: str) -> None:
        self._display(f"rollout [{clock(self._now())}] {text}")

    def _draw(self) -> None:
        wave = self._run_log.waves[-1] if self._run_log.waves else None
        if self._row is None or wave is None or self._closed.is_set():
            return
        progress = progress_of(self._run_log, wave, self._now())
        self._row.show(lambda width: line(progress, width, self._ascii_only))

    def _tick(self) -> None:
        while not self._closed.wait(TICK):
            with self._lock:
                try:
                    self._draw()
                except (OSError, ValueError):
                    # The terminal is gone, or its stream closed: there is nobody to draw for.
                    return


def _terminal_size() -> tuple[int, int]:
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return columns, rows
