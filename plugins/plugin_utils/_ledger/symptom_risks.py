# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which symptoms kernels have after a kexec and not after a cold boot, and which only after long chains. Pure.

The method is that of crashes (docs/explanation/statistics.md): a boot with the symptom stands for one that crashed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    COLD,
    Count,
    SymptomCount,
    Symptoms,
    Way,
    in_order,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import (
    CRASHES_MORE,
    ONE_HOST,
    TOO_FEW,
    Risk,
    Sum,
    risk_of,
    table_of_part,
    with_suspicion,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    ALPHA,
    SIGNIFICANT,
    Table,
    TrendTest,
    adjust,
    exact_test,
    trend_test,
)

ONLY_AFTER_KEXEC = "only_after_kexec"
MORE_AFTER_KEXEC = "more_after_kexec"
ONLY_LONG_CHAINS = "only_long_chains"
OWN = "own"

OWN_TOLD = 500
"""So much of what kernels complain about after cold boots is told: hosts that are judged have to be told of it."""


@dataclass(frozen=True)
class SymptomRisk:
    """A symptom after one way: how often, compared with cold boots of the same release.

    ``from_count``: no boot with a smaller ``kexec_count`` had it, and enough of them were looked at; ``trend_q`` is the
    q-value of that it grows with the count. Both are None where nothing of the kind was found.
    """

    way: Way
    symptom: str
    trouble: str
    words: str
    risk: Risk
    from_count: int | None = None
    trend_q: float | None = None

    @property
    def finding(self) -> str:
        """``only_after_kexec``, ``more_after_kexec``, ``only_long_chains``, ``one_host``, ``own`` or ``too_few``.

        ``own``: the kernel has it after cold boots too, and a kexec is not known to make it more frequent.
        """
        found = self.risk.finding
        if found == ONE_HOST:
            return ONE_HOST
        if self.from_count is not None:
            return ONLY_LONG_CHAINS
        if found == CRASHES_MORE:
            return MORE_AFTER_KEXEC if self.risk.cold.crashes else ONLY_AFTER_KEXEC
        return OWN if self.risk.cold.crashes else TOO_FEW


@dataclass(frozen=True)
class OwnSymptom:
    """A symptom that a release has after cold boots: in how many of how many, and on how many hosts."""

    release: str
    trouble: str
    words: str
    seen: Sum
    hosts: int


def symptom_risks(symptoms: Symptoms) -> tuple[SymptomRisk, ...]:
    """Return each symptom after each way that it was seen after, the findings first.

    Corrected for are all pairs of a symptom and a way that could have been a finding, also those in which it was not
    seen after the way.
    """
    found: list[SymptomRisk] = []
    others: list[float] = []
    trends: list[tuple[int, _Chain]] = []
    for one in symptoms.told:
        for way, counts, cold in _ways(one):
            seen = _sum(counts)
            if seen.crashes:
                risk = _compared(seen, cold, one, way)
                chain = _chain(counts, risk)
                trends += [(len(found), chain)] if chain else []
                found.append(SymptomRisk(way, one.symptom, one.trouble, one.words, risk))
            elif _could_tell(seen, cold):
                others.append(1.0)
    return tuple(sorted(_with_trends(_with_q(found, others, symptoms), trends), key=_urgency))


def own_symptoms(symptoms: Symptoms, found: Sequence[SymptomRisk]) -> list[OwnSymptom]:
    """Return what kernels complain about after cold boots, those of the most hosts first.

    What only one host tells is not among them, nor what is ``found`` to come from a kexec more often.
    """
    blamed = {(one.symptom, one.way.release) for one in found if one.finding in FINDINGS}
    own = []
    for one in symptoms.told:
        cold = _by_way(count for count in one.counts if count.way.boot == COLD)
        for way, counts in cold.items():
            hosts = one.cold_hosts.get(way.release, 0)
            if hosts > 1 and (one.symptom, way.release) not in blamed:
                own.append(OwnSymptom(way.release, one.trouble, one.words, _sum(counts), hosts))
    return sorted(own, key=lambda one: (-one.hosts, in_order(one.release), one.trouble, one.words))[:OWN_TOLD]


def _by_way(counts: Iterable[Count]) -> dict[Way, list[Count]]:
    groups: defaultdict[Way, list[Count]] = defaultdict(list)
    for count in counts:
        groups[count.way].append(count)
    return dict(groups)


