# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boots are compared: crash loops are one crash, and cold boots after crashes speak in one direction only."""

from __future__ import annotations

from math import inf

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import TransitionRisk, correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, FleetCounts, HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import (
    CRASHES_LESS,
    CRASHES_MORE,
    NO_DIFFERENCE,
    TOO_FEW,
    Risk,
    Sum,
    part_of,
    risk_of,
    with_q,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import Table
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import sentence

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)


def compared(seen: Sum, cold: Sum, *hosts: HostCount) -> Risk:
    (risk,) = with_q([risk_of(seen, cold, hosts)])
    return risk


def after_crashes(boots: int, crashes: int) -> Sum:
    """Cold boots that all came right after a crash of another way."""
    return Sum(boots, crashes, 1.0, recovered=boots, recovered_crashes=crashes)


def said(seen: Sum, cold: Sum) -> tuple[TransitionRisk, str]:
    counts = (Count(HANDOVER, 1, *seen), Count(COLD, 0, *cold))
    (found,) = correlate(FleetCounts(counts=counts)).transitions
    return found, sentence(found)


def test_a_crash_loop_is_one_crash() -> None:
    loop = Sum(541, 36, 1.0, again=29, again_crashes=29)
    assert compared(loop, Sum(530, 7, 1.0)).table == Table(7, 512, 7, 530)


def test_cold_boots_after_crashes_say_that_a_transition_crashes_more() -> None:
    found, words = said(Sum(9, 9, 1.0), after_crashes(9, 0))
    assert found.risk.finding == CRASHES_MORE
    assert [note.code for note in found.cautions] == ["cold_boots_after_crashes"]
    found, words = said(Sum(40, 20, 1.0), after_crashes(20, 1))
    assert found.risk.interval is not None
    assert (found.risk.finding, found.risk.interval[1]) == (CRASHES_MORE, inf)
    assert "times as often as a cold boot of 7.3.4-kho (CI at least" in words


def test_cold_boots_after_crashes_never_say_that_it_crashes_less_or_as_often() -> None:
    found, words = said(Sum(400, 4, 1.0), after_crashes(40, 20))
    assert (found.risk.finding, found.risk.q) == (TOO_FEW, 1.0)
    assert "all cold boots of 7.3.4-kho came right after a crash (4 of 400 boots crashed" in words
    assert [cell.finding for _count, cell in found.by_count] == [TOO_FEW]
    assert compared(Sum(4000, 400, 1.0), after_crashes(4000, 390)).finding == TOO_FEW
    assert compared(Sum(4000, 400, 1.0), Sum(4000, 390, 1.0)).finding == NO_DIFFERENCE


def test_other_cold_boots_say_that_it_crashes_less() -> None:
    cold = Sum(540, 50, 1.0, recovered=40, recovered_crashes=20)
    found = compared(Sum(512, 5, 1.0), cold)
    assert (found.finding, found.table) == (CRASHES_LESS, Table(5, 512, 30, 500))
    # All cold boots would say that it crashes less often, and the others say that it does not.
    cold = Sum(100, 60, 1.0, recovered=60, recovered_crashes=60)
    found = compared(Sum(100, 20, 1.0), cold)
    assert (found.finding, found.table) == (CRASHES_MORE, Table(20, 100, 0, 40))


def test_the_upper_end_is_never_that_of_cold_boots_after_crashes() -> None:
    cold = Sum(200, 80, 1.0, recovered=100, recovered_crashes=78)
    found, others = compared(Sum(500, 40, 1.0), cold), compared(Sum(500, 40, 1.0), Sum(100, 2, 1.0))
    assert found.interval is not None
    assert others.interval is not None
    assert found.interval[0] < 1 < others.interval[0] < found.interval[1] == others.interval[1]


def test_hosts_with_cold_boots_after_crashes() -> None:
    some = (HostCount(10, 1, 1, 0, 20, cold_recovered=1), HostCount(10, 0, 1, 0, 80))
    found = compared(Sum(1000, 20), Sum(100, 0, recovered=20), *some)
    assert found.apart is not None
    assert found.apart.table.cold_boots == 80
    found = compared(Sum(80, 40), Sum(40, 0, recovered=40), HostCount(4, 2, 2, 0, 20, cold_recovered=2))
    assert (found.finding, found.apart) == (CRASHES_MORE, None)


@pytest.mark.parametrize("recovered", [0, 40])
def test_a_part_is_worth_its_share(recovered: int) -> None:
    hosts = (HostCount(10, 5, 2, 0, 20, cold_recovered=recovered // 20),)
    whole = compared(Sum(200, 100), Sum(40, 0, recovered=recovered), *hosts)
    part = part_of(Sum(100, 50), whole)
    assert part.estimate.boots == pytest.approx(whole.estimate.boots / 2)
    assert part.estimate.cold_boots == whole.estimate.cold_boots
    assert (part.apart is None) is bool(recovered)
    assert part.hosts is None
