# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._waves import window as window_file
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import (
    WindowError,
    is_open,
    opens_next,
    require_open,
    until,
    windows_of,
)

NIGHT = {"from": "01:00", "to": "05:00", "timezone": "Europe/Berlin"}
LATE = {"from": "22:00", "to": "02:00", "days": ["fri"]}
WEEKEND = {"from": "00:00", "to": "24:00", "days": ["sat", "sun"]}
MONDAY = "2026-11-23"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("window", "moment", "is_within"),
    [
        (NIGHT, "2026-11-22 23:59:59", False),
        (NIGHT, "2026-11-23 00:00", True),
        (NIGHT, "2026-11-23 03:59:59", True),
        (NIGHT, "2026-11-23 04:00", False),
        (NIGHT, "2026-07-01 02:59", True),
        (NIGHT, "2026-07-01 03:00", False),
        # The day is the one on which it opens: 2026-11-27 is a Friday.
        (LATE, "2026-11-27 01:00", False),
        (LATE, "2026-11-27 22:00", True),
        (LATE, "2026-11-28 01:59", True),
        (LATE, "2026-11-28 22:00", False),
        (WEEKEND, "2026-11-28 00:00", True),
        (WEEKEND, "2026-11-29 23:59:59", True),
        (WEEKEND, "2026-11-30 00:00", False),
        ([LATE, NIGHT], "2026-11-23 01:00", True),
        ({"from": "00:00", "to": "01:00", "timezone": "Pacific/Kiritimati", "days": ["tue"]}, "2026-11-23 10:30", True),
        ({"from": "23:00", "to": "01:00", "timezone": "Etc/GMT+12", "days": ["sun"]}, "2026-11-23 12:30", True),
    ],
)
def test_is_open(window: Any, moment: str, is_within: bool) -> None:
    assert is_open(windows_of(window), utc(moment)) is is_within


def test_when_it_closes_and_opens() -> None:
    windows = windows_of(NIGHT)
    assert until(windows, utc(f"{MONDAY} 00:30")) == berlin(f"{MONDAY} 05:00")
    assert until(windows, utc(f"{MONDAY} 12:00")) is None
    opening = opens_next(windows, utc(f"{MONDAY} 12:00"))
    assert opening is not None
    assert opening.isoformat() == "2026-11-24T01:00:00+01:00"


def test_windows_without_a_gap_are_one() -> None:
    assert until(windows_of(WEEKEND), utc("2026-11-28 05:00")) == utc("2026-11-30 00:00")
    overlapping = [{"from": "01:00", "to": "03:00"}, {"from": "02:00", "to": "06:00"}, {"from": "02:00", "to": "06:00"}]
    assert until(windows_of(overlapping), utc(f"{MONDAY} 01:30")) == utc(f"{MONDAY} 06:00")


def test_next_opening_is_a_week_ahead_at_most() -> None:
    assert opens_next(windows_of(LATE), utc("2026-11-27 22:30")) == utc("2026-12-04 22:00")


@pytest.mark.parametrize(
    ("window", "closed", "opened", "still_open", "closed_again"),
    [
        # Clocks go forward from 02:00 to 03:00 on 2026-03-29: 02:30 does not exist, and is 03:30.
        (("02:30", "05:00"), "01:29:59", "01:30", "02:59:59", "03:00"),
        # They go back from 03:00 to 02:00 on 2026-10-25: the window is an hour longer.
        (("01:00", "05:00"), "22:59:59", "23:00", "03:59:59", "04:00"),
    ],
)
def test_change_of_summer_time(
    window: tuple[str, str], closed: str, opened: str, still_open: str, closed_again: str
) -> None:
    windows = windows_of({"from": window[0], "to": window[1], "timezone": "Europe/Berlin"})
    day, before = ("2026-03-29", "2026-03-29") if window[0] == "02:30" else ("2026-10-25", "2026-10-24")
    assert not is_open(windows, utc(f"{before} {closed}"))
    assert is_open(windows, utc(f"{before} {opened}"))
    assert is_open(windows, utc(f"{day} {still_open}"))
    assert not is_open(windows, utc(f"{day} {closed_again}"))


