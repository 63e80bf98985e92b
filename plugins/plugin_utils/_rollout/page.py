# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a run as one page: what came out, a timeline of the waves, tables. Made from the results file alone.

With many hosts, waves are drawn as a whole, and only hosts that are not done have rows of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any

from markupsafe import Markup

from ansible_collections.kho.kexec.plugins.plugin_utils._common.page import render
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import UNKNOWN
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import DONE, OUTCOMES, UNTOUCHED
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.summary import FEW_HOSTS
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.svg import LEGEND, STYLE, spent, timeline

MOST_ROWS = 500
HEADER = ("host", "wave", "outcome", "from", "to", "promised", "reported", "verdict", "code", "outage (s)", "total (s)")
_STATES = {
    "running": "The rollout goes on, or was killed without a word.",
    "finished": "The rollout came to its end.",
    "stopped": "The rollout was stopped. The same command goes on from here, once the cause is gone.",
    "interrupted": "The rollout was interrupted. The same command goes on from here.",
}


def render_html(results: Mapping[str, Any]) -> str:
    """Return the page for ``results``, which are those of the results file."""
    run, hosts = results["run"], results["hosts"]
    began = [host for host in hosts if host["outcome"] != UNTOUCHED]
    shown = began if len(began) <= FEW_HOSTS else [host for host in began if host["outcome"] != DONE]
    rows = [_row(host) for host in shown[:MOST_ROWS]]
    return render(
        "_rollout/page",
        title="Kernel rollout",
        style=Markup(STYLE),
        state=_state(run),
        summary=_summary(results),
        legend=LEGEND,
        timeline=Markup(timeline(results, shown[:MOST_ROWS])),
        waves=_waves(results),
        header=HEADER,
        hosts=rows,
        began=len(began),
        left_out=len(began) - len(rows),
    )


def _state(run: Mapping[str, Any]) -> str:
    code = f" What stopped it: {run['code']}." if run["code"] else ""
    check = " It was in check mode, and changed nothing." if run["check_mode"] else ""
    return f"{_STATES[run['state']]}{code}{check}"


def _summary(results: Mapping[str, Any]) -> list[str]:
    run = results["run"]
    counts = ", ".join(f"{_word(name)}: {run['counts'][name]}" for name in OUTCOMES if run["counts"][name])
    verdicts = Counter(host["verdict"] or host["code"] for host in results["hosts"])
    said = ", ".join(f"{word}: {number}" for word, number in verdicts.most_common() if word)
    waves = "?" if run["planned_waves"] is None else run["planned_waves"]
    lines = [
        f"{len(results['hosts'])} hosts: {counts or 'none'}",
        f"Verdicts and codes: {said or 'none'}",
        f"Waves begun: {len(results['waves'])} of {waves}",
        f"From {run['begin']} to {run['end'] or run['written']}, {clock(spent(results))}",
        f"Playbook {run['playbook'] or UNKNOWN}, run on {run['controller']}",
    ]
    outages = [host["outage_seconds"] for host in results["hosts"] if host["outage_seconds"] is not None]
    if outages:
        lines.insert(2, f"Outages: median {median(outages):.1f} s, longest {max(outages):.1f} s")
    return lines


def _waves(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    outcomes = {host["name"]: host["outcome"] for host in results["hosts"]}
    rows: list[tuple[str, ...]] = []
    for wave in results["waves"]:
        counts = Counter(outcomes.get(name) for name in wave["hosts"])
        rows.append(
            (
                str(wave["number"]),
                str(len(wave["hosts"])),
                wave["begin"],
                wave["end"] or UNKNOWN,
                ", ".join(f"{_word(name)}: {counts[name]}" for name in OUTCOMES if counts[name]),
            )
        )
    return rows


def _row(host: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        host["name"],
        _shown(host["wave"]),
        _word(host["outcome"]),
        _shown(host["from"]),
        _shown(host["to"]),
        _record(host["promised"]),
        _record(host["reported"]),
        _shown(host["verdict"]),
        _shown(host["code"]),
        _shown(host["outage_seconds"]),
        _shown(host["total_seconds"]),
    )


def _record(record: Mapping[str, Any] | None) -> str:
    if record is None or (record["previous_release"] is None and record["kexec_count"] is None):
        return UNKNOWN
    return f"{_shown(record['previous_release'])} ({_shown(record['kexec_count'])})"


def _shown(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _word(outcome: str) -> str:
    return outcome.replace("_", " ")
