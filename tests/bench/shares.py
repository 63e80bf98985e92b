# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of an upgrade goes: what modules did on the host, by their own clock, and all that is beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.timings import PARTS

PYTHON, AWAY, ANSIBLE = "Python on the host", "waited for the host", "Ansible and SSH"
COLUMNS = (*PARTS, PYTHON, AWAY, ANSIBLE)


@dataclass(frozen=True)
class Share:
    """One task: its seconds as the controller saw them, and how many of them went where."""

    task: str
    seconds: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def rest(self) -> float:
        """What nothing else accounts for: Ansible's own work, and its connections."""
        return max(0.0, self.seconds - sum(self.parts.values()))


def share_of(sample: Mapping[str, Any]) -> Share:
    """Make one of what the stopwatch wrote: ``task``, ``seconds``, and the module's ``timings`` and ``outage_seconds``.

    A task that is two runs of a module on the host, as a jump, has timings of each.
    """
    timings: Mapping[str, Any] = sample.get("timings") or {}
    runs = [timings] if "total" in timings else [run for run in timings.values() if isinstance(run, Mapping)]
    parts = {name: sum(float(run[name]) for run in runs) for name in PARTS} if runs else {}
    if runs:
        parts[PYTHON] = max(0.0, sum(float(run["total"]) for run in runs) - sum(parts.values()))
    if sample.get("outage_seconds"):
        parts[AWAY] = float(sample["outage_seconds"])
    return Share(str(sample["task"]), float(sample["seconds"]), parts)


def medians(rounds: Sequence[Sequence[Mapping[str, Any]]]) -> list[Share]:
    """Return a share for each task, in the order of the first round; all numbers are medians over the rounds."""
    known: dict[str, list[Share]] = {}
    for samples in rounds:
        for name, share in merged(map(share_of, samples)).items():
            known.setdefault(name, []).append(share)
    return [
        Share(
            name,
            median(share.seconds for share in shares),
            {part: median(share.parts.get(part, 0.0) for share in shares) for part in COLUMNS[:-1]},
        )
        for name, shares in known.items()
    ]


def merged(shares: Iterable[Share]) -> dict[str, Share]:
    """Return what tasks of one name took together."""
    found: dict[str, Share] = {}
    for share in shares:
        before = found.get(share.task, Share(share.task, 0.0))
        names = {*before.parts, *share.parts}
        parts = {name: before.parts.get(name, 0.0) + share.parts.get(name, 0.0) for name in names}
        found[share.task] = Share(share.task, before.seconds + share.seconds, parts)
    return found


def page(shares: Sequence[Share]) -> Iterator[str]:
    """Yield the lines of a page in Markdown: a row a task, those that took longest first, and the sum of all."""
    yield "# Where the time of an upgrade goes"
    yield ""
    yield f"| task | seconds | {' | '.join(COLUMNS)} |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    ordered = sorted(shares, key=lambda share: -share.seconds)
    for share in ordered:
        yield _row(share.task, share.seconds, [*(share.parts.get(name, 0.0) for name in COLUMNS[:-1]), share.rest])
    whole = sum(share.seconds for share in ordered)
    columns = [sum(share.parts.get(name, 0.0) for share in ordered) for name in COLUMNS[:-1]]
    sums = [*columns, sum(share.rest for share in ordered)]
    yield _row("all", whole, sums)
    if whole:
        yield _row("of all", 1.0, [one / whole for one in sums])


def _row(task: str, seconds: float, columns: Sequence[float]) -> str:
    return f"| {task} | {seconds:.2f} | {' | '.join(f'{one:.2f}' for one in columns)} |"
