# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet report as data, as JSON and as Markdown; the page for browsers is made by ``page.py``. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from math import isinf
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, TransitionRisk, Trend
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Bug, in_order
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drift_words import TOLD as DRIFTS_TOLD
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drift_words import drift_as_dict, drift_lines
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.page import render_html
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import Risk, Sum
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA, ODDS_TO_FIND
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import Survival
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_words import (
    TOLD,
    symptom_as_dict,
    symptom_lines,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import (
    NUMBERS,
    bugs,
    headline,
    numbers,
    sentence,
    summary,
)

SCHEMA = 3
"""Version of the JSON report; a program that reads it looks at this first."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def render_reports(fleet: Correlation, now: int) -> dict[str, str]:
    """Return the text of each report by the name of its file; ``now`` is in seconds since 1970."""
    made = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = {"schema": SCHEMA, "made": made, **fleet_as_dict(fleet)}
    return {
        "report.json": json.dumps(data, indent=1, sort_keys=True) + "\n",
        "report.md": _markdown(fleet, made),
        "report.html": render_html(fleet, made),
    }


def fleet_as_dict(fleet: Correlation) -> dict[str, Any]:
    """Return the whole report as JSON can express it; null where a number is unknown or infinite."""
    return {
        "headline": headline(fleet),
        "summary": summary(fleet),
        "alpha": ALPHA,
        "odds_to_find": ODDS_TO_FIND,
        "boots": fleet.boots,
        "boots_not_compared": fleet.not_compared,
        "crashes_not_joined": fleet.not_joined,
        "not_told": fleet.rest._asdict(),
        "doubted_hosts": list(fleet.doubted_hosts),
        "cold_boots": [{"release": release, **sums._asdict()} for release, sums in _cold(fleet)],
        "transitions": [transition_as_dict(one) for one in fleet.transitions],
        "survival": [_survival(one) for one in fleet.curves],
        "symptoms": [symptom_as_dict(one) for one in fleet.symptoms[:TOLD]],
        "symptoms_of_one_host": fleet.symptoms_of_one_host,
        "symptoms_not_told": fleet.symptoms_not_told,
        "drifts": [drift_as_dict(one) for one in fleet.drifts[:DRIFTS_TOLD]],
        "measures_not_joined": fleet.measures_not_joined,
        "measures_not_read": fleet.measures_not_read,
    }


def transition_as_dict(one: TransitionRisk) -> dict[str, Any]:
    """Return one transition as JSON can express it."""
    return {
        **one.way._asdict(),
        "sentence": sentence(one),
        **_risk(one.risk),
        "by_count": [{"kexec_count": count, **_risk(risk)} for count, risk in one.by_count],
        "trend": None if one.trend is None else _trend(one.trend),
        "bugs": [_bug(found) for found in one.bugs],
        "cautions": [note.as_dict() for note in one.cautions],
    }


def _bug(found: Bug) -> dict[str, Any]:
    return {
        "bug": found.bug,
        "kind": found.kind,
        "frames": list(found.frames),
        "boots": found.boots,
        "old": found.old,
        "signatures": [
            {"signature": below.signature, "frames": list(below.frames), "boots": below.boots}
            for below in found.signatures
        ],
    }


def _risk(risk: Risk) -> dict[str, Any]:
    test, interval, by_hour = risk.test, risk.interval or (None, None), risk.by_hour or (None, None, None)
    return {
        "finding": risk.finding,
        **risk.seen._asdict(),
        "hosts": risk.hosts._asdict() if risk.hosts else None,
        "worth": asdict(risk.table),
        "rate": risk.rate[0],
        "rate_interval": list(risk.rate[1:]),
        "cold": risk.cold._asdict(),
        "relative_risk": _finite(risk.relative_risk),
        "relative_risk_interval": [_finite(end) for end in interval],
        "relative_risk_by_hour": _finite(by_hour[0]),
        "relative_risk_by_hour_interval": [_finite(end) for end in by_hour[1:]],
        "p": test.p if test else None,
        "q": risk.q,
        "smallest_p": test.smallest_p if test else None,
        "power": test.power if test else None,
    }


def _survival(one: Survival) -> dict[str, Any]:
    cold = None if one.cold is None else one.cold._asdict()
    return {**one.way._asdict(), "after": one.after._asdict(), "cold": cold}


def _trend(trend: Trend) -> dict[str, Any]:
    return {"finding": trend.finding, "p": trend.test.p, "q": trend.q, "smallest_p": trend.test.smallest_p}


def _finite(number: float | None) -> float | None:
    return None if number is None or isinf(number) else number


def _markdown(fleet: Correlation, made: str) -> str:
    lines = [
        "# Crashes by transition",
        "",
        _plain(headline(fleet)),
        "",
        f"Made {made}.",
        "",
        *(f"- {_plain(line)}" for line in summary(fleet)),
        "",
    ]
    lines += ["## What was found", ""]
    for one in fleet.transitions:
        lines.append(f"- {_plain(sentence(one))}")
        lines += [f"  - {_plain(note.message)}" for note in one.cautions]
        for bug, signatures in bugs(one):
            lines += [f"  - {_plain(bug)}", *(f"    - {_plain(line)}" for line in signatures)]
    lines += ["", "## What kernels complain about", ""]
    lines += [f"- {_plain(line)}" for line in symptom_lines(fleet.symptoms)] or ["Nothing."]
    lines += ["", "## What drifts with the count", ""]
    lines += [f"- {_plain(line)}" for line in drift_lines(fleet.drifts)] or ["Nothing was measured by a soak."]
    lines += ["", "## Transitions", ""]
    lines += _table(NUMBERS, [numbers(one) for one in fleet.transitions])
    lines += ["", "## Cold boots", ""]
    lines += _table(
        ("release", "boots", "crashed", "hours"),
        [(release, f"{of.boots}", f"{of.crashes}", f"{of.hours:.0f}") for release, of in _cold(fleet)],
    )
    return "\n".join(lines) + "\n"


def _cold(fleet: Correlation) -> list[tuple[str, Sum]]:
    return sorted(fleet.cold.items(), key=lambda release: in_order(release[0]))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", text)
