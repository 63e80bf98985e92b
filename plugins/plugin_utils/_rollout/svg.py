# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waves of a rollout as a drawing: a bar for each wave, one for each host that has a row. Pure.

How it ended is told by a shape and a word beside the colour, and what is not done is hatched: it can be read in print
and by the colour-blind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import fit
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    FAILED,
    HALF_DONE,
    NOT_KNOWN,
    OUTCOMES,
    ROLLED_BACK,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import clock

LEFT, CHART, RIGHT, ROW, TOP = 195, 600, 365, 24, 34
LEAST_SHARE = 3.0
"""Pixels of the bar of a wave that even one host gets which is not done."""
MOST_WAVES = 200
"""Of more waves, those in which all hosts are done are not drawn."""
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

# Colours that the colour-blind can tell apart (Okabe and Ito, Color Universal Design).
_COLOURS = {
    DONE: "#0072b2",
    FAILED: "#d55e00",
    ROLLED_BACK: "#e69f00",
    NOT_KNOWN: "#cc79a7",
    HALF_DONE: "#56b4e9",
}
_OTHER = "#999999"
_SHAPES = {
    DONE: "\N{BLACK CIRCLE}",
    FAILED: "\N{HEAVY MULTIPLICATION X}",
    ROLLED_BACK: "\N{BLACK LEFT-POINTING TRIANGLE}",
    NOT_KNOWN: "?",
    HALF_DONE: "\N{BLACK SQUARE}",
}
LEGEND = (
    "Each host from the start of its wave: white until it left its kernel, black until its verdict, then the colour of "
    "how it came out. "
    + ", ".join(f"{shape} {outcome.replace('_', ' ')}" for outcome, shape in _SHAPES.items())
    + ". What is not done is hatched. The bar of a wave shows the shares."
)
STYLE = "svg .wave{font-weight:bold}"
_HATCH = (
    '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line x1="0" y1="0" x2="0" y2="7" stroke="#000" stroke-opacity=".55" stroke-width="2"/></pattern></defs>'
)


def spent(results: Mapping[str, Any]) -> float:
    """Return how many seconds the run took until the results were written."""
    return _seconds(results, results["run"]["end"] or results["run"]["written"])


