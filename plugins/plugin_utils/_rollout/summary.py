# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told at the end of a run: which hosts deserve a row, and where a rollout stopped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import clean, render_table
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    FAILED,
    HALF_DONE,
    NOT_KNOWN,
    ROLLED_BACK,
    UNTOUCHED,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.rollout import HEADER, PREVIEW_HEADER, TIME_COLUMNS
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import RunLog


@dataclass(frozen=True)
class Line:
    """A line of the report; a title is printed as Ansible prints those of plays."""

    text: str
    is_title: bool = False


FEW_HOSTS = 50
"""Up to so many hosts, each has a row."""
MOST_ROWS = 200
NAMES = 10
"""So many hosts are named where all are meant."""

FINISHED, STOPPED, INTERRUPTED, RUNNING = "finished", "stopped", "interrupted", "running"

_EXPLAINED = (
    (DONE, "done", ""),
    (FAILED, "failed", ""),
    (ROLLED_BACK, "rolled back", ""),
    (NOT_KNOWN, "unknown", "work on them had begun, and nobody knows how it ended"),
    (HALF_DONE, "staged", "the target is loaded, and they have not left their kernel"),
    (UNTOUCHED, "untouched", ""),
)
_ORDER = {FAILED: 0, NOT_KNOWN: 0, ROLLED_BACK: 1, HALF_DONE: 2}


def state_of(run_log: RunLog, ended: bool) -> str:
    """Return how the run ended; ``ended``: Ansible came to its end, rather than being interrupted."""
    if not ended:
        return INTERRUPTED
    is_check = run_log.rollout.is_preview
    is_short = not is_check and (run_log.has_hosts_to_come or run_log.is_stopped)
    return STOPPED if is_short else FINISHED


def report(run_log: RunLog, state: str, now: float, ascii_only: bool) -> list[Line]:
    """Return all that is printed at the end; nothing when there was no host to tell of."""
    rollout = run_log.rollout
    if not rollout.hosts:
        return []
    shown = hosts_to_show(run_log)
    if rollout.is_preview:
        title, counts, remarks = "KERNEL ROLLOUT (PLAN)", rollout.preview_counts(), rollout.remedies()
        table = render_table(PREVIEW_HEADER, rollout.preview_rows(shown), ascii_only)
    else:
        title, counts = "KERNEL ROLLOUT", rollout.counts()
        remarks = ["\n".join(lines)] if (lines := where_it_stopped(run_log, state, now, ascii_only)) else []
        table = render_table(HEADER, rollout.rows(shown, run_log.total_seconds()), ascii_only, TIME_COLUMNS)
    texts = [*(table if shown else []), *not_shown(run_log, len(shown)), ""]
    texts.append(", ".join(f"{word}: {count}" for word, count in counts))
    for remark in remarks:
        texts += ["", remark]
    return [Line(title, True), *(Line(text) for text in texts)]


def hosts_to_show(run_log: RunLog) -> list[str]:
    """Return which hosts get a row: all that were heard of when they are few, otherwise those that are not fine."""
    rollout = run_log.rollout
    if len(rollout.hosts) <= FEW_HOSTS:
        return list(rollout.hosts)
    if rollout.is_preview:
        return [host for host, known in rollout.hosts.items() if known.told.deserves_a_look][:MOST_ROWS]
    bad = [host for host in rollout.hosts if run_log.outcomes.get(host, FAILED) != DONE]
    return sorted(bad, key=lambda host: _ORDER.get(run_log.outcomes.get(host, FAILED), 3))[:MOST_ROWS]


def not_shown(run_log: RunLog, shown: int) -> list[str]:
    """Return a sentence about the hosts without a row; none when every host has one."""
    heard_of = len(run_log.rollout.hosts)
    hosts = counted(heard_of, "host")
    if shown == heard_of:
        return []
    if run_log.rollout.is_preview:
        return [f"Without a row: {heard_of - shown} of {hosts}; those with warnings or refusals come first."]
    fine = sum(run_log.outcomes.get(host) == DONE for host in run_log.rollout.hosts)
    more = heard_of - shown - fine
    return [
        f"Done, and without a row: {fine} of {hosts}."
        + (f" Without a row, too: {counted(more, 'other')}." if more else "")
    ]


def where_it_stopped(run_log: RunLog, state: str, now: float, ascii_only: bool) -> list[str]:
    """Return how far each host came; nothing when every host is done."""
    if not run_log.waves or run_log.counts[DONE] == len(run_log.outcomes):
        return []
    waves = "?" if run_log.planned_waves is None else run_log.planned_waves
    code = f" ({run_log.stopped_by})" if run_log.stopped_by else ""
    ended = "came to its end" if state == FINISHED else f"was {state}{code}"
    lines = [f"The rollout {ended} after {clock(now)}, in wave {len(run_log.waves)} of {waves}."]
    for outcome, word, meaning in _EXPLAINED:
        if run_log.counts[outcome]:
            hosts = named(run_log.hosts_with(outcome), ascii_only)
            lines.append(f"  {word:<11} {run_log.counts[outcome]:>5}  {hosts}{f' ({meaning})' if meaning else ''}")
    return [*lines, "The same command goes on from here, once the cause is gone."]


def named(hosts: Sequence[str], ascii_only: bool) -> str:
    """Return the names of the first hosts, and how many more there are."""
    return listed([clean(host, ascii_only) for host in hosts], NAMES, " ")
