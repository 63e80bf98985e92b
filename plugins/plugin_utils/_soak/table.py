# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A soak as a table by count, and what drifts with it, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import render_table
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import UNKNOWN, text
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES, MIB
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.results import Soak
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import Row
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import Trend, trend

HEADER = ("jump", "count", "to", "verdict", "outage s", "boot s", "free MiB", "CMA MiB", "slab MiB", "new symptoms")
_RIGHT = frozenset({0, 1, 4, 5, 6, 7, 8})


def trends(soak: Soak) -> dict[str, dict[str, Trend]]:
    """Return the trend of each measure by the release that was reached: another kernel has other values.

    The first row of a release is after whatever ran before; it counts like all others.
    """
    found = {}
    for release in sorted({row.to for row in soak.rows if row.to is not None}):
        rows = [row for row in soak.rows if row.to == release and row.verdict == "handover_verified"]
        counts = [row.number if row.kexec_count is None else row.kexec_count for row in rows]
        found[release] = {name: trend(counts, [getattr(row, name) for row in rows]) for name in MEASURES}
    return found


def table(soak: Soak) -> list[str]:
    """Return the lines of the table, in ASCII."""
    return render_table(HEADER, [_cells(row) for row in soak.rows], ascii_only=True, right=_RIGHT)


def sentences(soak: Soak) -> list[str]:
    """Return what was found: how far it came, when it was first not well, and what drifts."""
    bad = [row for row in soak.rows if not row.well]
    said = [
        f"{text(soak.host)}: {counted(len(soak.rows), 'jump')} of {soak.jumps}, "
        f"{len(bad)} not well ({soak.ended or 'not ended'})."
    ]
    if bad:
        first = bad[0]
        why = [*([first.failure] if first.failure else []), *(first.symptoms or ())] or ["health not known"]
        said.append(
            f"The first that was not well is jump {first.number} to {text(first.to)} "
            f"(count {text(first.kexec_count)}): {listed(why, 5)}."
        )
    for release, measures in trends(soak).items():
        said += _drifting(release, measures)
    return said


def _drifting(release: str, measures: dict[str, Trend]) -> list[str]:
    known = {name: found for name, found in measures.items() if found.drifts is not None}
    said = [_drift(release, name, found) for name, found in known.items() if found.drifts]
    unknown = [name for name in measures if name not in known]
    if known and not said:
        said.append(f"{text(release)}: nothing is seen to drift with the count.")
    if unknown:
        names = ", ".join(MEASURES[name].words for name in unknown)
        said.append(f"{text(release)}: whether {names} drift is unknown, because {_reason(measures[unknown[0]])}")
    return said


def _reason(found: Trend) -> str:
    return found.why.message if found.why else "nobody says why."


def _drift(release: str, name: str, found: Trend) -> str:
    one = MEASURES[name]
    return f"{text(release)}: {one.words} drifts with the count, {one.change(found)}."


def _cells(row: Row) -> Sequence[str]:
    symptoms = UNKNOWN if row.symptoms is None else listed(list(row.symptoms), 3) or "none"
    sizes = (row.free_bytes, row.cma_free_bytes, row.slab_bytes)
    return (
        str(row.number),
        text(row.kexec_count),
        text(row.to),
        text(row.verdict or row.failure),
        _number(row.outage_seconds),
        _number(row.boot_seconds),
        *(_number(None if size is None else size / MIB) for size in sizes),
        symptoms,
    )


def _number(value: Any) -> str:
    return UNKNOWN if value is None else f"{value:.1f}"
