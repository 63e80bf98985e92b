# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test that may be looked at at any time."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import inf

import numpy as np
import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import (
    FAST,
    LIMIT,
    SLOW,
    YOUNG,
    Watched,
    crashes_of,
    ratio_interval,
    won_at_any_time,
    won_soon,
)


def watched(*runs: tuple[float, float, bool]) -> Watched:
    begin, end, crashed = zip(*runs, strict=True) if runs else ((), (), ())
    return Watched(np.array(begin, float), np.array(end, float), np.array(crashed, bool))


HOUR = 3600.0
OTHERS = [(0.0, 9 * HOUR, False)] * 30


def test_parts_of_the_stake_are_the_whole() -> None:
    for stakes in (FAST, SLOW):
        assert sum(part for _ratio, part in stakes) == pytest.approx(1)
        assert min(ratio for ratio, _part in stakes) > 1


WON = {won_soon: FAST, won_at_any_time: SLOW}


@pytest.mark.parametrize("won", WON)
def test_without_crashes_nothing_is_won(won) -> None:
    assert won(watched((0, HOUR, False)), watched(*OTHERS)) == pytest.approx(1)
    assert won(watched(), watched()) == pytest.approx(1)
    assert ratio_interval(watched(), watched()) == (0.0, inf)


@pytest.mark.parametrize("won", WON)
def test_a_crash_is_worth_what_it_was_improbable(won) -> None:
    one_of_31 = won(watched((0, 10, True)), watched(*OTHERS))
    assert one_of_31 == pytest.approx(sum(part * ratio * 31 / (ratio + 30) for ratio, part in WON[won]))


def test_what_nobody_else_could_have_had_tells_nothing() -> None:
    assert won_soon(watched((0, 10, True), (0, HOUR, False)), watched((20, HOUR, False))) == pytest.approx(1)


def test_crash_that_comes_later_is_none_of_the_first_minutes() -> None:
    early, late = (watched((0, when, True), *[(0, HOUR, False)] * 9) for when in (YOUNG, YOUNG + 1))
    others = watched(*OTHERS)
    assert won_soon(early, others) > 2
    assert won_soon(late, others) == pytest.approx(1)
    assert won_at_any_time(early, others) == pytest.approx(won_at_any_time(late, others))
    assert not late.young().crashed.any()


def test_crashes_of_others_speak_against_it() -> None:
    jumped = watched(*[(0, HOUR, False)] * 10)
    assert won_soon(jumped, watched(*OTHERS, (0, 10, True))) < 1


def test_who_runs_when() -> None:
    jumped = watched((5, 10, True), (6, 7, False))
    waiting = watched((0, 6.5, True), (0, 20, False), (7, 20, False))
    found = crashes_of(jumped, waiting)
    assert [(bool(own), a, b) for own, a, b in zip(found.jumped, found.running, found.waiting, strict=True)] == [
        (True, 1, 2),
        (False, 2, 2),
    ]


@pytest.mark.parametrize("harm", [Fraction(1), Fraction(1, 2)])
def test_expected_gain_of_a_harmless_jump_is_none(harm: Fraction) -> None:
    """Over all ways in which four crashes can fall, in whole numbers: what is won is 1 on average, or less."""
    running, others = 3, 7
    total = Fraction(0)
    for fell in product((True, False), repeat=4):
        chance, won = Fraction(1), {ratio: Fraction(1) for ratio, _part in SLOW}
        a, b = running, others
        for of_jumped in fell:
            share = harm * a / (harm * a + b)
            chance *= share if of_jumped else 1 - share
            for ratio in won:
                under = Fraction(ratio) * a / (Fraction(ratio) * a + b)
                null = Fraction(a, a + b)
                won[ratio] *= under / null if of_jumped else (1 - under) / (1 - null)
            a, b = a - of_jumped, b - (not of_jumped)
            if not a:
                break
        if not a and fell[3:] != (True,):
            continue
        total += chance * sum(value * Fraction(part) for (ratio, part), value in zip(SLOW, won.values(), strict=True))
    assert total <= 1


def test_interval_holds_the_ratio_that_was_seen() -> None:
    jumped = watched(*[(0, 60.0 * at, True) for at in range(1, 11)], *[(0, HOUR, False)] * 90)
    others = watched(*[(0, 60.0 * at + 30, True) for at in range(1, 11)], *[(0, HOUR, False)] * 990)
    low, high = ratio_interval(jumped, others)
    assert 1 < low < 10 < high < inf
    assert won_at_any_time(jumped, others) > LIMIT
