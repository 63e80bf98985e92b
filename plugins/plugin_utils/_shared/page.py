# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout that runs share, as one page that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.page import render
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.words import NOTHING, at, headline


def render_html(found: Mapping[str, Any]) -> str:
    """Return the page of what ``info`` told."""
    states = list(found["counts"])
    return render(
        "_shared/page",
        title=f"Rollout {found['name']}",
        lead=headline(found),
        made=at(found["now"]),
        counts=[[state, str(number)] for state, number in found["counts"].items()],
        canaries=_canaries(found),
        terms=[[name, str(value)] for name, value in (found["terms"] or {}).items()],
        runs_header=["run", "wave", *states, "began", "heard of", "ended"],
        runs=[_run(one) for one in found["runs"]],
        numbers=range(2, 2 + len(states)),
        hosts=[[one["host"], one["state"], one["code"] or NOTHING, _wave(one["wave"])] for one in found["hosts"]],
        events=[[at(one["at"]), one["who"], one["what"], one["why"] or ""] for one in found["events"]],
    )


def _run(one: Mapping[str, Any]) -> list[str]:
    numbers = [str(number) for number in one["counts"].values()]
    times = [at(one[name]) for name in ("began", "seen", "ended")]
    return [one["owner"], f"{one['wave'] or 0} of {one['waves'] or NOTHING}", *numbers, *times]


def _wave(number: int | None) -> str:
    return NOTHING if number is None else str(number)


def _canaries(found: Mapping[str, Any]) -> str:
    names = ", ".join(found["canaries"]) or "none yet"
    proven = found["canaries_proven"]
    return f"{names}: {'proven at ' + at(proven) if proven else 'not proven yet'}."
