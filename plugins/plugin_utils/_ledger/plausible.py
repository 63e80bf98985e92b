# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host's history is taken: nothing that cannot be true, and no more than one host can need. Pure.

The whole fleet is compared with what each host tells of itself. What is left out is counted, and said.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note

DAY = 86400
AHEAD = DAY
"""Seconds that a host's clock may be ahead of the controller's: one that keeps local time is, by up to 14 hours."""
SET_BACK = 60
"""Seconds that a boot may begin before the one before it ended, because the clock was set in between."""
FASTEST = 3
"""Seconds from the start of one kernel to that of the next; none boots, and is left again, in less."""
BOOTS_A_DAY = CRASHES_A_DAY = 200
RELEASES = 50
COUNTS = 1000
"""How many different values of ``kexec_count`` one host may have."""

Row = dict[str, Any]


class Known(NamedTuple):
    """A boot of the host that is in the ledger."""

    boot_id: str
    began: int | None
    ended: int | None
    seen: int
    release: str | None
    previous_release: str | None
    kexec_count: int | None


class KnownCrash(NamedTuple):
    """A crash of the host that is in the ledger: its key, and when it was."""

    incident: str
    signature: str
    at: int | None


class Taken(NamedTuple):
    """What is taken of a history: the rows, how many were ``left_out``, and what is to be said of it."""

    boots: list[Row]
    crashes: list[Row]
    left_out: int
    notes: list[Note]


def take(
    told: tuple[Sequence[Row], Sequence[Row]], known: Sequence[Known], known_crashes: Sequence[KnownCrash], now: int
) -> Taken:
    """Take of the boots and crashes that a host has ``told`` what can be true beside what is ``known`` of it.

    ``now`` is in seconds since 1970. Of the boots that cannot all be true, those that were told first are taken.
    """
    boots, crashes = told
    untrue, excess = Counter[str](), Counter[str]()
    true = _true(boots, known, now, untrue)
    few = _within(true, known, excess)
    _bound(few, known, excess)
    taken = {row["boot_id"] for row in few}
    gone = {row["boot_id"] for row in boots} - taken
    kept = [row for row in crashes if row["boot_id"] not in gone and not _is_ahead(row["at"], now)]
    untrue["ahead"] += sum(_is_ahead(row["at"], now) for row in crashes)
    fewer = _few_crashes(kept, known_crashes, now)
    excess["crashes"] = len(kept) - len(fewer)
    notes = [*_untrue_note(untrue), *_excess_note(excess)]
    return Taken(few, fewer, len(boots) - len(few) + len(crashes) - len(fewer), notes)


def _day(*moments: int | None) -> int:
    """Return the day, counted from 1970, of the first moment that is known."""
    return next(moment for moment in moments if moment is not None) // DAY


def _is_ahead(moment: int | None, now: int) -> bool:
    return moment is not None and moment > now + AHEAD


def _true(boots: Sequence[Row], known: Sequence[Known], now: int, untrue: Counter[str]) -> list[Row]:
    told = {row["boot_id"] for row in boots}
    began = {one.boot_id: one.began for one in known}
    spans: list[tuple[int, int]] = []
    for one in known:
        if one.boot_id not in told:
            _add(spans, _span(one.began, one.ended))
    true = []
    for row in boots:
        first = began.get(row["boot_id"])
        span = _span(row["began"] if first is None else first, row["ended"])
        why = "ahead" if _is_ahead(row["began"], now) or _is_ahead(row["ended"], now) else _clash(spans, span)
        if why:
            untrue[why] += 1
        else:
            _add(spans, span)
            true.append(row)
    return true


def _span(began: int | None, ended: int | None) -> tuple[int, int] | None:
    """From when to when a boot ran, as far as that is known; it may end before it began when its clock was set."""
    first = ended if began is None else began
    return None if first is None else (first, max(first, ended or first))


def _add(spans: list[tuple[int, int]], span: tuple[int, int] | None) -> None:
    if span:
        insort(spans, span)


