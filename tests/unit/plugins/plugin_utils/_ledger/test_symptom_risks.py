# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which symptoms come from a kexec, and which only from long chains."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Count,
    HostCount,
    SymptomCount,
    Symptoms,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import ONE_HOST, TOO_FEW
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks import (
    FINDINGS,
    MORE_AFTER_KEXEC,
    ONLY_AFTER_KEXEC,
    ONLY_LONG_CHAINS,
    OWN,
    SymptomRisk,
    own_symptoms,
    symptom_risks,
)

HANDOVER, COLD = Way("handover", "7.2.13", "7.3.4"), Way("cold", None, "7.3.4")


def symptom(number: int, *hosts: HostCount, counts: tuple[Count, ...] = ()) -> SymptomCount:
    sums = [sum(one.hosts * getattr(one, name) for one in hosts) for name in HostCount._fields[:4]]
    usual = (Count(HANDOVER, 1, sums[0], sums[1], 0.0), Count(COLD, 0, sums[2], sums[3], 0.0))
    having = sum(one.hosts for one in hosts if one.crashes or one.cold_crashes)
    cold = {"7.3.4": sum(one.hosts for one in hosts if one.cold_crashes)}
    return SymptomCount(f"{number:016x}", "iommu_fault", "DMAR", having, counts or usual, {HANDOVER: hosts}, cold)


def risks(*told: SymptomCount) -> tuple[SymptomRisk, ...]:
    return symptom_risks(Symptoms(told))


@pytest.mark.parametrize(
    ("hosts", "finding"),
    [
        ([HostCount(4, 3, 4, 0, 20), HostCount(4, 0, 4, 0, 80)], ONLY_AFTER_KEXEC),
        ([HostCount(4, 3, 4, 0, 20), HostCount(4, 0, 4, 1, 5), HostCount(4, 0, 4, 0, 80)], MORE_AFTER_KEXEC),
        ([HostCount(4, 4, 4, 4, 20), HostCount(4, 0, 4, 0, 80)], OWN),
        ([HostCount(4, 1, 4, 0, 2), HostCount(4, 0, 4, 0, 80)], TOO_FEW),
        ([HostCount(1, 1, 0, 0, 20)], TOO_FEW),
    ],
)
def test_findings(hosts: list[HostCount], finding: str) -> None:
    (one,) = risks(symptom(1, *hosts))
    assert one.finding == finding


def test_what_rests_on_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.kho.kexec.plugins.plugin_utils._ledger.evidence._likeness", lambda _: 0.0)
    (one,) = risks(symptom(1, HostCount(9, 9, 9, 0), HostCount(9, 0, 9, 0, 20)))
    assert one.finding == ONE_HOST


def test_all_pairs_are_corrected_for_also_those_without_the_symptom() -> None:
    weak = symptom(1, HostCount(2, 1, 2, 0, 6), HostCount(2, 0, 2, 0, 60))
    (alone,) = risks(weak)
    assert alone.risk.q is not None
    silent = [symptom(2 + at, HostCount(2, 0, 2, 1, 20), HostCount(2, 0, 2, 0, 60)) for at in range(20)]
    (one,) = risks(weak, *silent)
    assert one.risk.q == pytest.approx(21 * alone.risk.q)
    assert (alone.finding, one.finding) == (ONLY_AFTER_KEXEC, TOO_FEW)


def chain(*seen: tuple[int, int, int]) -> tuple[Count, ...]:
    counts = (Count(HANDOVER, count, boots, crashes, 0.0) for count, boots, crashes in seen)
    return (*counts, Count(COLD, 0, 400, 0, 0.0))


@pytest.mark.parametrize(
    ("seen", "from_count"),
    [
        ([(1, 100, 0), (2, 100, 0), (3, 100, 30), (4, 100, 60)], 3),
        ([(1, 100, 2), (2, 100, 0), (3, 100, 30), (4, 100, 60)], None),
        ([(1, 100, 30), (2, 100, 30), (3, 100, 30)], None),
        ([(1, 1, 0), (2, 1, 0), (3, 100, 2), (4, 100, 12)], None),
        ([(3, 100, 30), (4, 100, 60)], None),
    ],
    ids=["from 3 on", "grows", "does not grow", "too few below", "none below"],
)
def test_only_long_chains(seen: list[tuple[int, int, int]], from_count: int | None) -> None:
    boots, having = (sum(column) for column in list(zip(*seen, strict=True))[1:])
    hosts = [HostCount(1, 1, 1, 0, having), HostCount(1, 0, 1, 0, boots - having)]
    (one,) = risks(symptom(1, *hosts, counts=chain(*seen)))
    assert one.from_count == from_count
    assert (one.finding == ONLY_LONG_CHAINS) is (from_count is not None)


def test_what_kernels_have_after_cold_boots() -> None:
    both = symptom(1, HostCount(4, 4, 4, 4, 20), HostCount(4, 0, 4, 0, 80))
    of_one = symptom(2, HostCount(4, 4, 4, 4), HostCount(4, 4, 4, 0, 20))
    (one,) = own_symptoms(Symptoms((both, of_one)), ())
    assert (one.release, one.seen.boots, one.seen.crashes, one.hosts) == ("7.3.4", 400, 80, 20)


def test_what_comes_from_a_kexec_more_often_is_not_the_kernels_own() -> None:
    """Two hosts that lie, or are broken, would otherwise excuse it on all others."""
    told = symptom(1, HostCount(4, 3, 4, 0, 20), HostCount(4, 0, 4, 1, 2), HostCount(4, 0, 4, 0, 80))
    assert [one.finding for one in risks(told)] == [MORE_AFTER_KEXEC]
    assert len(own_symptoms(Symptoms((told,)), ())) == 1
    assert own_symptoms(Symptoms((told,)), risks(told)) == []


def test_those_of_the_most_hosts_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks.OWN_TOLD", 2)
    told = [symptom(number, HostCount(4, 4, 4, 4, 20 + number), HostCount(4, 0, 4, 0, 80)) for number in range(5)]
    assert [one.hosts for one in own_symptoms(Symptoms(tuple(told)), ())] == [24, 23]


@pytest.mark.parametrize("flaky", [0.0, 0.05])
def test_false_findings_are_as_rare_as_stated(flaky: float) -> None:
    """Ten symptoms of 150 fleets of 100 hosts, which have nothing to do with a kexec; some hosts have one often."""
    alarms = 0
    for seed in range(150):
        draw = np.random.default_rng(seed)
        told = []
        for number in range(10):
            rates = np.where(draw.random(100) < flaky, 0.9, 0.02)
            hosts = [HostCount(5, int(here), 5, int(cold)) for here, cold in draw.binomial(5, rates, (2, 100)).T]
            told.append(symptom(number, *hosts))
        alarms += any(one.finding in FINDINGS for one in risks(*told))
    assert alarms / 150 <= 0.05 + 4 * (0.05 * 0.95 / 150) ** 0.5
