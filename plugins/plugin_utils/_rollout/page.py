# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a run as one page: one sentence, what went wrong, a timeline, outages, tables. Pure.

With many hosts, waves are drawn as a whole, and only hosts that are not done have rows of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.page import render
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import UNKNOWN
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    IN_FLIGHT,
    OUTCOMES,
    UNTOUCHED,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.opening import opening, planned, reason, troubles
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outages import distribution, quantile
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.summary import FEW_HOSTS
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.timeline import SHAPES, spent, timeline

MOST_ROWS = 500
HEADER = ("host", "wave", "outcome", "from", "to", "promised", "reported", "verdict", "code", "outage (s)", "total (s)")
PLAN_HEADER = ("host", "from", "to", "action", "promised", "warnings", "refused")
KINDS = tuple(outcome for outcome in OUTCOMES if outcome != IN_FLIGHT)
"""Outcomes with a colour of their own."""
_ADVICE = {
    "running": "This page is written anew after each wave. When it is old, the controller was killed.",
    "finished": "",
    "stopped": "The same command goes on from here, once the cause is gone.",
    "interrupted": "The same command goes on from here.",
}


def render_html(results: Mapping[str, Any]) -> str:
    """Return the page for ``results``, which are those of the results file."""
    run, hosts = results["run"], results["hosts"]
    is_plan = run["planned_only"]
    began = [host for host in hosts if host["wave"] is not None] if is_plan else _begun(hosts)
    rows = _with_rows(began, is_plan)
    return render(
        "_rollout/page",
        title="Kernel rollout (plan)" if is_plan else "Kernel rollout",
        lead=opening(results),
        kinds=KINDS,
        is_plan=is_plan,
        reason="" if is_plan else reason(results),
        advice=run["message"] if is_plan else "" if run["message"] else _ADVICE[run["state"]],
        troubles=planned(hosts) if is_plan else troubles(hosts),
        summary=_summary(results),
        begin=run["begin"],
        legend=_legend(run["counts"]),
        timeline=None if is_plan else timeline(results, rows),
        outages=distribution(_outages(hosts)),
        waves=[] if is_plan else _waves(results),
        header=PLAN_HEADER if is_plan else HEADER,
        numbers=() if is_plan else (1, 9, 10),
        hosts=[_planned_row(host) if is_plan else _row(host) for host in rows],
        began=len(began),
        left_out=len(began) - len(rows),
    )


def _begun(hosts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the hosts that have something to tell."""
    return [host for host in hosts if host["outcome"] != UNTOUCHED or host["events"]]


def _with_rows(hosts: Sequence[Mapping[str, Any]], is_plan: bool) -> list[Mapping[str, Any]]:
    """Return the hosts that have rows: all when they are few, otherwise those that are not fine."""
    if len(hosts) <= FEW_HOSTS:
        return list(hosts)
    if is_plan:
        return [host for host in hosts if host["code"] or host["warnings"]][:MOST_ROWS]
    return [host for host in hosts if host["outcome"] != DONE][:MOST_ROWS]


def _legend(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "kind": outcome,
            "hatched": outcome != DONE,
            "shape": SHAPES[outcome],
            "words": _word(outcome),
            "hosts": counts[outcome],
        }
        for outcome in OUTCOMES
        if counts[outcome]
    ]


def _outages(hosts: Sequence[Mapping[str, Any]]) -> list[float]:
    return [host["outage_seconds"] for host in hosts if host["outage_seconds"] is not None]


def _summary(results: Mapping[str, Any]) -> list[str]:
    run, hosts = results["run"], results["hosts"]
    counts = ", ".join(f"{_word(name)}: {run['counts'][name]}" for name in OUTCOMES if run["counts"][name])
    verdicts = Counter(host["verdict"] for host in hosts if host["verdict"])
    said = ", ".join(f"{word}: {number}" for word, number in verdicts.most_common())
    waves = UNKNOWN if run["planned_waves"] is None else run["planned_waves"]
    lines = [] if run["planned_only"] else [f"Outcomes: {counts or 'none'}", f"Verdicts: {said or 'none'}"]
    lines.append(f"Waves: {waves} planned" + ("" if run["planned_only"] else f", {len(results['waves'])} begun"))
    outages = sorted(_outages(hosts))
    if outages:
        lines.append(_of_outages(hosts, outages))
    return [
        *lines,
        f"From {run['begin']} to {run['end'] or run['written']}, {clock(spent(results))}",
        f"Playbook {run['playbook'] or UNKNOWN}, run on {run['controller']}",
    ]


def _of_outages(hosts: Sequence[Mapping[str, Any]], outages: Sequence[float]) -> str:
    longest = next(host["name"] for host in hosts if host["outage_seconds"] == outages[-1])
    return (
        f"Outages: median {median(outages):.1f} s, 95 % within {quantile(outages, 0.95):.1f} s, longest "
        f"{outages[-1]:.1f} s ({longest})"
    )


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


def _planned_row(host: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        host["name"],
        _shown(host["from"]),
        _shown(host["to"]),
        _shown(host["action"]),
        _record(host["promised"]),
        " ".join(host["warnings"]) or UNKNOWN,
        _shown(host["code"]),
    )


def _record(record: Mapping[str, Any] | None) -> str:
    if record is None or (record["previous_release"] is None and record["kexec_count"] is None):
        return UNKNOWN
    return f"{_shown(record['previous_release'])} ({_shown(record['kexec_count'])})"


def _shown(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _word(outcome: str) -> str:
    return outcome.replace("_", " ")
