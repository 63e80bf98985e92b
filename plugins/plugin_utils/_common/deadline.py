# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One point in monotonic time until which everything must be done, and a clock that tests can script."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the wait needs to know about time; all times are seconds of one monotonic clock."""

    def now(self) -> float:
        """Return the seconds since some fixed moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""


class MonotonicClock:
    """The clock of this machine, which setting the time of day does not move."""

    def now(self) -> float:
        """Return the seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        time.sleep(seconds)


class Deadline:
    """The end of the time that a whole operation has. Every step of it asks the same deadline."""

    def __init__(self, clock: Clock, seconds: float, started: float | None = None) -> None:
        """Start now, or when that was, and end ``seconds`` later."""
        self.clock = clock
        self.started = clock.now() if started is None else started
        self.seconds = seconds

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self.clock.now() - self.started

    def remaining(self) -> float:
        """Return the seconds that are left, 0 when none are."""
        return max(0.0, self.seconds - self.elapsed())

    def expired(self) -> bool:
        """Tell whether no time is left."""
        return self.remaining() <= 0

    def extend(self, seconds: float) -> None:
        """End later, by so many seconds."""
        self.seconds += seconds

    def sleep(self, seconds: float) -> None:
        """Sleep ``seconds``, but never beyond the end."""
        pause = min(seconds, self.remaining())
        if pause > 0:
            self.clock.sleep(pause)
