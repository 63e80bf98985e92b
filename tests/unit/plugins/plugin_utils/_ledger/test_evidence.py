# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What boots of hosts are worth, where hosts are alike and where they are not."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import HostCount
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.evidence import (
    hosts_of,
    rests_on_one_host,
    weigh,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import Table


@st.composite
def hosts(draw: st.DrawFn) -> HostCount:
    boots, cold = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    crashes, cold_crashes = draw(st.integers(0, boots)), draw(st.integers(0, cold))
    return HostCount(boots, crashes, cold, cold_crashes, draw(st.integers(1, 40)))


@given(st.lists(hosts(), min_size=1, max_size=20).filter(lambda found: hosts_of(found)[0] and hosts_of(found)[2]))
def test_no_boots_are_worth_more_than_there_are(found: list[HostCount]) -> None:
    table = weigh(found).table
    assert 1 <= table.boots <= sum(one.boots * one.hosts for one in found)
    assert 1 <= table.cold_boots <= sum(one.cold_boots * one.hosts for one in found)
    assert 0 <= table.crashes <= table.boots
    assert 0 <= table.cold_crashes <= table.cold_boots


@given(st.lists(hosts(), min_size=1, max_size=9).filter(lambda found: hosts_of(found)[0] and hosts_of(found)[2]))
def test_order_and_grouping_do_not_matter(found: list[HostCount]) -> None:
    single = [one._replace(hosts=1) for one in reversed(found) for _copy in range(one.hosts)]
    assert weigh(single) == weigh(found)


def test_boots_of_hosts_that_are_alike_are_what_they_are() -> None:
    # No host has crashed twice.
    found = weigh([HostCount(2, 0, 3, 0, 90), HostCount(2, 1, 3, 0, 6), HostCount(2, 0, 3, 1, 4)])
    assert found.table == Table(6, 200, 4, 300)
    assert astuple(found.estimate) == pytest.approx((6, 200, 4, 300))


def test_hosts_that_always_or_never_crash_are_worth_one_boot_each() -> None:
    found = weigh([HostCount(20, 20, 0, 0, 5), HostCount(20, 0, 0, 0, 45), HostCount(0, 0, 20, 0, 50)]).table
    assert found == Table(5, 50, 0, 50)


def test_of_a_host_with_both_kinds_only_the_difference_counts() -> None:
    broken = [HostCount(10, 9, 10, 9, 5), HostCount(10, 0, 10, 0, 95)]
    apart = [
        HostCount(10, 9, 0, 0, 5),
        HostCount(10, 0, 0, 0, 95),
        HostCount(0, 0, 10, 9, 5),
        HostCount(0, 0, 10, 0, 95),
    ]
    assert weigh(broken).table.boots > 4 * weigh(apart).table.boots


@pytest.mark.parametrize(
    ("liar", "expected"),
    [
        (HostCount(10_000, 10_000, 0, 0), 501),
        (HostCount(10_000, 0, 0, 0), 525),
    ],
    ids=["crashes in a loop", "claims that nothing crashes"],
)
def test_one_host_does_not_weigh_much_whatever_it_tells(liar: HostCount, expected: int) -> None:
    honest = [HostCount(5, 0, 5, 0, 90), HostCount(5, 1, 5, 0, 5), HostCount(5, 0, 5, 1, 5)]
    found = weigh([*honest, liar]).table
    assert found.boots <= expected
    assert found.crashes <= 6
    assert found.cold_crashes / found.cold_boots == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([HostCount(5, 3, 5, 0), HostCount(5, 0, 5, 0, 40)], True),
        ([HostCount(5, 3, 5, 0), HostCount(5, 1, 5, 0), HostCount(5, 0, 5, 0, 40)], True),
        ([HostCount(5, 2, 5, 0), HostCount(5, 1, 5, 0), HostCount(5, 0, 5, 0, 40)], False),
        ([HostCount(5, 1, 5, 0, 9), HostCount(5, 0, 5, 0, 40)], False),
        ([HostCount(40, 30, 5, 0), HostCount(5, 1, 5, 0, 10), HostCount(5, 0, 5, 0, 40)], False),
        ([HostCount(5, 3, 0, 0), HostCount(0, 0, 5, 0)], True),
    ],
    ids=["alone", "hardly another", "two", "nine alike", "one of many", "nobody else took it"],
)
@pytest.mark.parametrize("more", [True, False])
def test_what_rests_on_one_host(found: list[HostCount], expected: bool, more: bool) -> None:
    turned = [HostCount(one[2], one[3], one[0], one[1], one.hosts) for one in found]
    assert rests_on_one_host(found if more else turned, more) is expected
