# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host import timings as timings_file
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import PARTS, Stopwatch, timed


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_nothing_is_counted_twice(clock):
    watch = Stopwatch(clock)
    clock.now += 1
    with watch.part("observing"):
        clock.now += 2
        with watch.part("health"):
            clock.now += 4
            with watch.part("observing"):
                clock.now += 8
        clock.now += 16
    clock.now += 32
    expected = {**dict.fromkeys(PARTS, 0.0), "observing": 26.0, "health": 4.0, "total": 63.0}
    assert watch.as_result() == expected
    assert watch.as_result() == expected


def test_what_fails_counts_and_is_over(clock):
    watch = Stopwatch(clock)

    def fail():
        with watch.part("loading"):
            clock.now += 0.12345
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    clock.now += 1
    assert (watch.as_result()["loading"], watch.as_result()["total"]) == (0.123, 1.123)


def test_a_function_whose_time_is_counted(clock, monkeypatch):
    monkeypatch.setattr(timings_file, "_WATCH", Stopwatch(clock))

    @timed("deciding")
    def decide(first, second=0):
        """Say it."""
        clock.now += first
        return second

    assert (decide(2, second=3), decide.__doc__, decide.__name__) == (3, "Say it.", "decide")
    assert timings_file._WATCH.as_result()["deciding"] == 2.0
    with pytest.raises(KeyError):
        timed("guessing")(lambda: None)()
