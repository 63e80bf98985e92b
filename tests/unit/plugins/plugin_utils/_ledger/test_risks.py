# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import GROWS, correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    FleetCounts,
    Way,
    WorstHost,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import CRASHES_MORE
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risks import crash_risks, long_chains

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
HANDOVER, KEXEC, COLD = Way("handover", OLD, NEW), Way("kexec", None, NEW), Way("cold", None, NEW)
PLENTY = Count(COLD, 0, 5000, 50, 5000.0)
BUG = Bug(HANDOVER, "5e6f7a8b9c0d1e2f", "panic", ("nvme_reset_work",), 31)


def counted(boots: int, crashes: int, count: int | None = 1, way: Way = HANDOVER) -> Count:
    return Count(way, count, boots, crashes, float(boots))


def risks(*counts: Count, **more: Any) -> list[dict[str, Any]]:
    return crash_risks(correlate(FleetCounts(counts=counts, **more)))


def test_transition_that_crashes() -> None:
    (one,) = risks(counted(512, 41), Count(COLD, 0, 530, 7, 530.0), bugs=(BUG,))
    assert one == {
        **{"boot": "handover", "previous_release": OLD, "release": NEW, "longest_chain": None},
        **{"boots": 512, "crashes": 41, "relative_risk": pytest.approx(6.06, abs=0.01)},
        **{"relative_risk_low": pytest.approx(2.81, abs=0.01), "relative_risk_high": pytest.approx(13.16, abs=0.01)},
        **{"q": pytest.approx(1.45e-7, rel=0.01), "bug": "5e6f7a8b9c0d1e2f"},
        "sentence": one["sentence"],
        "cautions": [],
    }
    assert one["sentence"].startswith(f"{OLD} -> {NEW} crashes 6.1 times as often")


def test_plans_take_what_the_ledger_says() -> None:
    (one,) = risks(counted(512, 41), PLENTY)
    assert set(one) == set(policy_spec()["crash_risks"]["options"])


@pytest.mark.parametrize(
    "counts",
    [
        (counted(2000, 20), PLENTY),
        (counted(50, 1), PLENTY),
        (counted(512, 41),),
        (counted(5000, 1), Count(COLD, 0, 5000, 500, 5000.0)),
        (),
    ],
    ids=["no difference", "too few", "no cold boot", "crashes less", "nothing known"],
)
def test_what_is_no_risk(counts: tuple[Count, ...]) -> None:
    assert risks(*counts) == []


def test_no_cold_boot_crashed() -> None:
    (one,) = risks(counted(500, 20), Count(COLD, 0, 500, 0, 500.0))
    assert (one["relative_risk"], one["relative_risk_high"]) == (None, None)
    assert one["relative_risk_low"] > 1
    json.dumps(one, allow_nan=False)


def test_kexec_without_handover_and_the_worst_first() -> None:
    found = risks(counted(512, 20, 0, KEXEC), counted(512, 41), PLENTY)
    assert [(one["boot"], one["previous_release"]) for one in found] == [("handover", OLD), ("kexec", None)]
    assert found[0]["bug"] is None


def test_cautions_reach_the_plan() -> None:
    (one,) = risks(counted(512, 41), Count(COLD, 0, 530, 7, 530.0), worst_host={HANDOVER: WorstHost("web7", 30)})
    assert [caution["code"] for caution in one["cautions"]] == ["crashes_on_one_host"]
    assert set(one["cautions"][0]) == set(policy_spec()["crash_risks"]["options"]["cautions"]["options"])


def test_only_long_chains_crash() -> None:
    found = risks(*(counted(1000, 10, number) for number in (1, 2, 4)), counted(300, 30, 6), PLENTY)
    (one,) = found
    # 3 and 5 were never seen, so nobody knows that 5 is harmless.
    assert (one["longest_chain"], one["boots"], one["crashes"]) == (4, 300, 30)
    assert one["sentence"].startswith(f"{OLD} -> {NEW} after more than 4 handovers in a row crashes 10 times as often")
    assert "grows with the count" in one["sentence"]


@pytest.mark.parametrize(
    "counts",
    [
        (counted(300, 30, 1), counted(300, 60, 2)),
        (counted(5, 0, 1), counted(5, 0, 2), counted(600, 60, 3)),
        (counted(1000, 80, 1), counted(1000, 80, 2)),
        (counted(300, 30, None), counted(300, 30, 1)),
    ],
    ids=["from the first on", "too few short chains", "no trend", "count unknown"],
)
def test_no_chain_is_known_to_be_harmless(counts: tuple[Count, ...]) -> None:
    (one,) = risks(*counts, PLENTY)
    assert one["longest_chain"] is None


GROUPS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 3000), st.floats(0, 0.2)), max_size=6, unique_by=lambda group: group[0]
)


@given(groups=GROUPS, cold=st.tuples(st.integers(1, 5000), st.floats(0, 0.1)))
def test_only_findings_are_risks(groups: list[tuple[int, int, float]], cold: tuple[int, float]) -> None:
    counts = [counted(boots, int(boots * rate), count) for count, boots, rate in groups]
    fleet = correlate(FleetCounts(counts=(*counts, Count(COLD, 0, cold[0], int(cold[0] * cold[1]), 1.0))))
    (one,) = fleet.transitions or (None,)
    found = crash_risks(fleet)
    json.dumps(found, allow_nan=False)
    if one is None:
        assert found == []
        return
    chains = long_chains(one)
    assert [risk["longest_chain"] for risk in found] == (
        [chains.harmless] if chains else [None] if one.risk.finding == CRASHES_MORE else []
    )
    if chains:
        assert one.trend is not None
        assert one.trend.finding == GROWS
        seen = {count: risk.finding for count, risk in one.by_count if count is not None}
        assert CRASHES_MORE not in [finding for count, finding in seen.items() if count <= chains.harmless]
        assert CRASHES_MORE in [finding for count, finding in seen.items() if count > chains.harmless]
    for risk in found:
        assert 0 < risk["q"] <= 0.05
        assert risk["crashes"] <= risk["boots"]
