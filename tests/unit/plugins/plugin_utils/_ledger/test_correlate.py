# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from math import inf, nextafter

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import evidence, risk
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import (
    GROWS,
    NO_TREND,
    Correlation,
    TransitionRisk,
    Trend,
    correlate,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    FleetCounts,
    HostCount,
    Way,
    WorstHost,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.evidence import Hosts
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import (
    CRASHES_LESS,
    CRASHES_MORE,
    NO_DIFFERENCE,
    ONE_HOST,
    TOO_FEW,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risks import crash_risks
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    ALPHA,
    ExactTest,
    TrendTest,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import sentence, summary

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)


def counted(way: Way, boots: int, crashes: int, count: int | None = 1, hours: float | None = None) -> Count:
    return Count(way, count, boots, crashes, 24.0 * boots if hours is None else hours)


def fleet(*counts: Count, **more: object) -> Correlation:
    return correlate(FleetCounts(counts=counts, **more))  # type: ignore[arg-type]


def one(*counts: Count, **more: object) -> TransitionRisk:
    found = fleet(*counts, **more).of(OLD, NEW)
    assert found is not None
    return found


def test_transition_that_crashes() -> None:
    found = one(counted(HANDOVER, 512, 41), counted(COLD, 530, 7, 0))
    assert found.risk.finding == CRASHES_MORE
    assert found.risk.relative_risk == pytest.approx(6.06, abs=0.01)
    assert found.risk.interval == pytest.approx((2.81, 13.16), abs=0.01)
    assert found.risk.q == found.risk.test.p if found.risk.test else None


def test_transition_that_heals() -> None:
    assert one(counted(HANDOVER, 530, 7), counted(COLD, 512, 41, 0)).risk.finding == CRASHES_LESS


def test_a_p_value_of_one_in_twenty_is_a_finding() -> None:
    assert one(counted(HANDOVER, 1, 1), counted(COLD, 19, 0, 0)).risk.finding == CRASHES_MORE


@pytest.mark.parametrize(
    ("limit", "found", "trend"),
    [(ALPHA, CRASHES_MORE, GROWS), (nextafter(ALPHA, 1), CRASHES_MORE, GROWS), (1.001 * ALPHA, TOO_FEW, NO_TREND)],
)
def test_rounding_decides_nothing(limit: float, found: str, trend: str) -> None:
    risk = one(counted(HANDOVER, 1, 1), counted(COLD, 19, 0, 0)).risk
    assert replace(risk, q=limit).finding == found
    assert Trend(TrendTest(p=limit, smallest_p=0.001, direction=1), q=limit).finding == trend
    assert replace(risk, test=ExactTest(p=limit, smallest_p=limit, power=0)).could_tell == (found == CRASHES_MORE)
    assert Trend(TrendTest(p=limit, smallest_p=limit, direction=1)).could_tell == (found == CRASHES_MORE)


def test_enough_boots_without_a_difference() -> None:
    assert one(counted(HANDOVER, 2000, 40), counted(COLD, 2000, 38, 0)).risk.finding == NO_DIFFERENCE


@pytest.mark.parametrize(
    ("boots", "crashes", "cold_boots", "cold_crashes"),
    [(1, 0, 1, 0), (3, 1, 3, 0), (10_000, 0, 10_000, 0), (100, 2, 100, 1), (5, 1, 0, 0)],
)
def test_too_few_to_tell(boots: int, crashes: int, cold_boots: int, cold_crashes: int) -> None:
    counts = [counted(HANDOVER, boots, crashes)]
    counts += [counted(COLD, cold_boots, cold_crashes, 0)] if cold_boots else []
    found = one(*counts)
    assert found.risk.finding == TOO_FEW
    assert (found.risk.test is None) == (cold_boots == 0)


def test_only_what_could_be_found_is_corrected_for() -> None:
    hopeless = [counted(Way("handover", f"6.{number}", NEW), 2, 1) for number in range(50)]
    cold, crashing = counted(COLD, 530, 7, 0), counted(HANDOVER, 512, 41)
    assert one(crashing, cold, *hopeless).risk.finding == CRASHES_MORE
    alone, among = one(crashing, cold).risk, one(crashing, cold, *hopeless).risk
    many = [counted(Way("handover", f"6.{number}", NEW), 512, 7) for number in range(50)]
    crowded = one(crashing, cold, *many).risk
    assert alone.q is not None
    assert among.q is not None
    assert crowded.q is not None
    assert crowded.q == pytest.approx(51 * alone.q)
    assert among.q >= alone.q


def test_no_cold_boot_crashed() -> None:
    found = one(counted(HANDOVER, 500, 20), counted(COLD, 500, 0, 0))
    assert found.risk.finding == CRASHES_MORE
    assert found.risk.relative_risk == inf
    assert found.risk.interval is not None
    assert found.risk.interval[0] > 1


def test_counts_are_compared_each_by_itself_and_grow() -> None:
    found = one(*(counted(HANDOVER, 200, 4 * number, number) for number in range(1, 6)), counted(COLD, 2000, 40, 0))
    assert [(count, risk.seen.crashes) for count, risk in found.by_count] == [(1, 4), (2, 8), (3, 12), (4, 16), (5, 20)]
    assert [risk.finding for _count, risk in found.by_count][-1] == CRASHES_MORE
    assert found.by_count[0][1].finding != CRASHES_MORE
    assert found.trend is not None
    assert found.trend.finding == GROWS


def test_no_trend_and_too_few_for_one() -> None:
    steady = one(*(counted(HANDOVER, 200, 8, number) for number in range(1, 6)), counted(COLD, 900, 40, 0)).trend
    few = one(counted(HANDOVER, 9, 1, 1), counted(HANDOVER, 9, 0, 2)).trend
    assert steady is not None
    assert few is not None
    assert (steady.finding, few.finding) == (NO_TREND, TOO_FEW)
    assert few.q is None


def test_unknown_count_stands_last_and_is_in_no_trend() -> None:
    found = one(counted(HANDOVER, 5, 1, None), counted(HANDOVER, 7, 1, 3))
    assert [count for count, _risk in found.by_count] == [3, None]
    assert found.trend is None
    assert found.risk.seen.boots == 12


def test_kexec_without_handover_is_a_way_of_its_own() -> None:
    found = fleet(counted(Way("kexec", None, NEW), 512, 41, 0), counted(COLD, 530, 7, 0))
    assert [transition.way.boot for transition in found.transitions] == ["kexec"]
    assert found.of(None, NEW) is None
    assert found.transitions[0].risk.finding == CRASHES_MORE


def test_cold_boots_of_another_release_do_not_count() -> None:
    assert one(counted(HANDOVER, 512, 41), counted(Way("cold", None, OLD), 530, 7, 0)).risk.test is None


def test_worst_stand_first() -> None:
    harmless, few = Way("handover", "7.1.0", NEW), Way("handover", "7.0.0", NEW)
    counts = [counted(few, 2, 0), counted(harmless, 2000, 26), counted(HANDOVER, 512, 41), counted(COLD, 2000, 26, 0)]
    assert [transition.way for transition in fleet(*counts).transitions] == [HANDOVER, harmless, few]


def test_bugs_go_to_their_transition() -> None:
    mine, other = (Bug(way, "00" * 8, "panic", (), 3) for way in (HANDOVER, COLD))
    assert one(counted(HANDOVER, 5, 3), bugs=(mine, other)).bugs == (mine,)


@pytest.mark.parametrize(
    ("crashes", "worst", "expected"), [(40, 39, True), (40, 20, False), (2, 2, False), (3, 3, True)]
)
def test_caution_when_one_host_crashes(crashes: int, worst: int, expected: bool) -> None:
    worst_host = {HANDOVER: WorstHost("web7", worst)}
    found = one(counted(HANDOVER, 512, crashes), counted(COLD, 512, 9, 0), worst_host=worst_host)
    assert [note.code for note in found.cautions] == (["crashes_on_one_host"] if expected else [])


@pytest.mark.parametrize(("worst", "expected"), [(8, True), (4, False)])
def test_caution_when_the_cold_boots_of_one_host_crash(worst: int, expected: bool) -> None:
    found = one(counted(HANDOVER, 512, 5), counted(COLD, 512, 9, 0), worst_host={COLD: WorstHost("web7", worst)})
    assert [note.code for note in found.cautions] == (["cold_crashes_on_one_host"] if expected else [])


def test_caution_when_counts_are_left_out() -> None:
    found = one(counted(HANDOVER, 512, 5), counted(COLD, 512, 9, 0), counts_left_out={HANDOVER: 70})
    assert [note.code for note in found.cautions] == ["counts_left_out"]
    assert "70 further" in found.cautions[0].message


def test_caution_when_boots_are_young() -> None:
    found = one(counted(HANDOVER, 512, 4, hours=512.0), counted(COLD, 512, 9, 0))
    assert [note.code for note in found.cautions] == ["boots_younger"]
    assert "1 hours" in found.cautions[0].message
    assert "24" in found.cautions[0].message


@pytest.mark.parametrize(("again", "expected"), [(300, True), (200, False)])
def test_caution_when_boots_came_after_crashes(again: int, expected: bool) -> None:
    cold = replace(counted(COLD, 512, 9, 0), again=again)
    found = one(counted(HANDOVER, 512, 5), cold)
    assert [note.code for note in found.cautions] == (["boots_after_crashes"] if expected else [])


ALIKE = (HostCount(10, 0, 10, 0, 300), HostCount(10, 1, 10, 0, 50), HostCount(10, 0, 10, 1, 8))


def with_hosts(*hosts: HostCount, **more: object) -> TransitionRisk:
    boots, crashes, cold_boots, cold_crashes = (
        sum(one.hosts * getattr(one, name) for one in hosts)
        for name in ("boots", "crashes", "cold_boots", "cold_crashes")
    )
    counts = (counted(HANDOVER, boots, crashes), counted(COLD, cold_boots, cold_crashes, 0))
    return one(*counts, hosts={HANDOVER: hosts}, **more)


def test_finding_names_its_hosts() -> None:
    found = with_hosts(*ALIKE)
    assert found.risk.finding == CRASHES_MORE
    assert found.risk.hosts == Hosts(358, 50, 358, 8)


@pytest.mark.parametrize(
    ("hosts", "suspect"),
    [
        ((HostCount(5, 0, 5, 0, 30), HostCount(4, 3, 4, 0)), "web7"),
        ((HostCount(5, 0, 5, 0, 30), HostCount(4, 0, 4, 3)), "web8"),
    ],
    ids=["more", "less"],
)
def test_what_rests_on_one_host_is_a_suspicion_about_it(
    hosts: tuple[HostCount, ...], suspect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if hosts were alike: otherwise it would be no finding in the first place.
    monkeypatch.setattr(evidence, "_likeness", lambda _arms: 0.0)
    monkeypatch.setattr(risk, "SIGNIFICANT", 0.3)
    found = with_hosts(*hosts, suspects={HANDOVER: "web7", COLD: "web8"})
    assert found.risk.finding == ONE_HOST
    assert f"is under no suspicion, but {suspect} is" in sentence(found)
    assert "1 suspicion about single hosts" in " ".join(summary(fleet_of(found)))
    assert crash_risks(fleet_of(found)) == []


def fleet_of(found: TransitionRisk) -> Correlation:
    return Correlation(cold={}, transitions=(found,), boots=1, not_compared=0, not_joined=0)


def test_cold_boots_that_hardly_crashed_are_not_said_to_be_none() -> None:
    often = [HostCount(10, 5, 10, 0, 20), HostCount(10, 0, 10, 0, 20), HostCount(10, 0, 10, 1)]
    found = with_hosts(*often)
    assert (found.risk.finding, found.risk.table.cold_crashes) == (CRASHES_MORE, 0)
    assert "none" not in sentence(found)


def test_risk_by_the_hour() -> None:
    found = one(counted(HANDOVER, 512, 41, hours=512.0), counted(COLD, 530, 7, 0))
    assert found.risk.by_hour == pytest.approx((24 * 6.06, 24 * 2.81, 24 * 13.16), rel=0.01)
    assert "By the hour, they crash 1.5e+02 times as often" in found.cautions[0].message


@pytest.mark.parametrize("hours", [0.0, 5.0])
def test_nothing_is_known_by_the_hour(hours: float) -> None:
    assert one(counted(HANDOVER, 512, 0, hours=hours), counted(COLD, 530, 0, 0)).risk.by_hour is None
    assert one(counted(HANDOVER, 512, 9, hours=0.0), counted(COLD, 530, 7, 0)).risk.by_hour is None
