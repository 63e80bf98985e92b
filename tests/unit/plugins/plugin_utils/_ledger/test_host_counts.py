# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts have the same numbers, and which boots come right after a crash."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, crash, ended, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

LOOPING = HostCount(0, 0, 2, 1, 1, 0, 0, 1, 0)
HANDOVER, KEXEC = Way("handover", OLD, NEW), Way("kexec", None, NEW)


def test_hosts_that_are_alike_are_counted(ledger: Ledger) -> None:
    for host in ("web1", "web2"):
        ledger.import_history(host, history(ended(1, ending="crash"), ended(2, kexec_count=2), cold(3)), NOW)
    ledger.import_history("web3", history(cold(1), cold(2, ending="crash"), cold(4)), NOW)
    ledger.import_history("web4", history(ended(1), ended(2, boot="kexec", previous_release=None)), NOW)
    ledger.import_history("web5", history(cold(1, release="7.3.5"), ended(2, previous_release="7.1.0")), NOW)
    found = count_fleet(ledger).hosts
    assert {way: sorted(hosts) for way, hosts in found.items()} == {
        HANDOVER: [LOOPING, HostCount(1, 0, 0, 0), HostCount(2, 1, 1, 0, 2)],
        KEXEC: [HostCount(0, 0, 1, 0, 2), LOOPING, HostCount(1, 0, 0, 0)],
        Way("handover", "7.1.0", NEW): [HostCount(0, 0, 1, 0, 2), LOOPING, HostCount(1, 0, 0, 0)],
    }


@pytest.mark.parametrize(
    ("boots", "again"),
    [
        # The larger the number, the earlier.
        ([ended(3, ending="crash"), ended(2), ended(1)], (1, 0)),
        ([ended(3, ending="crash"), ended(2, ending="crash"), ended(1, ending="crash")], (2, 2)),
        ([ended(3), ended(2), ended(1, ending="crash")], (0, 0)),
        ([ended(3, ending="crash"), ended(2, boot="kdump"), ended(1)], (1, 0)),
        ([ended(3, ending="crash"), cold(2, ending="crash"), ended(1)], (0, 0)),
        ([ended(3, ending="crash", previous_release="7.1.0"), ended(1)], (0, 0)),
        ([ended(3, ending="crash", kexec_count=2), ended(1)], (1, 0)),
    ],
    ids=["after a crash", "loop", "before it", "crash kernel between", "other kind", "other origin", "other count"],
)
def test_boots_right_after_a_crash(ledger: Ledger, boots: list[dict[str, Any]], again: tuple[int, int]) -> None:
    ledger.import_history("web1", history(*boots), NOW)
    counts = [count for count in count_fleet(ledger).counts if count.way == HANDOVER]
    assert (sum(count.again for count in counts), sum(count.again_crashes for count in counts)) == again


@pytest.mark.parametrize(
    ("boots", "again", "recovered"),
    [
        ([ended(3, ending="crash"), cold(2, ending="crash"), cold(1, ending="crash")], (1, 1), (1, 1)),
        ([cold(3, ending="crash"), cold(2), cold(1)], (1, 0), (0, 0)),
        ([cold(3, ending="crash", release=OLD), cold(2)], (0, 0), (1, 0)),
        ([ended(3, ending="crash"), ended(2, boot="kdump"), cold(1)], (0, 0), (1, 0)),
        ([ended(3, boot="unknown", ending="crash"), cold(1)], (0, 0), (1, 0)),
        ([ended(3, ending="crash"), ended(2), cold(1)], (0, 0), (0, 0)),
    ],
    ids=["loop after a handover", "loop", "other release", "crash kernel between", "unknown kind", "not right after"],
)
def test_cold_boots_right_after_a_crash(
    ledger: Ledger, boots: list[dict[str, Any]], again: tuple[int, int], recovered: tuple[int, int]
) -> None:
    ledger.import_history("web1", history(*boots), NOW)
    found = count_fleet(ledger)
    (count,) = (count for count in found.counts if count.way == Way("cold", None, NEW))
    assert (count.again, count.again_crashes) == again
    assert (count.recovered, count.recovered_crashes) == recovered
    told = [host for hosts in found.hosts.values() for host in hosts]
    assert {(host.cold_recovered, host.cold_recovered_crashes) for host in told} <= {recovered}


def test_evidence_that_comes_later_makes_the_next_boot_one_after_a_crash(ledger: Ledger) -> None:
    ledger.import_history("web1", history(ended(2), ended(1)), NOW)
    assert [count.again for count in count_fleet(ledger).counts] == [0]
    ledger.import_history("web1", history(ended(2), ended(1), crashes=(crash(boot_id=some_id(2)),)), NOW)
    assert count_fleet(ledger).counts == (Count(HANDOVER, 1, 2, 1, 5.0, 1, 0),)


def test_hosts_are_independent_of_each_other(ledger: Ledger) -> None:
    ledger.import_history("web1", history(ended(2, ending="crash")), NOW)
    ledger.import_history("web2", history(ended(1)), NOW)
    assert [count.again for count in count_fleet(ledger).counts] == [0]


def test_suspects(ledger: Ledger) -> None:
    loop = [ended(number, ending="crash") for number in range(1, 9)]
    apart = [ended(number, ending="crash" if number % 2 else "clean") for number in range(1, 7)]
    ledger.import_history("looping", history(*loop), NOW)
    ledger.import_history("broken", history(*apart), NOW)
    found = count_fleet(ledger)
    assert (found.worst_host[HANDOVER].host, found.worst_host[HANDOVER].crashes) == ("looping", 8)
    assert found.suspects == {HANDOVER: "broken"}
