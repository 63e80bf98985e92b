# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found about symptoms, in sentences and as JSON can express it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import ONE_HOST
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks import (
    FINDINGS,
    MORE_AFTER_KEXEC,
    ONLY_AFTER_KEXEC,
    ONLY_LONG_CHAINS,
    OWN,
    OwnSymptom,
    SymptomRisk,
)

UNKNOWN = "(unknown)"
WORDS_SHOWN = 120
TOLD = 100
"""So many symptoms after a way are told in reports: the findings come first."""


def symptom_sentence(one: SymptomRisk) -> str:
    """Return all that matters of a symptom after one way in a sentence."""
    return f"{_name(one.way)}: {one.trouble} ({one.words[:WORDS_SHOWN].rstrip('. ')}) {_MEANS[one.finding](one)}."


def findings(symptoms: Sequence[SymptomRisk]) -> list[SymptomRisk]:
    """Return those that say something about a transition."""
    return [one for one in symptoms if one.finding in FINDINGS]


def symptom_lines(symptoms: Sequence[SymptomRisk]) -> list[str]:
    """Return the sentences of the symptoms that are told."""
    return [symptom_sentence(one) for one in symptoms[:TOLD]]


def symptom_summary(symptoms: Sequence[SymptomRisk], of_one_host: int, not_told: int) -> list[str]:
    """Return what is to be said of all symptoms; nothing where there are none."""
    said = []
    number = len(findings(symptoms))
    if symptoms or of_one_host:
        said.append(
            f"{counted(number, 'complaint')} of kernels {'comes' if number == 1 else 'come'} from a kexec; "
            f"{of_one_host} of one host only, which {'is' if of_one_host == 1 else 'are'} not compared."
        )
    if not_told:
        said.append(f"{counted(not_told, 'further complaint')}, of the fewest hosts, not looked at.")
    return said


def symptom_as_dict(one: SymptomRisk) -> dict[str, Any]:
    """Return a symptom after one way as JSON can express it."""
    risk = one.risk
    return {
        **one.way._asdict(),
        "symptom": one.symptom,
        "trouble": one.trouble,
        "words": one.words,
        "finding": one.finding,
        "boots": risk.seen.boots,
        "seen": risk.seen.crashes,
        "cold_boots": risk.cold.boots,
        "cold_seen": risk.cold.crashes,
        "hosts": None if risk.hosts is None else dict(zip(_HOSTS, risk.hosts, strict=True)),
        "times_as_often": _finite(risk.relative_risk),
        "times_as_often_interval": [_finite(end) for end in risk.interval or (None, None)],
        "p": risk.test.p if risk.test else None,
        "q": risk.q,
        "from_count": one.from_count,
        "trend_q": one.trend_q,
        "sentence": symptom_sentence(one),
    }


def own_as_dict(one: OwnSymptom) -> dict[str, Any]:
    """Return what a kernel complains about after cold boots, as ``kernel_health_info`` takes it."""
    numbers = {"boots": one.seen.crashes, "hosts": one.hosts}
    return {"release": one.release, "code": one.trouble, "signature": one.words, **numbers}


_HOSTS = ("hosts", "seen", "cold_hosts", "cold_seen")


def _finite(number: float | None) -> float | None:
    return None if number is None or isinf(number) else number


def _name(way: Way) -> str:
    if way.boot == "handover":
        return f"{way.previous_release or UNKNOWN} -> {way.release}"
    return f"kexec without handover -> {way.release}"


def _shares(one: SymptomRisk) -> str:
    seen, cold, hosts = one.risk.seen, one.risk.cold, one.risk.hosts
    where = f" on {hosts.crashed} of {counted(hosts.hosts, 'host')}" if hosts else ""
    return f"in {seen.crashes} of {counted(seen.boots, 'boot')}{where}, {_cold(one)} ({cold.crashes} of {cold.boots})"


def _cold(one: SymptomRisk) -> str:
    return f"cold boots of {one.way.release}"


def _q(one: SymptomRisk) -> str:
    return "" if one.risk.q is None else f", q = {one.risk.q:.2g}"


def _only(one: SymptomRisk) -> str:
    return (
        f"comes from the kexec: {_shares(one)}{_q(one)}. A cold boot resets what a kexec leaves as it is; look at the "
        "state of hardware and firmware"
    )


def _more(one: SymptomRisk) -> str:
    times = one.risk.relative_risk
    often = f"{times:.2g} times as often as" if times is not None and not isinf(times) else "more often than"
    return f"comes {often} after a cold boot: {_shares(one)}{_q(one)}"


def _long(one: SymptomRisk) -> str:
    return (
        f"comes from long chains only, from kexec count {one.from_count} on: {_shares(one)}, q of the trend = "
        f"{one.trend_q:.2g}"
    )


def _alone(one: SymptomRisk) -> str:
    return f"rests on one host, so it says nothing of the transition: {_shares(one)}"


def _own(one: SymptomRisk) -> str:
    return f"is the kernel's own, it has it after cold boots too: {_shares(one)}"


def _too_few(one: SymptomRisk) -> str:
    return f"was seen in too few boots to tell whether it comes from the kexec: {_shares(one)}"


_MEANS = {
    ONLY_AFTER_KEXEC: _only,
    MORE_AFTER_KEXEC: _more,
    ONLY_LONG_CHAINS: _long,
    ONE_HOST: _alone,
    OWN: _own,
    "too_few": _too_few,
}