def test_time_that_exists_twice_is_the_first() -> None:
    windows = windows_of({"from": "02:30", "to": "02:45", "timezone": "Europe/Berlin"})
    assert is_open(windows, utc("2026-10-25 00:30"))
    assert not is_open(windows, utc("2026-10-25 01:30"))


def test_window_that_the_clocks_turn_round_does_not_open_that_day() -> None:
    windows = windows_of({"from": "02:30", "to": "03:00", "timezone": "Europe/Berlin"})
    assert opens_next(windows, berlin("2026-03-28 12:00")) == berlin("2026-03-30 02:30")


TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda time: f"{time[0]:02}:{time[1]:02}")


@given(
    st.lists(st.tuples(TIMES, TIMES).filter(lambda both: both[0] != both[1]), min_size=1, max_size=3),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 the strategy wants naive bounds
)
def test_what_is_said_of_the_future_is_true_then(times: list[tuple[str, str]], zone: str, moment: datetime) -> None:
    windows = windows_of([{"from": opens, "to": closes, "timezone": zone} for opens, closes in times])
    now, instant = moment.replace(tzinfo=timezone.utc), timedelta(microseconds=1)
    closes = until(windows, now)
    if closes is not None:
        assert closes > now
        assert is_open(windows, closes.astimezone(timezone.utc) - instant)
    else:
        opens = opens_next(windows, now)
        assert opens is not None
        assert is_open(windows, opens)
        assert not is_open(windows, opens.astimezone(timezone.utc) - instant)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "is empty"),
        ("01:00-05:00", "not a mapping"),
        ({**NIGHT, "zone": "UTC"}, "the key 'zone'"),
        ({"to": "05:00"}, "`from` is None"),
        ({**NIGHT, "from": 1320}, "Put times into quotes"),
        ({**NIGHT, "from": "1:00"}, "not a time of the form HH:MM"),
        ({**NIGHT, "to": "25:00"}, "not a time of the form HH:MM"),
        ({**NIGHT, "to": "24:01"}, "not a time of the form HH:MM"),
        ({**NIGHT, "to": "01:00"}, "opens and closes at 01:00"),
        ({**NIGHT, "days": []}, "not a list of days"),
        ({**NIGHT, "days": "mon"}, "not a list of days"),
        ({**NIGHT, "days": ["monday"]}, "the day 'monday'"),
        ({**NIGHT, "timezone": "Europe/Atlantis"}, "'Europe/Atlantis'"),
        ({**NIGHT, "timezone": "Europe"}, "'Europe'"),
        ({**NIGHT, "timezone": "../../etc/passwd"}, "IANA"),
        ({**NIGHT, "timezone": ""}, "IANA"),
        ({**NIGHT, "timezone": None}, "IANA"),
    ],
)
def test_bad_windows(given: Any, said: str) -> None:
    with pytest.raises(WindowError, match=".") as caught:
        windows_of(given)
    assert caught.value.code == "window_invalid"
    assert said in caught.value.message
    assert "So it is not known when hosts may be started" in caught.value.message


def test_controller_without_data_of_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(window_file, "ZoneInfo", absent)
    monkeypatch.setattr(window_file, "available_timezones", set[str])
    with pytest.raises(WindowError, match="Install the package tzdata") as caught:
        windows_of(NIGHT)
    assert caught.value.code == "time_zones_missing"
    assert windows_of({**NIGHT, "timezone": "UTC"})


def test_no_host_is_started_outside_of_the_window() -> None:
    window = {"from": "01:00", "to": "05:00"}
    inside = datetime(2026, 11, 23, 4, 59, tzinfo=timezone.utc)
    require_open(window, inside)
    for none in (None, [], {}):
        require_open(none, inside + timedelta(hours=1))
    with pytest.raises(
        WindowError, match="closed until Tue 2026-11-24 01:00 UTC, so this host is not restarted"
    ) as caught:
        require_open(window, inside + timedelta(minutes=1))
    assert caught.value.code == "window_closed"
