# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet report as one page that needs nothing else: sentences, a matrix of transitions, a table. Pure.

Every cell of the matrix says its numbers, what was found has a sign of its own, and the colours (of the scale viridis)
also differ in lightness: it can be read in print and by the colour-blind.
"""

from __future__ import annotations

from html import escape

from markupsafe import Markup

from ansible_collections.kho.kexec.plugins.plugin_utils._common.page import render
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import (
    CRASHES_LESS,
    CRASHES_MORE,
    TOO_FEW,
    Correlation,
    Sum,
    TransitionRisk,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import name_of, ratio, sentence, summary

# The scale viridis (matplotlib, CC0) from light to dark: few crashes are light, as the paper is.
VIRIDIS = ((253, 231, 37), (94, 201, 98), (33, 145, 140), (59, 82, 139), (68, 1, 84))
DARK = 0.57
"""From this share of the scale on, text is white, which has the better contrast there."""
CELL_WIDTH, CELL_HEIGHT, LEFT, TOP = 112, 52, 190, 50
LINE_HEIGHT, LINES = 17, 2
TOP_CHARACTERS, LEFT_CHARACTERS = 14, 24
"""How much of a release is shown on each line above its column, and beside its row."""
GAP = 5
"""Sets a cell off from its thick frame, which could not be seen on dark ground."""
MOST_RELEASES = 30
"""The matrix shows those with the most boots; the table below it has all."""

_SIGNS = {CRASHES_MORE: "\N{BLACK UP-POINTING TRIANGLE}", CRASHES_LESS: "\N{BLACK DOWN-POINTING TRIANGLE}"}
_COLD_ROW, _KEXEC_ROW = "cold boot", "kexec, no handover"

_LEGEND = (
    "Each cell: boots that crashed of all boots, and how many times as often as cold boots of that release. "
    "Darker: a greater share crashed. \N{BLACK UP-POINTING TRIANGLE} and a thick frame: more often than cold boots; "
    "\N{BLACK DOWN-POINTING TRIANGLE}: less often; hatched: too few boots to tell."
)


def render_html(fleet: Correlation, made: str) -> str:
    """Return the page; ``made`` is the time that it tells."""
    return render(
        "_ledger/page",
        title="Crashes by transition",
        made=made,
        summary=summary(fleet),
        found=[_finding(one) for one in fleet.transitions if one.risk.finding != TOO_FEW],
        legend=_LEGEND,
        matrix=Markup(_matrix(fleet)),
        numbers=_numbers(fleet),
        too_few=[_finding(one) for one in fleet.transitions if one.risk.finding == TOO_FEW],
    )


def _finding(one: TransitionRisk) -> dict[str, object]:
    return {"sentence": sentence(one), "cautions": [note.message for note in one.cautions]}


def _matrix(fleet: Correlation) -> str:
    columns = _most_booted(fleet)
    origins = sorted({one.way.previous_release or "?" for one in fleet.transitions if one.way.boot == "handover"})
    rows = [_COLD_ROW, _KEXEC_ROW, *origins[:MOST_RELEASES]]
    risks = {(_row_of(one), one.way.release): one for one in fleet.transitions}
    darkest = max([one.risk.rate[0] for one in fleet.transitions] + [_rate(of) for of in fleet.cold.values()] + [0.0])
    width, height = LEFT + CELL_WIDTH * len(columns), TOP + CELL_HEIGHT * len(rows)
    drawn = [
        f'<div class="wide"><svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="Matrix of transitions">',
        '<defs><pattern id="few" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line x1="0" y1="0" x2="0" y2="8" stroke="#000" stroke-opacity=".25" stroke-width="2"/></pattern></defs>',
        f'<text x="4" y="{TOP - 14}">from \N{DOWNWARDS ARROW} to \N{RIGHTWARDS ARROW}</text>',
    ]
    for at, release in enumerate(columns):
        drawn.append(_label((LEFT + at * CELL_WIDTH + 4, TOP - 14 - LINE_HEIGHT), release, TOP_CHARACTERS))
    for down, row in enumerate(rows):
        drawn.append(_label((4, TOP + down * CELL_HEIGHT + 22), row, LEFT_CHARACTERS))
        for at, release in enumerate(columns):
            place = (LEFT + at * CELL_WIDTH, TOP + down * CELL_HEIGHT)
            if row == _COLD_ROW and release in fleet.cold:
                drawn.append(_cold_cell(place, fleet.cold[release], release, darkest))
            elif (row, release) in risks:
                drawn.append(_cell(place, risks[row, release], darkest))
    return "".join([*drawn, "</svg></div>\n"])


def _label(place: tuple[int, int], name: str, width: int) -> str:
    """Return a name on at most ``LINES`` lines; what does not fit is cut, and a reader's pointer shows the whole."""
    x, y = place
    if len(name) <= width:
        return f'<text x="{x}" y="{y}">{escape(name)}</text>'
    whole = LINES * width
    shown = name if len(name) <= whole else f"{name[: whole - 1]}\N{HORIZONTAL ELLIPSIS}"
    lines = "".join(
        f'<tspan x="{x}" y="{y + LINE_HEIGHT * at}">{escape(shown[at * width : (at + 1) * width])}</tspan>'
        for at in range(LINES)
    )
    return f"<g><title>{escape(name)}</title><text>{lines}</text></g>"


