# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When hosts may be started: windows of the local time of some zone, on some days of the week.

A window belongs to the day on which it opens. A local time that exists twice, when the clocks are put back, is the
first of the two; one that they skip is as much later as they are put forward (RFC 5545, section 3.3.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import nearest

WINDOW_CLOSED = "window_closed"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = ("from", "to", "timezone", "days")
EXAMPLE = '{from: "01:00", to: "05:00", timezone: Europe/Berlin, days: [mon, tue, wed, thu, fri]}'
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DAY = 24 * 60
# A window opens once a week at least, except where the clocks skip all of it.
_AHEAD = 15


class WindowError(KhoError):
    """It is not known when hosts may be started. Nothing was begun."""


@dataclass(frozen=True)
class Window:
    """``opens`` and ``closes`` are minutes of the local day; a window that closes before it opens ends the next day.

    ``days`` are those on which it opens, 0 for Monday.
    """

    opens: int
    closes: int
    zone: tzinfo
    days: frozenset[int]


class Span(NamedTuple):
    """One opening of a window; both in UTC, ``end`` is not part of it."""

    start: datetime
    end: datetime
    zone: tzinfo


def is_open(windows: Sequence[Window], now: datetime) -> bool:
    """Tell whether any window is open; ``now`` has a time zone."""
    return until(windows, now) is not None


def until(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return when the windows that are open close, in the local time of the last; None when none is open.

    Windows that follow each other without a gap count as one, up to two weeks.
    """
    last: Span | None = None
    for span in sorted(_spans(windows, now), key=_times):
        if span.start <= (last.end if last else now) < span.end:
            last = span
    return last.end.astimezone(last.zone) if last else None


def opens_next(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return when a window opens after ``now``, in its local time; None when none does within two weeks."""
    first = min((span for span in _spans(windows, now) if span.start > now), key=_times, default=None)
    return first.start.astimezone(first.zone) if first else None


def next_opening(windows: Sequence[Window], now: datetime) -> str:
    """Say when the next of these windows opens, for people."""
    opening = opens_next(windows, now)
    return opening.strftime("%a %Y-%m-%d %H:%M %Z") if opening else "further notice (it is skipped for two weeks)"


def require_open(given: Any, now: datetime) -> None:
    """Raise WindowError ``window_closed`` unless a host may be started now.

    ``given`` are windows as `windows_of` takes them; with None or none, a host may always be started.
    """
    windows = windows_of(given) if given else ()
    if windows and not is_open(windows, now):
        raise WindowError(
            WINDOW_CLOSED,
            f"The window is closed until {next_opening(windows, now)}, so this host is not restarted, and goes on "
            "running its kernel. Run the same again when the window is open.",
        )


def windows_of(given: Any) -> tuple[Window, ...]:
    """Return the windows that an operator wrote: one mapping or a list of them, with the keys ``KEYS``.

    ``timezone`` (UTC) and ``days`` (all) may be missing. Raises WindowError ``window_invalid``, or
    ``time_zones_missing`` when the controller has no data of time zones.
    """
    listed = given if isinstance(given, (list, tuple)) else [given]
    if not listed:
        raise _invalid("The list of windows is empty, so no host could ever be started.")
    return tuple(_window(one) for one in listed)


def _spans(windows: Sequence[Window], now: datetime) -> Iterator[Span]:
    """Yield the openings from two days before ``now``, which no zone and no window is behind."""
    today = now.astimezone(timezone.utc).date()
    for window in windows:
        for ahead in range(-2, _AHEAD):
            day = today + timedelta(days=ahead)
            if day.weekday() in window.days:
                closes = window.closes + (_DAY if window.closes <= window.opens else 0)
                start, end = (_moment(day, minutes, window.zone) for minutes in (window.opens, closes))
                if start < end:
                    yield Span(start, end, window.zone)


def _times(span: Span) -> tuple[datetime, datetime]:
    return span.start, span.end


def _moment(day: date, minutes: int, zone: tzinfo) -> datetime:
    days, minutes = divmod(minutes, _DAY)
    local = datetime.combine(day + timedelta(days=days), time(*divmod(minutes, 60)), zone)
    return local.astimezone(timezone.utc)


def _window(given: Any) -> Window:
    if not isinstance(given, Mapping):
        raise _invalid(f"The window {_shown(given)} is not a mapping.")
    unknown = [key for key in given if key not in KEYS]
    if unknown:
        raise _invalid(f"The window has the key {_meant(unknown[0], KEYS)}, which is none of {', '.join(KEYS)}.")
    window = Window(
        opens=_minutes(given, "from"),
        closes=_minutes(given, "to"),
        zone=_zone(given.get("timezone", "UTC")),
        days=_days(given.get("days", list(DAYS))),
    )
    if window.opens == window.closes:
        raise _invalid(f'The window opens and closes at {given["from"]}. A whole day is from "00:00" to "24:00".')
    return window


def _minutes(given: Mapping[str, Any], key: str) -> int:
    value = given.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML 1.1 reads 22:00 as a number to the base of 60.
        raise _invalid(f"The window's time `{key}` is the number {_shown(value)}. Put times into quotes.")
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise _invalid(f"The window's time `{key}` is {_shown(value)}, which is not a time of the form HH:MM.")
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def _days(given: Any) -> frozenset[int]:
    if not isinstance(given, (list, tuple)) or not given:
        raise _invalid(f"The window's days are {_shown(given)}, which is not a list of days.")
    unknown = [day for day in given if day not in DAYS]
    if unknown:
        raise _invalid(f"The window has the day {_meant(unknown[0], DAYS)}, which is none of {', '.join(DAYS)}.")
    return frozenset(DAYS.index(day) for day in given)


def _zone(name: Any) -> tzinfo:
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(str(name))
    # Not only ZoneInfoNotFoundError, which is a KeyError: a name may lead to a directory, or out of the data.
    except (KeyError, ValueError, OSError) as error:
        if not available_timezones():
            raise WindowError(
                "time_zones_missing",
                f"The window's time zone is {_shown(name)}, and the controller has no data of time zones, so it is not "
                "known what time it is there. Install the package tzdata on the controller (or for its Python: python3 "
                "-m pip install tzdata), or give the window in UTC.",
            ) from error
        raise _invalid(
            f"The window's time zone is {_meant(name, available_timezones())}, which the controller does not know; "
            "names are IANA's, such as "
            "Europe/Berlin."
        ) from error


def _invalid(what: str) -> WindowError:
    message = f"{what} So it is not known when hosts may be started. A window is, for example, {EXAMPLE}."
    return WindowError("window_invalid", message)


def _shown(value: Any) -> str:
    return printable(repr(value), 80)


def _meant(value: Any, known: Iterable[str]) -> str:
    return f"{_shown(value)}{nearest(str(value), known)}"
