# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found about crashes, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import (
    FALLS,
    GROWS,
    Correlation,
    TransitionRisk,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drift_words import drift_summary
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import (
    CRASHES_LESS,
    CRASHES_MORE,
    ENOUGH_POWER,
    ONE_HOST,
    TOO_FEW,
    Risk,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ODDS_TO_FIND
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_words import symptom_summary

TOP_FRAMES, MOST_FRAMES = 2, 6
"""How many frames are told of the leading bug in the sentence, and of each where bugs are listed."""
NAMED = 5
"""How many hosts a sentence names."""
UNKNOWN = "(unknown)"


def name_of(way: Way) -> str:
    """Return words for a way: ``7.2.13-kho -> 7.3.4-kho``, or ``kexec without handover -> 7.3.4-kho``."""
    if way.boot == "handover":
        return f"{way.previous_release or UNKNOWN} -> {way.release}"
    return f"kexec without handover -> {way.release}"


def sentence(one: TransitionRisk, when: str = "") -> str:
    """Return all that matters of one transition in a sentence; ``when`` says of which of its boots."""
    parts = [" ".join(part for part in (name_of(one.way), when, _main_clause(one)) if part)]
    if one.bugs:
        first = one.bugs[0]
        where = _in(first.frames[:TOP_FRAMES])
        paths = f", {len(first.signatures)} signatures" if len(first.signatures) > 1 else ""
        old = ", as an earlier version named it" if first.old else ""
        seen = counted(first.boots, "boot")
        parts.append(f"leading bug {first.bug[:16]} ({first.kind}{where}, {seen}{paths}{old})")
    if one.trend and one.trend.finding in (GROWS, FALLS):
        parts.append(f"{one.trend.finding} with the count ({_q(one.trend.q)})")
    return "; ".join(parts) + "."


def bugs(one: TransitionRisk) -> list[tuple[str, list[str]]]:
    """Return what is to be said of each of the leading bugs, and of each of its leading signatures."""
    return [
        (
            f"Bug {found.bug[:16]}: {found.kind}{_in(found.frames)}, {counted(found.boots, 'boot')}"
            + ("; an earlier version named it, so it is compared with no newer one" if found.old else "")
            + ".",
            [
                f"Signature {below.signature[:16]}{_in(below.frames)}, {counted(below.boots, 'boot')}."
                for below in found.signatures
            ],
        )
        for found in one.bugs
    ]


def _in(frames: Sequence[str]) -> str:
    shown = " < ".join(frames[:MOST_FRAMES])
    return f" in {shown}" if shown else ""


def headline(fleet: Correlation) -> str:
    """Return the one sentence that matters most."""
    if not fleet.boots:
        return "The ledger holds no boots yet, so nothing is known of any transition."
    more = [one for one in fleet.transitions if one.risk.finding == CRASHES_MORE]
    if not more:
        few = sum(one.risk.finding == TOO_FEW for one in fleet.transitions)
        if few:
            return (
                "No transition is known to crash more often than cold boots of the same release; of "
                f"{few} of {counted(len(fleet.transitions), 'transition')} there are too few boots to tell."
            )
        return "No transition crashes more often than cold boots of the same release."
    if len(more) == 1:
        return f"Do not repeat {_in_short(more[0])}"
    several = f"Do not repeat {len(more)} transitions that crash more often than cold boots"
    return f"{several}; the surest of them is {_in_short(more[0])}"


def _in_short(one: TransitionRisk) -> str:
    risk, release = one.risk, one.way.release
    if risk.relative_risk is None or isinf(risk.relative_risk):
        compared = f"and {_hardly_any(risk)} of {release} did"
    else:
        compared = f"{ratio(risk.relative_risk)} times as often as cold boots of {release}"
    return f"{name_of(one.way)}: {_of_boots(risk)}, {compared}."


def summary(fleet: Correlation) -> list[str]:
    """Return what is to be said of the fleet as a whole."""
    findings = [one.risk.finding for one in fleet.transitions]
    more, few = findings.count(CRASHES_MORE), findings.count(TOO_FEW)
    crash = "crashes" if more == 1 else "crash"
    said = [
        f"{counted(fleet.boots, 'boot')} in the ledger, {counted(len(findings), 'transition')}: {more} {crash} more "
        f"often than cold boots of the same release, of {few} there are too few boots to tell."
    ]
    suspicions = findings.count(ONE_HOST)
    if suspicions:
        said.append(f"{counted(suspicions, 'suspicion')} about single hosts, which say nothing of a transition.")
    said += symptom_summary(fleet.symptoms, fleet.symptoms_of_one_host, fleet.symptoms_not_told)
    said += drift_summary(fleet.drifts, fleet.measures_not_joined, fleet.measures_not_read)
    if fleet.not_compared:
        boots = counted(fleet.not_compared, "boot")
        said.append(f"{boots} of unknown kind or release, or of crash kernels, not compared.")
    if fleet.not_joined:
        crashes = counted(fleet.not_joined, "crash", "crashes")
        said.append(f"{crashes} of boots that the ledger does not know, not counted.")
    if fleet.rest.ways:
        said.append(
            f"{counted(fleet.rest.ways, 'further transition or release', 'further transitions and releases')}, with "
            f"{counted(fleet.rest.boots, 'boot')}, of which {fleet.rest.crashes} crashed, not told each by itself: "
            "those that the fewest hosts took."
        )
    if fleet.doubted_hosts:
        said.append(
            f"Not all that these hosts tell was taken, because it cannot be true or is too much: "
            f"{listed(fleet.doubted_hosts, NAMED)}."
        )
    return said


def ratio(value: float | None) -> str:
    """Return a relative risk as it is shown; infinite when no cold boot crashed."""
    if value is None:
        return "-"
    return "only here" if isinf(value) else f"{value:.2g}" if value < 100 else f"{value:.0f}"


NUMBERS = (
    "transition",
    "finding",
    "boots",
    "crashed",
    "hosts",
    "crashed on",
    "hours",
    "times cold",
    "lower end (95 %)",
    "upper end (95 %)",
    "by the hour",
    "q",
    "trend",
)
"""The columns of a table of all numbers; the ends are those of the interval of ``times cold``."""


def numbers(one: TransitionRisk) -> tuple[str, ...]:
    """Return the row of a transition in that table."""
    risk = one.risk
    low, high = risk.interval or (None, None)
    return (
        name_of(one.way),
        risk.finding,
        f"{risk.seen.boots}",
        f"{risk.seen.crashes}",
        f"{risk.hosts.hosts}" if risk.hosts else "-",
        f"{risk.hosts.crashed}" if risk.hosts else "-",
        f"{risk.seen.hours:.0f}",
        ratio(risk.relative_risk),
        ratio(low),
        "none" if high is not None and isinf(high) else ratio(high),
        ratio(risk.by_hour[0] if risk.by_hour else None),
        "-" if risk.q is None else _q(risk.q).removeprefix("q ").removeprefix("= "),
        one.trend.finding if one.trend else "-",
    )


def _main_clause(one: TransitionRisk) -> str:
    risk, release = one.risk, one.way.release
    finding = risk.finding
    if finding == ONE_HOST:
        return _suspicion(one)
    if finding not in (CRASHES_MORE, CRASHES_LESS):
        return _nothing_found(risk, release)
    interval = _interval(risk)
    counts = f"{_of_boots(risk)}, {_q(risk.q)}"
    if risk.relative_risk is None or isinf(risk.relative_risk):
        return (
            f"crashes, and {_hardly_any(risk)} of {release} did (at least {interval[0]:.2g} times as often, {counts})"
        )
    shown = _ends(interval)
    return f"crashes {ratio(risk.relative_risk)} times as often as a cold boot of {release} ({shown}, {counts})"


def _hardly_any(risk: Risk) -> str:
    """What there is of crashed cold boots, where as evidence they are worth nothing."""
    return f"{risk.cold.crashes or 'none'} of {counted(risk.cold.boots, 'cold boot')}"


def _suspicion(one: TransitionRisk) -> str:
    more = one.risk.relative_risk is not None and one.risk.relative_risk > 1
    host = one.suspect if more else one.cold_suspect
    kind = "boots" if more else f"cold boots of {one.way.release}"
    return (
        f"is under no suspicion, but {host} is: without its crashes of {kind}, no difference to cold boots of "
        f"{one.way.release} would be found ({_of_boots(one.risk)})"
    )


def _ends(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"CI at least {low:.2g}" if isinf(high) else f"CI {low:.2g} to {high:.2g}"


def _interval(risk: Risk) -> tuple[float, float]:
    """The interval, which every risk has that was compared with anything."""
    if risk.interval is None:
        raise AssertionError("what was found without an interval is too_few")
    return risk.interval


def _nothing_found(risk: Risk, release: str) -> str:
    seen = f"{_of_boots(risk)}, which allows for up to {100 * risk.rate[2]:.2g} %"
    if risk.finding != TOO_FEW:
        return f"crashes about as often as a cold boot of {release} ({_ends(_interval(risk))}, {seen})"
    if risk.test is None:
        return f"cannot be compared: there is no cold boot of {release} ({seen})"
    if not risk.seen.crashes and not risk.cold.crashes:
        return f"has not crashed, and neither has a cold boot of {release} ({seen})"
    if risk.apart is None:
        return f"is not seen to crash more often, and all cold boots of {release} came right after a crash ({seen})"
    return (
        f"has too few boots or crashes to tell ({seen}; {ODDS_TO_FIND:g} times the odds would have been found with a "
        f"probability of {risk.test.power:.0%}, and {ENOUGH_POWER:.0%} are wanted)"
    )


def _q(value: float | None) -> str:
    return "q < 1e-300" if value is not None and value < 1e-300 else f"q = {value:.2g}"


def _of_boots(risk: Risk) -> str:
    crashed = f"{risk.seen.crashes} of {counted(risk.seen.boots, 'boot')} crashed"
    if risk.hosts is None:
        return crashed
    return f"{crashed}, on {risk.hosts.crashed} of {counted(risk.hosts.hosts, 'host')}"