def _ways(one: SymptomCount) -> Iterable[tuple[Way, list[Count], Sum]]:
    groups = _by_way(one.counts)
    cold = {way.release: _sum(counts) for way, counts in groups.items() if way.boot == COLD}
    for way, counts in groups.items():
        if way.boot != COLD:
            yield way, counts, cold.get(way.release, Sum())


def _sum(counts: Iterable[Count]) -> Sum:
    chosen = list(counts)
    return Sum(sum(count.boots for count in chosen), sum(count.crashes for count in chosen))


def _could_tell(seen: Sum, cold: Sum) -> bool:
    """Whether any distribution of the boots with the symptom would have been a finding, if all hosts were alike."""
    if not seen.boots or not cold.boots or not seen.crashes + cold.crashes:
        return False
    return exact_test(Table(seen.crashes, seen.boots, cold.crashes, cold.boots)).smallest_p <= SIGNIFICANT


def _compared(seen: Sum, cold: Sum, one: SymptomCount, way: Way) -> Risk:
    return risk_of(seen, cold, one.hosts.get(way, ()))


def _with_q(found: Sequence[SymptomRisk], others: Sequence[float], symptoms: Symptoms) -> list[SymptomRisk]:
    hosts = {one.symptom: one.hosts for one in symptoms.told}
    told = [one.risk.test.p for one in found if one.risk.test and one.risk.could_tell]
    adjusted = iter(adjust([*told, *others]))
    corrected = []
    for one in found:
        risk = replace(one.risk, q=next(adjusted)) if one.risk.could_tell else one.risk
        corrected.append(replace(one, risk=with_suspicion(risk, hosts[one.symptom].get(one.way, ()))))
    return corrected


@dataclass(frozen=True)
class _Chain:
    """Whether a symptom grows with the count, and from which count on it was seen; ``sure``: not by chance."""

    test: TrendTest
    begins: int
    sure: bool

    @property
    def could_tell(self) -> bool:
        return self.test.smallest_p <= SIGNIFICANT


def _chain(counts: Sequence[Count], risk: Risk) -> _Chain | None:
    by_count = [(number, _sum(same)) for number, same in sorted(_by_number(counts).items())]
    parts = [(number, table_of_part(total, risk)) for number, total in by_count]
    test = trend_test([(number, table.boots, table.crashes) for number, table in parts if table.boots])
    begins = next((number for number, total in by_count if total.crashes), None)
    if test is None or begins is None:
        return None
    below = sum(table.boots for number, table in parts if number < begins)
    beyond = Sum(
        *(sum(column) for column in zip(*(total for number, total in by_count if number >= begins), strict=True))
    )
    share = beyond.crashes / beyond.boots
    # With the share of the others, none of those below would have had it with at most this probability.
    sure = below > 0 and (share >= 1 or below * log(1 - share) <= log(ALPHA))
    return _Chain(test, begins, sure)


def _by_number(counts: Sequence[Count]) -> dict[int, list[Count]]:
    groups: defaultdict[int, list[Count]] = defaultdict(list)
    for count in counts:
        if count.kexec_count is not None:
            groups[count.kexec_count].append(count)
    return dict(groups)


def _with_trends(found: list[SymptomRisk], trends: Sequence[tuple[int, _Chain]]) -> list[SymptomRisk]:
    adjusted = iter(adjust([chain.test.p for _at, chain in trends if chain.could_tell]))
    for at, chain in trends:
        q = next(adjusted) if chain.could_tell else None
        one = found[at]
        if q is not None and q <= SIGNIFICANT and chain.test.direction > 0 and chain.sure and _on_hosts(one.risk) > 1:
            found[at] = replace(one, from_count=chain.begins, trend_q=q)
    return found


def _on_hosts(risk: Risk) -> int:
    return risk.hosts.crashed if risk.hosts else 2


FINDINGS = (ONLY_AFTER_KEXEC, ONLY_LONG_CHAINS, MORE_AFTER_KEXEC)
"""What is a finding about a transition."""


def _urgency(one: SymptomRisk) -> tuple[object, ...]:
    order = (*FINDINGS, ONE_HOST, OWN, TOO_FEW)
    q = one.risk.q if one.risk.q is not None else 1.0
    return order.index(one.finding), q, -one.risk.seen.crashes, in_order(one.way.release), one.symptom
