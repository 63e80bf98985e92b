# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of a run went, step by step, compared with the last run.

While a step runs, the lab adds a line to a file for each boot, restore, jump and so on, with its seconds. The sums are
kept in build/times.json beside the seconds of the step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from .layout import BUILD

RESULT = BUILD / "times.json"
SCHEMA = 1

# As the lab calls them, and as they stand above their columns, in their order.
HEADINGS = {
    "boot": "boots",
    "restore": "restores",
    "jump": "jumps",
    "kernel": "kernel builds",
    "image": "images",
    "snapshot": "snapshots",
    "wait": "waiting",
}


class Spent(TypedDict):
    """How often the lab did one kind of thing, and how long that took altogether."""

    count: int
    seconds: float


class Entry(TypedDict):
    """What is known of one run of a step."""

    seconds: float
    outcome: str
    kinds: dict[str, Spent]


def sums(lines: Iterable[str]) -> dict[str, Spent]:
    """Return the sums for each kind. Lines that are no record, as one whose writer was killed, are passed over."""
    found: dict[str, Spent] = {}
    for line in lines:
        try:
            record = json.loads(line)
            kind, seconds = str(record["kind"]), float(record["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
        spent = found.setdefault(kind, Spent(count=0, seconds=0.0))
        spent["count"] += 1
        spent["seconds"] = round(spent["seconds"] + seconds, 1)
    return found


def read(path: Path) -> dict[str, Spent]:
    """Return the sums of what the lab wrote for one step."""
    return sums(path.read_text(encoding="utf-8", errors="replace").splitlines())


def load(path: Path) -> dict[str, Entry]:
    """Return what is kept of each step's last run; nothing when there is none or another schema."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        steps: dict[str, Entry] = kept["steps"] if kept["schema"] == SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return steps


def save(path: Path, started: str, seconds: float, steps: Mapping[str, Entry]) -> None:
    """Keep the times of this run; a step that was not part of it keeps those of its last run."""
    kept = {
        "schema": SCHEMA,
        "started": started,
        "seconds": round(seconds, 1),
        "steps": {**load(path), **steps},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def kinds_of(entries: Iterable[Entry]) -> list[str]:
    """Return the kinds that these steps spent time on: those with a heading first, then the unknown."""
    seen = dict.fromkeys(kind for entry in entries for kind in entry["kinds"])
    return [kind for kind in HEADINGS if kind in seen] + sorted(kind for kind in seen if kind not in HEADINGS)


def table(steps: Mapping[str, Entry], last: Mapping[str, Entry]) -> list[str]:
    """Return the lines of a table of these steps, a heading first."""
    kinds = kinds_of(steps.values())
    rows = [["", "step", "seconds", "last", "+/-", *(HEADINGS.get(kind, kind) for kind in kinds)]]
    for name, entry in steps.items():
        rows.append([*row(name, entry, last.get(name)), *(cell(entry["kinds"].get(kind)) for kind in kinds)])
    return aligned(rows)


def row(name: str, entry: Entry, last: Entry | None) -> list[str]:
    """Return the first cells of a step. Only what passed twice can be compared."""
    outcome = "passed" if entry["outcome"] == "passed" else "FAILED"
    cells = [outcome, name, f"{entry['seconds']:.0f}"]
    if last is None:
        return [*cells, "", ""]
    both_passed = entry["outcome"] == last["outcome"] == "passed"
    difference = f"{round(entry['seconds']) - round(last['seconds']):+d}" if both_passed else ""
    return [*cells, f"{last['seconds']:.0f}", difference]


def cell(spent: Spent | None) -> str:
    """Return seconds and, in brackets, how often."""
    return f"{spent['seconds']:.0f} ({spent['count']})" if spent else ""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: the first two columns, which are words, to the left and the numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if number < 2 else text.rjust(width)
            for number, (text, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in rows
    ]