def timeline(results: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> str:
    """Return the drawing as HTML; ``shown`` are the hosts of the results that have rows."""
    rows = _rows(results, shown)
    span = max(spent(results), 1.0)
    width, height = LEFT + CHART + RIGHT, TOP + ROW * len(rows) + 6
    body = "".join(draw(at * ROW + TOP, span) for at, draw in enumerate(rows))
    return (
        f'<div class="wide"><svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="Timeline of the waves">{_HATCH}'
        f"{_axis(span, height)}{body}</svg></div>\n"
    )


class _WaveRow:
    """The bar of a wave: its height is divided among the outcomes of its hosts."""

    def __init__(self, results: Mapping[str, Any], wave: Mapping[str, Any], counts: Counter[str]) -> None:
        self._number, self._hosts, self._counts = wave["number"], len(wave["hosts"]), counts
        self._begin = _seconds(results, wave["begin"])
        self._end = _seconds(results, wave["end"]) if wave["end"] else spent(results)

    def __call__(self, y: int, span: float) -> str:
        room = ROW - 6.0
        parts, top = [_bar(self._begin, self._end, y + 3, room, span, DONE if self._counts[DONE] else None)], y + 3.0
        for outcome in OUTCOMES:
            if self._counts[outcome] and outcome != DONE:
                high = max(room * self._counts[outcome] / max(self._hosts, 1), LEAST_SHARE)
                parts.append(_bar(self._begin, self._end, top, high, span, outcome))
                top += high
        said = ", ".join(f"{self._counts[name]} {name.replace('_', ' ')}" for name in OUTCOMES if self._counts[name])
        name = f"wave {self._number}: {self._hosts} host{'' if self._hosts == 1 else 's'}"
        return f"{_text(4, y, name, 'wave')}{''.join(parts)}{_text(LEFT + CHART + 8, y, said)}"


class _HostRow:
    """The bar of a host: before it left, away, and back."""

    def __init__(self, results: Mapping[str, Any], host: Mapping[str, Any]) -> None:
        self._host = host
        self._begin = _seconds(results, host["begin"])
        self._end = _seconds(results, host["end"]) if host["end"] else spent(results)

    def __call__(self, y: int, span: float) -> str:
        host = self._host
        outcome, name = host["outcome"], host["name"]
        bars = "".join(_bar(begin, end, y + 5, ROW - 10, span, kind) for begin, end, kind in self._phases())
        said = _said(host)
        swatch = _box(LEFT + CHART + 8, y + 6, 16, 12, outcome)
        return (
            f"<g><title>{escape(f'{name}: {said}')}</title>{_text(16, y, fit(name, 26))}{bars}{swatch}"
            f"{_text(LEFT + CHART + 30, y, f'{_SHAPES.get(outcome, chr(32))} {fit(said, 44)}')}</g>"
        )

    def _phases(self) -> list[tuple[float, float, str | None]]:
        """Return begin, end and kind of each phase: None before a jump, ``away`` in it, the outcome after it."""
        phases: list[tuple[float, float, str | None]] = []
        begin, kind = self._begin, None
        kinds = {"jump_begun": "away", "verdict": self._host["outcome"], "rolled_back": self._host["outcome"]}
        for event in self._host["events"]:
            following = kinds.get(event["event"])
            if following is not None:
                phases.append((begin, event["seconds"], kind))
                begin, kind = event["seconds"], following
        return [*phases, (begin, max(begin, self._end), kind)]


def _rows(results: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> list[_WaveRow | _HostRow]:
    outcomes = {host["name"]: host["outcome"] for host in results["hosts"]}
    by_wave: dict[int, list[Mapping[str, Any]]] = {}
    for host in shown:
        if host["wave"] is not None:
            by_wave.setdefault(host["wave"], []).append(host)
    rows: list[_WaveRow | _HostRow] = []
    for wave in results["waves"]:
        counts = Counter(outcomes[name] for name in wave["hosts"] if name in outcomes)
        if len(results["waves"]) <= MOST_WAVES or set(counts) != {DONE}:
            rows.append(_WaveRow(results, wave, counts))
            rows += [_HostRow(results, host) for host in by_wave.get(wave["number"], [])]
    return rows


def _said(host: Mapping[str, Any]) -> str:
    """Return the words beside the bar of a host."""
    word = host["verdict"] or host["code"] or ("already there" if host["action"] == "none" else "")
    outcome = host["outcome"].replace("_", " ")
    is_said = word.replace("_", " ") in ("", outcome)
    outage = "" if host["outage_seconds"] is None else f", {host['outage_seconds']:.1f} s"
    return (outcome if is_said else f"{outcome}, {word}") + outage


def _bar(begin: float, end: float, y: float, high: float, span: float, kind: str | None) -> str:
    """Return a box from ``begin`` to ``end`` seconds."""
    return _box(LEFT + CHART * begin / span, y, max(CHART * (end - begin) / span, 1.0), high, kind)


def _box(x: float, y: float, wide: float, high: float, kind: str | None) -> str:
    """Return a box in the colour of its kind; only a frame for None."""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    fill = {None: "none", "away": "#000"}.get(kind) or _COLOURS.get(kind or "", _OTHER)
    box = f'<rect {size} fill="{fill}" stroke="#000" stroke-width=".7"/>'
    return box if kind in (None, "away", DONE) else f'{box}<rect {size} fill="url(#hatch)"/>'


def _axis(span: float, height: int) -> str:
    step = next((tick for tick in TICKS if span / tick <= 8), TICKS[-1])
    drawn = []
    for at in range(int(span / step) + 1):
        x = LEFT + CHART * at * step / span
        drawn.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height}" stroke="#ccc"/>')
        drawn.append(f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle">{clock(at * step)}</text>')
    return "".join(drawn)


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y + 17}"{mark}>{escape(text)}</text>'


def _seconds(results: Mapping[str, Any], moment: str) -> float:
    """Return a time of the results in seconds since the start of the run."""
    begin, then = (datetime.fromisoformat(one.replace("Z", "+00:00")) for one in (results["run"]["begin"], moment))
    return (then - begin).total_seconds()
