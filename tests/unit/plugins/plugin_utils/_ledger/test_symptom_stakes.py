# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bet on symptoms that come from a jump."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import LIMIT
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import (
    HOSTS,
    MOST,
    STAKES,
    Compared,
    Look,
    Pairs,
    compared,
    standings,
    won_by_symptoms,
)

NONE: frozenset[str] = frozenset()
ACPI = frozenset({"acpi"})


def jump(number: int, after: frozenset[str] = ACPI, before: frozenset[str] = NONE, other: frozenset[str] | None = NONE):
    return Compared(f"web{number:03}", after, before, other)


def look(host: str, began: float, until: float, symptoms: frozenset[str] = NONE) -> Look:
    return Look(host, began, until, symptoms)


def test_parts_of_the_stake_are_the_whole() -> None:
    assert sum(part for _ratio, part in STAKES) == pytest.approx(1)
    assert min(ratio for ratio, _part in STAKES) > 1


def test_expected_gain_of_a_harmless_jump_is_none() -> None:
    """Over all ways in which five hosts can have the symptom, before the jump or after it: 1 on average."""
    total = Fraction(0)
    ways = [*product((True, False), repeat=5)]
    for fell in ways:
        jumps = [jump(at, *((ACPI, NONE, NONE) if after else (NONE, ACPI, ACPI))) for at, after in enumerate(fell)]
        total += Fraction(won_by_symptoms(standings(jumps)))
    assert float(total / len(ways)) == pytest.approx(1)


def test_symptom_of_many_hosts_after_the_jump_only_is_found() -> None:
    (found,) = standings([jump(number) for number in range(12)])
    assert (found.with_itself, found.with_others) == (Pairs(12, 0), Pairs(12, 0))
    assert found.evidence > 20 * LIMIT
    assert found.part == 0.5
    assert found.with_itself.interval[0] > 1
    assert found.hosts[0] == "web000"


@pytest.mark.parametrize(
    ("before", "other"),
    [(ACPI, NONE), (NONE, ACPI), (NONE, None)],
    ids=["hosts have it always", "others have it in the same hours", "no other waited"],
)
def test_what_only_one_comparison_says_is_not_found(before: frozenset[str], other: frozenset[str] | None) -> None:
    jumps = [jump(0), jump(1), *(jump(2 + number, before=before, other=other) for number in range(20))]
    assert won_by_symptoms(standings(jumps)) <= 1


def test_first_hosts_are_no_part_of_the_bet() -> None:
    assert standings([jump(number) for number in range(HOSTS - 1)]) == []
    (found,) = standings([jump(number) for number in range(HOSTS)])
    assert found.evidence == pytest.approx(1)


def test_one_host_makes_no_bet() -> None:
    invented = frozenset(f"invented {number}" for number in range(20))
    assert standings([jump(0, invented), *(jump(1 + number, NONE) for number in range(50))]) == []


def test_hosts_that_had_it_before_and_not_after_speak_against_it() -> None:
    jumps = [jump(0), jump(1), jump(2, NONE, ACPI, ACPI)]
    assert won_by_symptoms(standings(jumps)) < 1


def test_all_parts_together_are_no_more_than_the_whole() -> None:
    many = frozenset(f"symptom {number:03}" for number in range(MOST + 20))
    found = standings([jump(number, many) for number in range(3)])
    assert len(found) == MOST
    assert sum(one.part for one in found) < 1
    assert found[1].part == pytest.approx(1 / 6)


def test_own_symptoms_are_lost_stakes() -> None:
    found = standings([jump(number) for number in range(12)])
    assert won_by_symptoms(found, ACPI) == 0.5


def test_each_other_host_is_compared_once_and_ran_all_the_time() -> None:
    before = [look("web1", 0, 10), look("web2", 0, 11), look("late", 0, 99, ACPI), look("early", 0, 50, ACPI)]
    before += [look("rebooted", 20, 100, ACPI)]
    after = [look("web2", 12, 90, ACPI), look("web1", 10, 80), look("stranger", 5, 80)]
    assert compared(before, after) == [Compared("web1", NONE, NONE, ACPI), Compared("web2", ACPI, NONE, None)]
    assert compared([*before, look("next", 0, 95)], after)[0].other == NONE
