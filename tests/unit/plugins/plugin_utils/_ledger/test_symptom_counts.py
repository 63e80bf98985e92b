# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often kernels complained, and on which hosts, as the database counts."""

from __future__ import annotations

from typing import Any

from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, ended, history

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, HostCount, Symptoms, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_counts import count_some
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom

FAULT = {"code": "iommu_fault", "signature": "DMAR: DRHD"}
OTHER = {"code": "io_error", "signature": "sda"}
HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)


def told(ledger: Ledger) -> Symptoms:
    return count_fleet(ledger).symptoms


def put(ledger: Ledger, host: str, *boots: dict[str, Any]) -> None:
    ledger.import_history(host, history(*boots), NOW)


def test_boots_and_hosts_with_and_without(ledger: Ledger) -> None:
    put(ledger, "web1", ended(1, troubles=[FAULT]), ended(2, troubles=[], kexec_count=2), cold(3, troubles=[]))
    put(ledger, "web2", ended(1, troubles=[FAULT]), ended(2, troubles=[FAULT]), cold(3, troubles=[FAULT]))
    put(ledger, "web3", ended(1, troubles=[]), cold(2, troubles=[]), cold(3, troubles=[]))
    put(ledger, "web4", cold(1, troubles=[FAULT]), cold(2, troubles=[]))
    put(ledger, "web5", cold(1, troubles=[]))
    put(ledger, "web6", ended(1), cold(2, troubles=None))
    (one,) = told(ledger).told
    assert (one.trouble, one.words, one.on_hosts) == ("iommu_fault", "DMAR: DRHD", 3)
    assert sorted(one.counts, key=str) == [
        Count(COLD, 0, 7, 2, 0.0),
        Count(HANDOVER, 1, 4, 3, 0.0),
        Count(HANDOVER, 2, 1, 0, 0.0),
    ]
    assert one.hosts == {
        HANDOVER: tuple(
            sorted(
                [
                    HostCount(2, 1, 1, 0),
                    HostCount(2, 2, 1, 1),
                    HostCount(1, 0, 2, 0),
                    HostCount(0, 0, 2, 1),
                    HostCount(0, 0, 1, 0),
                ]
            )
        )
    }


def test_some_symptoms_of_one_release_are_counted_as_all_are(ledger: Ledger) -> None:
    for host in ("web1", "web2"):
        put(
            ledger,
            host,
            ended(1, troubles=[FAULT, OTHER]),
            ended(2, troubles=[], kexec_count=2),
            cold(3, troubles=[FAULT]),
        )
        put(ledger, host, ended(4, release=OLD, troubles=[FAULT]), cold(5, release=OLD, troubles=[OTHER]))
    of_all = {one.trouble: one for one in told(ledger).told}
    fault = of_all["iommu_fault"]
    with ledger.snapshot() as connection:
        names = {fault.symptom: Symptom(fault.trouble, fault.words)}
        (one,) = count_some(connection, names, [NEW]).told
    assert one.counts == (Count(COLD, None, 2, 2, 0.0), Count(HANDOVER, None, 4, 2, 0.0))
    assert one.hosts == {HANDOVER: (HostCount(2, 1, 1, 1, 2),)}
    assert one.hosts[HANDOVER] == fault.hosts[HANDOVER]
    assert (one.cold_hosts, one.on_hosts, one.words) == ({NEW: 2}, 2, fault.words)


def test_no_cold_boots(ledger: Ledger) -> None:
    for host in ("web1", "web2"):
        put(ledger, host, ended(1, troubles=[FAULT]), ended(2, boot="kexec", previous_release=None, troubles=[FAULT]))
    (one,) = told(ledger).told
    assert one.hosts == {HANDOVER: (HostCount(1, 1, 0, 0, 2),), Way("kexec", None, NEW): (HostCount(1, 1, 0, 0, 2),)}


def test_what_one_host_has_is_counted_only(ledger: Ledger) -> None:
    put(ledger, "web1", ended(1, troubles=[FAULT, OTHER]))
    put(ledger, "web2", ended(1, troubles=[OTHER]))
    found = told(ledger)
    assert ([one.trouble for one in found.told], found.of_one_host, found.not_told) == (["io_error"], 1, 0)


def test_boots_of_unknown_kind_are_not_counted(ledger: Ledger) -> None:
    for host in ("web1", "web2"):
        put(ledger, host, ended(1, boot="unknown", troubles=[FAULT]), ended(2, release=None, troubles=[FAULT]))
    assert told(ledger) == Symptoms()


def test_of_many_those_of_the_most_hosts_are_told(ledger: Ledger) -> None:
    for number in range(60):
        own = [{"code": "io_error", "signature": f"disk {'x' * (number // 2 * 2)}"}]
        put(ledger, f"web{number}", ended(1, troubles=[*own, FAULT]), cold(2, troubles=own))
    for number in range(60, 120):
        more = [{"code": "pcie_error", "signature": f"port {'x' * (number // 2)}"} for _again in range(1)]
        put(ledger, f"web{number}", ended(1, troubles=more))
    found = told(ledger)
    assert found.told[0].trouble == "iommu_fault"
    assert (len(found.told), found.not_told) == (50, 11)
