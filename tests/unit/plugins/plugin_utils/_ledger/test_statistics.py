# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, inf, prod

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    ALPHA,
    ODDS_TO_FIND,
    TREND_DRAWS,
    Table,
    adjust,
    exact_test,
    rate_interval,
    risk_interval,
    trend_test,
)


@st.composite
def tables(draw: st.DrawFn, most: int = 40) -> Table:
    boots, cold = draw(st.integers(1, most)), draw(st.integers(1, most))
    return Table(draw(st.integers(0, boots)), boots, draw(st.integers(0, cold)), cold)


def exactly(table: Table, odds: int = 1) -> dict[int, Fraction]:
    """Return the probability of each number of crashes after the transition, in whole numbers."""
    crashed = table.crashes + table.cold_crashes
    possible = range(max(0, crashed - table.cold_boots), min(table.boots, crashed) + 1)
    weights = {x: comb(table.boots, x) * comb(table.cold_boots, crashed - x) * odds**x for x in possible}
    return {x: Fraction(weight, sum(weights.values())) for x, weight in weights.items()}


def exact_p(table: Table) -> dict[int, Fraction]:
    chances = exactly(table)
    return {x: sum(other for other in chances.values() if other <= chance) for x, chance in chances.items()}


@given(tables())
def test_fisher_in_whole_numbers(table: Table) -> None:
    expected, found = exact_p(table), exact_test(table)
    assert found.p == pytest.approx(float(expected[table.crashes]), rel=1e-9)
    assert found.smallest_p == pytest.approx(float(min(expected.values())), rel=1e-9)


@given(tables())
@example(Table(crashes=0, boots=1, cold_crashes=1, cold_boots=19)).via("p is 1/20, and a little more as a float")
def test_power_in_whole_numbers(table: Table) -> None:
    p_values, tilted = exact_p(table), exactly(table, int(ODDS_TO_FIND))
    mean = Fraction((table.crashes + table.cold_crashes) * table.boots, table.boots + table.cold_boots)
    expected = sum(tilted[x] for x, p in p_values.items() if x > mean and p <= ALPHA)
    assert exact_test(table).power == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


@given(tables(most=200))
def test_interval_holds_the_relative_risk(table: Table) -> None:
    low, high = risk_interval(table)
    assert 0 <= low <= high
    if table.relative_risk is not None:
        assert low <= table.relative_risk <= high
    assert (low == 0) == (table.crashes == 0)
    assert (high == inf) == (table.cold_crashes == 0)


@given(tables(most=200))
def test_interval_of_the_other_way_round(table: Table) -> None:
    low, high = risk_interval(table)
    turned = risk_interval(Table(table.cold_crashes, table.cold_boots, table.crashes, table.boots))
    assert turned[0] == pytest.approx(1 / high if high else inf, rel=1e-6)
    assert turned[1] == pytest.approx(1 / low if low else inf, rel=1e-6)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (Table(0, 0, 1, 5), None),
        (Table(0, 5, 0, 5), None),
        (Table(1, 5, 0, 5), inf),
        (Table(0, 5, 1, 5), 0.0),
        (Table(4, 10, 1, 10), 4.0),
    ],
)
def test_relative_risk(table: Table, expected: float | None) -> None:
    assert table.relative_risk == expected


def test_large_fleets() -> None:
    found = exact_test(Table(5000, 500_000, 4000, 500_000))
    assert found.p < 1e-20
    assert found.power == pytest.approx(1)


@pytest.mark.parametrize(("crashes", "boots"), [(0, 1), (1, 1), (0, 1000), (7, 1000), (999, 1000)])
def test_interval_of_a_rate(crashes: int, boots: int) -> None:
    low, high = rate_interval(crashes, boots)
    # That so many or more, or so few or less, are seen has a probability of ALPHA / 2 at its ends.
    more = sum(comb(boots, k) * low**k * (1 - low) ** (boots - k) for k in range(crashes, boots + 1))
    less = sum(comb(boots, k) * high**k * (1 - high) ** (boots - k) for k in range(crashes + 1))
    assert more == (1 if crashes == 0 else pytest.approx(ALPHA / 2))
    assert less == (1 if crashes == boots else pytest.approx(ALPHA / 2))


def test_adjusted() -> None:
    assert adjust([]) == []
    assert adjust([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])


def exact_trend(groups: list[tuple[int, int, int]]) -> float:
    """Return the p-value of the trend from all ways to deal the crashes."""
    crashed = sum(group[2] for group in groups)
    mean = Fraction(
        sum(score * boots for score, boots, _crashes in groups), sum(boots for _score, boots, _crashes in groups)
    )

    def distance(dealt: tuple[int, ...]) -> Fraction:
        return abs(
            sum((score - mean) * number for (score, _boots, _crashes), number in zip(groups, dealt, strict=True))
        )

    seen = distance(tuple(group[2] for group in groups))
    ways = {
        dealt: prod(comb(boots, k) for (_score, boots, _crashes), k in zip(groups, dealt, strict=True))
        for dealt in product(*(range(boots + 1) for _score, boots, _crashes in groups))
        if sum(dealt) == crashed
    }
    return sum(way for dealt, way in ways.items() if distance(dealt) >= seen) / sum(ways.values())


@pytest.mark.parametrize(
    "groups",
    [
        [(1, 10, 0), (2, 10, 2), (3, 8, 4)],
        [(1, 12, 3), (2, 9, 2), (5, 5, 1)],
        [(1, 20, 5), (7, 6, 0)],
        [(1, 6, 6), (2, 6, 3), (3, 6, 0), (4, 3, 0)],
    ],
)
def test_trend_against_all_ways_to_deal(groups: list[tuple[int, int, int]]) -> None:
    found = trend_test(groups)
    assert found is not None
    expected = exact_trend(groups)
    # Drawn 9,999 times, or until 20 were as extreme.
    assert found.p == pytest.approx(expected, rel=0.5, abs=2 / TREND_DRAWS)
    assert found == trend_test(groups)


@pytest.mark.parametrize(
    ("groups", "direction"),
    [([(1, 50, 1), (2, 50, 20)], 1), ([(1, 50, 20), (2, 50, 1)], -1), ([(1, 9, 3), (2, 9, 3)], 0)],
)
def test_direction_of_a_trend(groups: list[tuple[int, int, int]], direction: int) -> None:
    found = trend_test(groups)
    assert found is not None
    assert found.direction == direction
    assert (found.p < ALPHA) == (direction != 0)


@pytest.mark.parametrize("groups", [[], [(1, 10, 5)], [(1, 10, 0), (2, 10, 0)], [(1, 3, 3), (2, 3, 3)]])
def test_no_trend_to_look_for(groups: list[tuple[int, int, int]]) -> None:
    assert trend_test(groups) is None


def test_least_p_of_a_trend() -> None:
    found = trend_test([(1, 4, 0), (2, 3, 2)])
    assert found is not None
    # Two crashes, both among the last three boots of seven: 3 of 21 ways; among the first four: 6 of 21.
    assert found.smallest_p == pytest.approx(3 / 21)
