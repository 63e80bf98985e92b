# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which crashes count, and for whom."""

from __future__ import annotations

import itertools

import pytest
from unit.plugins.plugin_utils.correlations import boots_and_crashes
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, crash, ended, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import (
    count_fleet,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    COUNTS,
    COUNTS_OF_WAY,
    WAYS,
    Count,
    Rest,
    Way,
    bound,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)


def test_boot_counts_as_crashed_once(ledger: Ledger) -> None:
    # By its ending, by evidence, by both, by two crashes.
    boots = [ended(1, ending="crash"), ended(2), ended(3, ending="crash"), ended(4), ended(5)]
    crashes = (
        crash(boot_id=some_id(2)),
        crash(boot_id=some_id(3)),
        crash(boot_id=some_id(4)),
        crash(boot_id=some_id(4), signature="0123456789abcdef"),
    )
    ledger.import_history("web1", history(*boots, crashes=crashes), NOW)
    assert boots_and_crashes(count_fleet(ledger)) == {(HANDOVER, 1): (5, 4)}


@pytest.mark.parametrize("kind", ["hung_task", "rcu_stall", "lockup", "machine_check", "warning", "fault"])
def test_slowness_and_hardware_that_a_kernel_survived_are_no_crash(ledger: Ledger, kind: str) -> None:
    survived = crash(boot_id=some_id(1), kind=kind, fatal=False)
    ledger.import_history("web1", history(ended(1), crashes=(survived, {**survived, "boot_id": None})), NOW)
    fleet = count_fleet(ledger)
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (1, 0)}
    assert (fleet.bugs, fleet.not_joined, fleet.worst_host) == ((), 0, {})


@pytest.mark.parametrize("kind", ["oops", "bug", "memory", "panic"])
def test_fault_of_the_kernel_is_a_crash_also_where_the_host_goes_on(ledger: Ledger, kind: str) -> None:
    survived = crash(boot_id=some_id(1), kind=kind, fatal=False)
    ledger.import_history("web1", history(ended(1), crashes=(survived, {**survived, "boot_id": None})), NOW)
    fleet = count_fleet(ledger)
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (1, 1)}
    assert ([one.kind for one in fleet.bugs], fleet.not_joined) == ([kind], 1)


def counts(way: Way, boots: int, numbers: range = range(1)) -> list[Count]:
    return [Count(way, number, boots + number, 1, 1.0) for number in numbers]


def test_a_few_ways_are_all_kept() -> None:
    given = [*counts(HANDOVER, 5, range(1, 4)), Count(HANDOVER, None, 1, 0, 1.0), *counts(COLD, 7)]
    found = bound(given, {})
    assert sorted(found.counts, key=str) == sorted(given, key=str)
    assert (found.rest, found.counts_left_out) == (Rest(), {})


def test_what_one_host_invents_crowds_out_nothing() -> None:
    invented = [Way("handover", f"a{number}", f"b{number}") for number in range(3 * WAYS)]
    cold = [Way("cold", None, way.release) for way in invented]
    others = [*counts(HANDOVER, 10, range(3)), *counts(COLD, 10)]
    given = [*others, *(count for way in (*invented, *cold) for count in counts(way, 1000))]
    found = bound(given, {**dict.fromkeys((*invented, *cold), 1), HANDOVER: 5, COLD: 5})
    ways = [count.way for count in found.counts]
    assert set(others) <= set(found.counts)
    assert len([way for way in ways if way.boot != "cold"]) == WAYS - 1 + 3
    assert {way.release for way in ways if way.boot != "cold"} == {way.release for way in ways if way.boot == "cold"}
    assert found.rest == Rest(2 * (2 * WAYS + 1), 1000 * 2 * (2 * WAYS + 1), 2 * (2 * WAYS + 1))
    assert sum(count.boots for count in found.counts) + found.rest.boots == sum(count.boots for count in given)


def test_counts_are_bounded_by_way_and_together() -> None:
    ways = [Way("handover", f"a{number}", NEW) for number in range(WAYS)]
    given = [count for way in ways for count in counts(way, 10, range(1, 100))]
    found = bound(given, {})
    assert len(found.counts) <= COUNTS + WAYS
    first = [count for count in found.counts if count.way == ways[0]]
    # Those with the most boots; what is left has no number.
    assert [count.kexec_count for count in first] == [*range(99, 99 - COUNTS_OF_WAY, -1), None]
    assert found.counts_left_out[ways[0]] == 99 - COUNTS_OF_WAY
    assert sum(count.boots for count in found.counts) == sum(count.boots for count in given)


def test_one_host_with_a_ledger_full_of_inventions(ledger: Ledger) -> None:
    boots = [
        ended(5 + number, release=f"{to}.0", previous_release=f"{left}.0", kexec_count=to)
        for number, (to, left) in enumerate(itertools.product(range(25), range(25)))
    ]
    for day in range(4):
        ledger.import_history("mallory", history(*boots[200 * day : 200 * (day + 1)]), NOW)
    for host in ("web1", "web2"):
        ledger.import_history(host, history(ended(1), cold(2)), NOW)
    found = count_fleet(ledger)
    assert len({count.way for count in found.counts if count.way.boot != "cold"}) == WAYS
    assert {HANDOVER, COLD} <= {count.way for count in found.counts}
    assert found.boots == sum(count.boots for count in found.counts) + found.rest.boots == len(boots) + 4