def _clash(spans: list[tuple[int, int]], span: tuple[int, int] | None) -> str:
    """Return why a boot cannot have been, beside those before and after it; empty when it can."""
    if span is None:
        return ""
    at = bisect(spans, span)
    before, after = spans[max(at - 1, 0) : at], spans[at : at + 1]
    for earlier, later in (*((one, span) for one in before), *((span, one) for one in after)):
        if later[0] - earlier[0] < FASTEST:
            return "fast"
        if earlier[1] - later[0] > SET_BACK:
            return "overlapping"
    return ""


def _within(boots: Sequence[Row], known: Sequence[Known], excess: Counter[str]) -> list[Row]:
    """Return the boots that are known, and as many new ones of each day as it may have."""
    ids, days = {one.boot_id for one in known}, Counter(_day(one.began, one.ended, one.seen) for one in known)
    few = []
    for row in boots:
        day = _day(row["began"], row["ended"], row["seen"])
        if row["boot_id"] not in ids:
            if days[day] >= BOOTS_A_DAY:
                excess["boots"] += 1
                continue
            days[day] += 1
        few.append(row)
    return few


def _bound(boots: Sequence[Row], known: Sequence[Known], excess: Counter[str]) -> None:
    """Make unknown what is beyond the host's first releases and counts, which leaves it out of all comparisons."""
    releases = {name for one in known for name in (one.release, one.previous_release)} - {None}
    counts = {one.kexec_count for one in known} - {None}
    for row in boots:
        for name, seen, most, what in (
            ("release", releases, RELEASES, "releases"),
            ("previous_release", releases, RELEASES, "releases"),
            ("kexec_count", counts, COUNTS, "counts"),
        ):
            value = row[name]
            if value is None or value in seen:
                continue
            if len(seen) < most:
                seen.add(value)
            else:
                row[name] = None
                excess[what] += 1


def _few_crashes(crashes: Sequence[Row], known: Sequence[KnownCrash], now: int) -> list[Row]:
    days = Counter(_day(one.at, now) for one in known)
    keys = {(one.incident, one.signature) for one in known}
    few = []
    for row in crashes:
        key, day = (row["incident"], row["signature"]), _day(row["at"], now)
        if key not in keys:
            if days[day] >= CRASHES_A_DAY:
                continue
            days[day] += 1
            keys.add(key)
        few.append(row)
    return few


def _untrue_note(untrue: Counter[str]) -> Iterable[Note]:
    if untrue.total():
        found = {
            "ahead": "dated in the future",
            "overlapping": "overlapping another boot",
            "fast": f"beginning within {FASTEST} s of another boot",
        }
        said = ", ".join(f"{untrue[why]} {words}" for why, words in found.items() if untrue[why])
        yield Note(
            "history_implausible",
            f"Boots and crashes of this host were left out of the ledger, because they cannot all be true: {said}. "
            "Its clock was wrong, or it tells what is not so. Either way, the fleet is not compared with them. Look at "
            "its clock (timedatectl) and at its journal (journalctl --list-boots).",
        )


def _excess_note(excess: Counter[str]) -> Iterable[Note]:
    found = {
        "boots": f"boots beyond {BOOTS_A_DAY} a day, which were left out",
        "crashes": f"crashes beyond {CRASHES_A_DAY} a day, which were left out",
        "releases": f"releases of boots beyond {RELEASES} of one host, which count as unknown",
        "counts": f"kexec counts of boots beyond {COUNTS} of one host, which count as unknown",
    }
    said = ", ".join(f"{excess[what]} {words}" for what, words in found.items() if excess[what])
    if said:
        yield Note(
            "history_too_large",
            f"The history of this host has more than the ledger takes of one host: {said}. One host must not outweigh "
            "the fleet. Find out whether it restarts in a loop (journalctl --list-boots). If it does not, it tells "
            "what is not so.",
        )