def _row_of(one: TransitionRisk) -> str:
    return one.way.previous_release or "?" if one.way.boot == "handover" else _KEXEC_ROW


def _most_booted(fleet: Correlation) -> list[str]:
    boots = {release: of.boots for release, of in fleet.cold.items()}
    for one in fleet.transitions:
        boots[one.way.release] = boots.get(one.way.release, 0) + one.risk.seen.boots
    return sorted(sorted(boots, key=lambda release: -boots[release])[:MOST_RELEASES])


def _cell(place: tuple[int, int], one: TransitionRisk, darkest: float) -> str:
    risk = one.risk
    sign = _SIGNS.get(risk.finding, "")
    lines = (f"{risk.seen.crashes}/{risk.seen.boots} {sign}".rstrip(), _times(risk.relative_risk))
    return _box(place, lines, risk.rate[0], darkest, sentence(one), bool(sign), risk.finding == TOO_FEW)


def _cold_cell(place: tuple[int, int], cold: Sum, release: str, darkest: float) -> str:
    title = f"cold boots of {release}: {cold.crashes} of {cold.boots} crashed"
    return _box(place, (f"{cold.crashes}/{cold.boots}", ""), _rate(cold), darkest, title, False, False)


def _times(value: float | None) -> str:
    shown = ratio(value)
    return f"\N{MULTIPLICATION SIGN}{shown}" if shown[0].isdigit() else shown.replace("-", "")


def _box(
    place: tuple[int, int], lines: tuple[str, str], rate: float, darkest: float, title: str, framed: bool, few: bool
) -> str:
    share = rate / darkest if darkest else 0.0
    x, y = place
    ink = "#fff" if share > DARK else "#000"
    text = "".join(
        f'<text x="{x + CELL_WIDTH // 2}" y="{y + 22 + LINE_HEIGHT * at}" text-anchor="middle" fill="{ink}">'
        f"{escape(line)}</text>"
        for at, line in enumerate(lines)
    )
    frame = _rectangle(place, 3, 'fill="none" stroke="#000" stroke-width="3"') if framed else ""
    inset = 2 + GAP if framed else 2
    box = _rectangle(place, inset, f'fill="{_colour(share)}" stroke="#000"')
    hatch = _rectangle(place, inset, 'fill="url(#few)"') if few else ""
    return f"<g><title>{escape(title)}</title>{frame}{box}{hatch}{text}</g>"


def _rectangle(place: tuple[int, int], inset: int, look: str) -> str:
    """Return the rectangle of a cell, smaller by ``inset`` on each side."""
    size = f'width="{CELL_WIDTH - 2 * inset}" height="{CELL_HEIGHT - 2 * inset}"'
    return f'<rect x="{place[0] + inset}" y="{place[1] + inset}" {size} {look}/>'


def _colour(share: float) -> str:
    """Return the colour at 0 to 1 of the scale."""
    steps = len(VIRIDIS) - 1
    below = min(int(share * steps), steps - 1)
    part = share * steps - below
    mixed = (round(low + (high - low) * part) for low, high in zip(VIRIDIS[below], VIRIDIS[below + 1], strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _rate(of: Sum) -> float:
    return of.crashes / of.boots if of.boots else 0.0


def _numbers(fleet: Correlation) -> list[tuple[str, ...]]:
    return [
        (
            name_of(one.way),
            one.risk.finding,
            f"{one.risk.seen.boots}",
            f"{one.risk.seen.crashes}",
            f"{one.risk.seen.hours:.0f}",
            ratio(one.risk.relative_risk),
            "-" if one.risk.q is None else f"{one.risk.q:.2g}",
            one.trend.finding if one.trend else "-",
        )
        for one in fleet.transitions
    ]
