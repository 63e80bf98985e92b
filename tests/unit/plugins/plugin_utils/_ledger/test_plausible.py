# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.plugin_utils.histories import NOW, before, boot, crash, ended, history, some_id
from unit.plugins.plugin_utils.ledgers import Ask

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.facts import rows_of_history
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.plausible import (
    BOOTS_A_DAY,
    COUNTS,
    CRASHES_A_DAY,
    FASTEST,
    RELEASES,
    SET_BACK,
    Known,
    Taken,
    take,
)

NOON = "2026-11-22T12:00:00Z"


def at(seconds: float, lasted: float | None = 60, **changes: Any) -> dict[str, Any]:
    """Return a boot that began so many seconds after noon, and lasted so long."""
    begin = before(NOON, -seconds / 3600)
    end = None if lasted is None else before(NOON, -(seconds + lasted) / 3600)
    usual = {"boot_id": some_id(int(seconds * 10) + 10**9), "begin": begin, "end": end, "ending": "clean"}
    return boot(**{**usual, **changes})


def taken(*boots: dict[str, Any], crashes: tuple[dict[str, Any], ...] = (), known: tuple[Known, ...] = ()) -> Taken:
    return take(rows_of_history("web1", history(*boots, crashes=crashes), NOW), known, (), NOW)


def codes(found: Taken) -> list[str]:
    return [note.code for note in found.notes]


@pytest.mark.parametrize(
    "boots",
    [
        [at(0), at(60)],
        [at(60), at(0)],
        [at(0, 60 + SET_BACK), at(60)],
        [at(0, None, ending="running"), at(3600)],
        [at(0, 3), at(FASTEST)],
        [at(0, -1800), at(60)],
        [at(0, begin=None, end=None), at(1, begin=None, end=None)],
        [at(0, begin="1970-01-01T00:00:00Z"), at(3600)],
        [at(86400)],
    ],
    ids=[
        *("one after the other", "told backwards", "the clock was set", "one ended unseen", "as fast as can be"),
        *("set back while it ran", "no times", "no clock at first", "a zone ahead"),
    ],
)
def test_what_can_be_true_is_taken(boots: list[dict[str, Any]]) -> None:
    found = taken(*boots)
    assert (len(found.boots), found.left_out, found.notes) == (len(boots), 0, [])


@pytest.mark.parametrize(
    ("boots", "said"),
    [
        ([at(0, 3600), at(60)], "1 overlapping another boot"),
        ([at(60), at(0, 3600)], "1 overlapping another boot"),
        ([at(0), at(0, boot_id=some_id(7))], "1 beginning within 3 s of another boot"),
        ([at(0, 1), at(FASTEST - 1, 1)], "1 beginning within 3 s"),
        ([at(0), at(2 * 86400)], "1 dated in the future"),
        ([at(0), at(3600, end="9999-12-31T23:59:59Z")], "1 dated in the future"),
        ([at(0), at(3600, 7200), at(5000, 60), at(6000, 60)], "2 overlapping another boot"),
    ],
)
def test_what_cannot_be_true_is_left_out_and_said(boots: list[dict[str, Any]], said: str) -> None:
    found = taken(*boots)
    assert codes(found) == ["history_implausible"]
    assert said in found.notes[0].message
    assert found.boots[0]["boot_id"] == boots[0]["boot_id"]
    assert len(found.boots) + found.left_out == len(boots)


def test_what_is_known_counts_more_than_what_is_told_later(ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(at(0, None, ending="running"), at(3600)), NOW)
    stretched = at(0, 7200)
    notes = ledger.import_history("web1", history(stretched, at(5400)), NOW)["notes"]
    assert [note["code"] for note in notes] == ["history_implausible"]
    assert ask("SELECT ending FROM boots ORDER BY began") == [("running",), ("clean",), ("clean",)]
    # The same again is neither news, nor left out.
    assert ledger.import_history("web1", history(at(3600), at(5400)), NOW) == {"boots": 0, "crashes": 0, "notes": []}


