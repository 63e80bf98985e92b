# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a run as one document, as docs/reference/rollout_results.md describes it, and its files.

It holds words, codes, releases, counts and times, and the message of the gate. Other messages, variables and arguments
of modules stay out of it, because they may hold secrets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.files import replace_file
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import (
    seconds_or_none,
    text_or_none,
    whole_or_none,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import OUTCOMES, HostOutcome
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import outcome_of
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.page import render_html
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import HostTimes, RunLog
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.summary import RUNNING

SCHEMA = 1
SHARE = 20
"""Writing waits so many times as long as it took, so many small waves do not write most of the time."""


@dataclass(frozen=True)
class Setting:
    """What is known of a run from its first moment: when it began (aware, UTC), what runs, and where."""

    begin: datetime
    playbook: str | None
    check_mode: bool
    controller: str


def document(run_log: RunLog, setting: Setting, state: str, now: float) -> dict[str, Any]:
    """Return the results at ``now``, in seconds since the begin, ready for JSON."""
    begin = setting.begin
    counts = run_log.counts
    return {
        "schema": SCHEMA,
        "run": {
            "state": state,
            "code": run_log.stopped_by,
            "message": run_log.gate_said,
            "begin": _moment(begin, 0.0),
            "end": None if state == RUNNING else _moment(begin, now),
            "written": _moment(begin, now),
            "playbook": setting.playbook,
            "check_mode": setting.check_mode,
            "planned_only": setting.check_mode or run_log.rollout.is_preview,
            "controller": setting.controller,
            "planned_waves": run_log.waves_of_plan or run_log.planned_waves,
            "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        },
        "waves": [
            {
                "number": wave.number,
                "hosts": list(wave.hosts),
                "begin": _moment(begin, wave.begin),
                "end": None if wave.end is None else _moment(begin, wave.end),
            }
            for wave in run_log.waves
        ],
        "hosts": [
            _host(name, outcome, run_log.rollout.hosts.get(name), run_log.times.get(name), begin)
            for name, outcome in run_log.outcomes.items()
        ],
    }


def _host(
    name: str, outcome: str, known: HostOutcome | None, times: HostTimes | None, begin: datetime
) -> dict[str, Any]:
    return {
        "name": name,
        "outcome": outcome,
        **_facts(known or HostOutcome()),
        "rolled_back": outcome == "rolled_back",
        "wave": times.wave if times else None,
        "begin": _moment(begin, times.begin) if times else None,
        "end": _moment(begin, times.end) if times and times.end is not None else None,
        "total_seconds": round(times.end - times.begin, 1) if times and times.end is not None else None,
        "events": [
            {"seconds": round(when, 1), "event": event.kind, "detail": event.detail}
            for when, event in (times.events if times else [])
        ],
    }


def _facts(known: HostOutcome) -> dict[str, Any]:
    outcome = outcome_of(known.told)
    return {
        "from": text_or_none(outcome.left),
        "to": text_or_none(outcome.to),
        "action": text_or_none(outcome.action),
        "promised": _record(outcome.promised),
        "reported": _record(outcome.reported),
        "verdict": text_or_none(outcome.verdict),
        "code": known.told.code(),
        "accepted": outcome.accepted,
        "committed": outcome.committed,
        "outage_seconds": seconds_or_none(outcome.outage_seconds),
        "warnings": known.told.warnings(),
    }


def _record(record: Any) -> dict[str, Any] | None:
    if not isinstance(record, Mapping):
        return None
    return {
        "release": text_or_none(record.get("release")),
        "previous_release": text_or_none(record.get("previous_release")),
        "kexec_count": whole_or_none(record.get("kexec_count")),
    }


def _moment(begin: datetime, seconds: float) -> str:
    """Return a time in UTC as RFC 3339 has it, to the second."""
    return (begin + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class ResultsKeeper:
    """Keeps ``rollout-BEGIN.json`` and the page beside it, each replaced atomically."""

    def __init__(self, directory: Path, run_log: RunLog, setting: Setting, clock: Callable[[], float]) -> None:
        """Make ``directory`` and take a name that no other run has; raises OSError."""
        directory.mkdir(parents=True, exist_ok=True)
        self.path = _take_name(directory, f"rollout-{setting.begin.strftime('%Y%m%dT%H%M%SZ')}")
        self._run_log = run_log
        self._setting = setting
        self._clock = clock
        self._next_write = 0.0

    def write(self, state: str, now: float, last: bool = False) -> None:
        """Write both files, or leave it be when that would take too much of the time; raises OSError."""
        started = self._clock()
        if started < self._next_write and not last:
            return
        self._replace_files(document(self._run_log, self._setting, state, now))
        finished = self._clock()
        self._next_write = finished + SHARE * (finished - started)

    def _replace_files(self, results: Mapping[str, Any]) -> None:
        replace_file(self.path, json.dumps(results, indent=1) + "\n")
        replace_file(self.path.with_suffix(".html"), render_html(results))


def _take_name(directory: Path, stem: str) -> Path:
    number = 1
    while True:
        path = directory / f"{stem}{f'-{number}' if number > 1 else ''}.json"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return path
