# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line that stays on the last row of a terminal while others print above it.

Everything else scrolls in a region without that row (DECSTBM, console_codes(4)), as in the progress bar of apt. Colours
and the visibility of the cursor are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

SAVE, RESTORE = "\x1b7", "\x1b8"
WHOLE_SCREEN = "\x1b[r"
LEAST_ROWS = 5
"""On fewer rows there is no line."""


class StatusRow:
    """Holds the last row of ``stream``, a terminal; ``size`` returns its columns and rows, and is asked each time."""

    def __init__(self, stream: TextIO, size: Callable[[], tuple[int, int]]) -> None:
        self._stream = stream
        self._size = size
        self._held: tuple[int, int] | None = None

    def show(self, render: Callable[[int], str]) -> None:
        """Show what ``render`` makes of the columns that there are."""
        columns, rows = size = self._size()
        if rows < LEAST_ROWS:
            self.remove()
            return
        begin = "" if size == self._held else self._hold(size)
        # The last column stays free: what is printed there may move the cursor to the next row.
        self._write(f"{begin}{SAVE}\x1b[{rows};1H\x1b[2K{render(columns - 1)}{RESTORE}")

    def remove(self) -> None:
        """Give the row back, and leave the cursor where it is. Does nothing when no row is held."""
        if self._held is None:
            return
        rows, self._held = self._held[1], None
        self._write(f"{SAVE}{WHOLE_SCREEN}\x1b[{rows};1H\x1b[2K{RESTORE}")

    def _hold(self, size: tuple[int, int]) -> str:
        """Return what takes the last row out of the scrolling, and moves the cursor above it if it is there."""
        before, self._held = self._held, size
        left_over = f"{SAVE}{WHOLE_SCREEN}\x1b[{before[1]};1H\x1b[2K{RESTORE}" if before else ""
        return f"{left_over}\n{SAVE}\x1b[1;{size[1] - 1}r{RESTORE}\x1b[1A"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