def test_crashes_of_boots_that_are_left_out_are_left_out() -> None:
    crashes = (crash(boot_id=at(60)["boot_id"]), crash(boot_id=at(0)["boot_id"], at=NOON))
    ahead = crash(boot_id=None, at="2100-01-01T00:00:00Z")
    found = taken(at(0, 3600), at(60), crashes=(*crashes, ahead))
    assert [row["boot_id"] for row in found.crashes] == [at(0)["boot_id"]]
    assert found.left_out == 3
    assert "1 dated in the future, 1 overlapping" in found.notes[0].message


def test_so_many_boots_a_day(ledger: Ledger, ask: Ask) -> None:
    boots = [at(60 * number, 30) for number in range(BOOTS_A_DAY + 50)]
    for _time in range(2):
        notes = ledger.import_history("web1", history(*boots), NOW)["notes"]
        assert [note["code"] for note in notes] == ["history_too_large"]
        assert "50 boots beyond 200 a day" in notes[0]["message"]
        assert ask("SELECT count(*) FROM boots") == [(BOOTS_A_DAY,)]
    assert ledger.import_history("web1", history(at(86400)), NOW)["boots"] == 1
    # Boots without times are those of the day of the import.
    timeless = [at(number, begin=None, end=None, boot_id=some_id(number)) for number in range(BOOTS_A_DAY + 50)]
    assert ledger.import_history("web2", history(*timeless), NOW)["boots"] == BOOTS_A_DAY


def test_so_many_crashes_a_day(ledger: Ledger, ask: Ask) -> None:
    crashes = tuple(crash(boot_id=None, at=NOON, signature=f"{number:016x}") for number in range(CRASHES_A_DAY + 50))
    for _time in range(2):
        notes = ledger.import_history("web1", history(at(0), crashes=crashes), NOW)["notes"]
        assert "50 crashes beyond 200 a day" in notes[0]["message"]
        assert ask("SELECT count(*) FROM crashes") == [(CRASHES_A_DAY,)]


def test_so_many_releases_and_counts(ledger: Ledger, ask: Ask) -> None:
    boots = [
        at(1000 * number, 60, release=f"7.0.{number}", previous_release=None, kexec_count=number)
        for number in range(-COUNTS - 50, 0)
    ]
    for one, changed in zip(boots, range(len(boots)), strict=True):
        one["kexec_count"] = changed
    for _time in range(2):
        (note,) = ledger.import_history("web1", history(*boots), NOW)["notes"]
        assert note["code"] == "history_too_large"
        assert f"{COUNTS + 50 - RELEASES} releases of boots beyond 50" in note["message"]
        assert "50 kexec counts of boots beyond 1000" in note["message"]
        assert ask("SELECT count(*), count(DISTINCT release), count(DISTINCT kexec_count) FROM boots") == [
            (COUNTS + 50, RELEASES, COUNTS)
        ]


def test_known_releases_stay_known() -> None:
    known = tuple(Known(some_id(number), None, None, NOW, f"r{number}", None, number) for number in range(RELEASES))
    found = taken(at(0, release="r7", previous_release="r8"), at(100, release="new"), known=known)
    assert [(row["release"], row["previous_release"]) for row in found.boots] == [("r7", "r8"), (None, None)]


TIMES = st.lists(st.tuples(st.integers(0, 5000), st.integers(-100, 3000)), min_size=1, max_size=20)


@given(times=TIMES, seed=st.integers(0, 100))
def test_whatever_is_told_what_is_taken_can_be_true(times: list[tuple[int, int]], seed: int) -> None:
    boots = [at(begin, lasted, boot_id=some_id(number)) for number, (begin, lasted) in enumerate(times)]
    random.Random(seed).shuffle(boots)
    found = taken(*boots)
    assert len(found.boots) + found.left_out == len(boots)
    assert found.boots
    spans = sorted((row["began"], row["ended"]) for row in found.boots)
    for (first, end), (second, _end) in zip(spans, spans[1:], strict=False):
        assert second - first >= FASTEST
        assert end - second <= SET_BACK


def test_an_honest_history_is_taken_whole() -> None:
    found = taken(*(ended(number) for number in range(1, 300)))
    assert (len(found.boots), found.notes) == (299, [])
