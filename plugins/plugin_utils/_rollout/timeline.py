# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waves of a rollout over time: a bar for each wave, one for each host that has a row. Pure.

How it ended is told by a shape and a word beside the colour, and what is not done is hatched: it can be read in print
and by the colour-blind. Colours are of the template; here they are names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    FAILED,
    HALF_DONE,
    IN_FLIGHT,
    NOT_KNOWN,
    OUTCOMES,
    ROLLED_BACK,
    UNTOUCHED,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import clock

MOST_WAVES = 200
"""Of more waves, those in which all hosts are done are not drawn."""
MOST_TICKS = 4
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
LEAST_WIDTH = 0.4
"""Percent of the chart that even the shortest phase takes."""
LEAST_SHARE = 15.0
"""Percent of the bar of a wave that even one host gets which is not done."""

BEFORE, AWAY = "before", "away"
SHAPES = {
    DONE: "\N{BLACK CIRCLE}",
    FAILED: "\N{HEAVY MULTIPLICATION X}",
    ROLLED_BACK: "\N{BLACK LEFT-POINTING TRIANGLE}",
    NOT_KNOWN: "?",
    HALF_DONE: "\N{BLACK SQUARE}",
    UNTOUCHED: "\N{WHITE CIRCLE}",
    IN_FLIGHT: "\N{HORIZONTAL ELLIPSIS}",
}


@dataclass(frozen=True)
class Bar:
    """A box: where it begins and how wide it is in percent of the chart, and the same from the top of its row.

    ``kind`` is an outcome, ``before`` a jump, or ``away``.
    """

    begin: float
    width: float
    kind: str
    top: float = 0.0
    height: float = 100.0

    @property
    def is_hatched(self) -> bool:
        """Whether it tells of hosts that are not done."""
        return self.kind not in (BEFORE, AWAY, DONE)


@dataclass(frozen=True)
class Row:
    """The bars of a wave or of a host, and the words beside them; ``outcome`` is empty for a wave."""

    name: str
    bars: tuple[Bar, ...]
    outcome: str
    shape: str
    said: str


@dataclass(frozen=True)
class Timeline:
    """All rows, and the scale above them: how far two ticks are apart, in percent, and each with its time."""

    rows: tuple[Row, ...]
    step: float
    ticks: tuple[tuple[float, str], ...]


def spent(results: Mapping[str, Any]) -> float:
    """Return how many seconds the run took until the results were written."""
    return _seconds(results, results["run"]["end"] or results["run"]["written"])


def timeline(results: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> Timeline:
    """Return the waves of ``results``; ``shown`` are the hosts of the results that have rows."""
    chart = _Chart(results)
    return Timeline(tuple(_rows(results, shown, chart)), 100 * chart.step / chart.span, chart.ticks())


class _Chart:
    """Knows where a moment is on the chart."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        self._results = results
        self.span = max(spent(results), 1.0)
        self.step = next((tick for tick in TICKS if self.span / tick <= MOST_TICKS), TICKS[-1])

    def seconds(self, moment: str | None) -> float:
        """Return when that was; the end of the chart for what goes on."""
        return self.span if moment is None else _seconds(self._results, moment)

    def drawn(self, begin: float, end: float, kind: str, top: float = 0.0, height: float = 100.0) -> Bar:
        """Return a bar from ``begin`` to ``end``, in seconds, that is wide enough to be seen."""
        width = max(100 * (end - begin) / self.span, LEAST_WIDTH)
        return Bar(min(100 * begin / self.span, 100 - width), width, kind, top, height)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return the place and the time of each tick."""
        places = [at * self.step for at in range(MOST_TICKS + 1) if at * self.step <= self.span]
        return tuple((100 * place / self.span, clock(place)) for place in places)


def _rows(results: Mapping[str, Any], shown: Sequence[Mapping[str, Any]], chart: _Chart) -> list[Row]:
    outcomes = {host["name"]: host["outcome"] for host in results["hosts"]}
    by_wave: dict[int, list[Mapping[str, Any]]] = {}
    for host in shown:
        if host["wave"] is not None:
            by_wave.setdefault(host["wave"], []).append(host)
    rows: list[Row] = []
    for wave in results["waves"]:
        counts = Counter(outcomes[name] for name in wave["hosts"] if name in outcomes)
        if len(results["waves"]) <= MOST_WAVES or set(counts) != {DONE}:
            rows.append(_wave_row(wave, counts, chart))
            end = chart.seconds(wave["end"])
            rows += [_host_row(host, end, chart) for host in by_wave.get(wave["number"], [])]
    return rows


def _wave_row(wave: Mapping[str, Any], counts: Counter[str], chart: _Chart) -> Row:
    """Return the bar of a wave: its height is divided among the outcomes of its hosts."""
    begin, end, hosts = chart.seconds(wave["begin"]), chart.seconds(wave["end"]), len(wave["hosts"])
    bars, top = [chart.drawn(begin, end, DONE if counts[DONE] else BEFORE)], 0.0
    for outcome in OUTCOMES:
        if counts[outcome] and outcome != DONE:
            height = max(100 * counts[outcome] / max(hosts, 1), LEAST_SHARE)
            bars.append(chart.drawn(begin, end, outcome, top, min(height, 100 - top)))
            top = min(top + height, 100 - LEAST_SHARE)
    said = ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in OUTCOMES if counts[name])
    return Row(f"wave {wave['number']}: {counted(hosts, 'host')}", tuple(bars), "", "", said)


def _host_row(host: Mapping[str, Any], wave_end: float, chart: _Chart) -> Row:
    bars = tuple(chart.drawn(begin, max(begin, end), kind) for begin, end, kind in _phases(host, wave_end, chart))
    return Row(host["name"], bars, host["outcome"], SHAPES[host["outcome"]], said(host))


def _phases(host: Mapping[str, Any], wave_end: float, chart: _Chart) -> list[tuple[float, float, str]]:
    """Return begin, end and kind of each phase of a host, until its wave ended.

    A host that never jumped is what it came to from the start of its wave.
    """
    outcome = host["outcome"]
    kinds = {"jump_begun": AWAY, "verdict": outcome, "rolled_back": outcome}
    turns = [(one["seconds"], kinds[one["event"]]) for one in host["events"] if one["event"] in kinds]
    begin, kind = chart.seconds(host["begin"]), BEFORE if turns or outcome == IN_FLIGHT else outcome
    phases: list[tuple[float, float, str]] = []
    for at, following in turns:
        phases.append((begin, at, kind))
        begin, kind = at, following
    return [*phases, (begin, wave_end, kind)]


def said(host: Mapping[str, Any]) -> str:
    """Return the words for how a host came out."""
    word = host["verdict"] or host["code"] or ("already there" if host["action"] == "none" else "")
    outcome = host["outcome"].replace("_", " ")
    is_said = word.replace("_", " ") in ("", outcome)
    outage = "" if host["outage_seconds"] is None else f", {host['outage_seconds']:.1f} s"
    return (outcome if is_said else f"{outcome}, {word}") + outage


def _seconds(results: Mapping[str, Any], moment: str) -> float:
    """Return a time of the results in seconds since the start of the run."""
    begin, then = (datetime.fromisoformat(one.replace("Z", "+00:00")) for one in (results["run"]["begin"], moment))
    return (then - begin).total_seconds()
