# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet report as one page that needs nothing else: sentences, a matrix of transitions, a table. Pure.

Every cell of the matrix says its numbers, and what was found has a sign of its own: it can be read in print and by the
colour-blind.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.page import render
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import scale
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, TransitionRisk
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drift_words import drift_lines
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.matrix import ABREAST, matrix_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import (
    CRASHES_LESS,
    CRASHES_MORE,
    NO_DIFFERENCE,
    ONE_HOST,
    TOO_FEW,
    Sum,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival_chart import drawing
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_words import symptom_lines
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import (
    NUMBERS,
    UNKNOWN,
    bugs,
    headline,
    name_of,
    numbers,
    ratio,
    sentence,
    summary,
)

_SIGNS = {CRASHES_MORE: "\N{BLACK UP-POINTING TRIANGLE}", CRASHES_LESS: "\N{BLACK DOWN-POINTING TRIANGLE}"}
_LEGEND = (
    "Each cell: boots that crashed of all boots, and how many times as often as cold boots of that release. "
    "\N{BLACK UP-POINTING TRIANGLE} and a thick frame: more often than cold boots; "
    "\N{BLACK DOWN-POINTING TRIANGLE} and a thick frame: less often; hatched: too few boots to tell."
)


def render_html(fleet: Correlation, made: str) -> str:
    """Return the page; ``made`` is the time that it tells."""
    matrix, most = matrix_of(fleet), _most(fleet)
    return render(
        "_ledger/page",
        title="Crashes by transition",
        lead=headline(fleet),
        made=made,
        summary=summary(fleet),
        found=_findings(fleet, CRASHES_MORE, CRASHES_LESS),
        complaints=symptom_lines(fleet.symptoms),
        drifts=drift_lines(fleet.drifts),
        legend=_LEGEND,
        scale={"style": scale.STYLE, "steps": scale.STEPS, "most": _end(fleet, most)},
        left_out=matrix.left_out,
        matrix=[
            _part(fleet, matrix.rows, matrix.columns[at : at + ABREAST], most)
            for at in range(0, len(matrix.columns), ABREAST)
        ],
        curves=[drawing(name_of(one.way), one) for one in fleet.curves],
        header=NUMBERS,
        numbers=[numbers(one) for one in fleet.transitions],
        suspicions=_findings(fleet, ONE_HOST),
        alike=_findings(fleet, NO_DIFFERENCE),
        too_few=_findings(fleet, TOO_FEW),
    )


def _findings(fleet: Correlation, *findings: str) -> list[dict[str, Any]]:
    return [
        {
            "sentence": sentence(one),
            "cautions": [note.message for note in one.cautions],
            "bugs": [{"words": said, "signatures": below} for said, below in bugs(one)],
        }
        for one in fleet.transitions
        if one.risk.finding in findings
    ]


def _part(fleet: Correlation, rows: tuple[str | None, ...], columns: tuple[str, ...], most: float) -> dict[str, Any]:
    """Return a table for some columns of the matrix, without the rows that are empty there."""
    ways = {one.way: one for one in fleet.transitions}
    cold = [_cold_cell(release, fleet.cold.get(release), most) for release in columns]
    named = [
        ("cold boot", cold),
        ("kexec, no handover", [_cell(ways.get(Way("kexec", None, to)), most) for to in columns]),
    ]
    named += [(left or UNKNOWN, [_cell(ways.get(Way("handover", left, to)), most) for to in columns]) for left in rows]
    return {"columns": columns, "rows": [{"name": name, "cells": cells} for name, cells in named if any(cells)]}


def _cell(one: TransitionRisk | None, most: float) -> dict[str, str] | None:
    if one is None:
        return None
    risk, sign = one.risk, _SIGNS.get(one.risk.finding, "")
    look = [
        scale.step(risk.rate[0], most),
        *(["framed"] if sign else []),
        *(["few"] if risk.finding == TOO_FEW else []),
    ]
    return {
        "look": " ".join(look),
        "title": sentence(one),
        "counts": f"{risk.seen.crashes}/{risk.seen.boots} {sign}".rstrip(),
        "times": _times(risk.relative_risk),
    }


def _cold_cell(release: str, cold: Sum | None, most: float) -> dict[str, str] | None:
    if cold is None:
        return None
    return {
        "look": scale.step(_rate(cold), most),
        "title": f"cold boots of {release}: {cold.crashes} of {cold.boots} crashed",
        "counts": f"{cold.crashes}/{cold.boots}",
        "times": "",
    }


def _times(value: float | None) -> str:
    shown = ratio(value)
    return f"\N{MULTIPLICATION SIGN}{shown}" if shown[0].isdigit() else shown.replace("-", "")


def _most(fleet: Correlation) -> float:
    """Return the rate at the end of the scale: the greatest of those with enough boots to tell, if there are any."""
    told = [one.risk.rate[0] for one in fleet.transitions if one.risk.finding != TOO_FEW]
    return max([*told, *map(_rate, fleet.cold.values())], default=0.0) or max(
        (one.risk.rate[0] for one in fleet.transitions), default=0.0
    )


def _end(fleet: Correlation, most: float) -> str:
    is_exceeded = any(one.risk.rate[0] > most for one in fleet.transitions)
    return f"{100 * most:.2g} %{' and more' if is_exceeded else ''}"


def _rate(of: Sum) -> float:
    return of.crashes / of.boots if of.boots else 0.0
