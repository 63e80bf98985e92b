# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a module's time goes, by its own monotonic clock: ``timed`` stands at the few edges between its parts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import wraps
from typing import Any, Callable, Dict, Iterator, List, TypeVar, cast

PARTS = ("observing", "deciding", "health", "loading", "writing")

_Work = TypeVar("_Work", bound=Callable[..., Any])


class Stopwatch:
    """Gives each moment to the part that was begun last and goes on, so none counts twice."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = self._since = clock()
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._open: List[str] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what is done inside for one of ``PARTS``, but for parts that begin inside."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        now = self._clock()
        if self._open:
            self._seconds[self._open[-1]] += now - self._since
        self._since = now

    def as_result(self) -> Dict[str, float]:
        """Return the seconds of each part, and ``total``, all since the module's own code began to be read."""
        self._turn()
        seconds = {**self._seconds, "total": self._since - self._began}
        return {name: round(value, 3) for name, value in seconds.items()}


# A module is a process of its own.
_WATCH = Stopwatch(time.monotonic)
timings = _WATCH.as_result


def timed(part: str) -> Callable[[_Work], _Work]:
    """Have the time that a function takes counted for one of ``PARTS``."""

    def decorate(work: _Work) -> _Work:
        @wraps(work)
        def counted(*arguments: Any, **named: Any) -> Any:
            with _WATCH.part(part):
                return work(*arguments, **named)

        return cast(_Work, counted)

    return decorate
