# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells on a guest: predicted, done, compared, and kept as soon as they are."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from tools.layout import ROOT

from . import outcome
from .cells import KHO_OFF, Cell, Kernel
from .guest import Guest, GuestError

RUNNING = "running"
"""The plan's word for the release that runs, which else is no target (kexec_plan_info, release)."""


@dataclass(frozen=True)
class Result:
    """A cell with its two sides; ``trouble`` says why one of them is missing.

    ``reasons`` are what the plan says, and ``heard`` is what the kernels said of the handover.
    """

    running: str
    target: str
    predicted: str | None
    seen: str | None
    said: str | None
    trouble: str | None
    seconds: float
    reasons: Sequence[str] = ()
    heard: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The cell's."""
        return f"{self.running} -> {self.target}"

    @property
    def agrees(self) -> bool:
        """Whether reality was what had been predicted."""
        return self.predicted is not None and self.predicted == self.seen


@dataclass(frozen=True)
class Place:
    """The run whose guests do it, its inventory, and the folder and file that results go to."""

    run: str
    inventory: Path
    folder: Path

    @property
    def kept(self) -> Path:
        """A line for each result."""
        return self.folder / "results.jsonl"


class Matrix:
    """The cells on guests of a run; ``releases`` are those of the kernels that the cells name."""

    def __init__(self, place: Place, releases: Mapping[str, str]) -> None:
        self._place = place
        self._releases = releases
        self._lock = threading.Lock()

    def run(self, name: str, kind: str, cells: Sequence[Cell]) -> list[Result]:
        """Run these cells on the guest of this name and kind, first those that begin where it is."""
        guest = Guest(self._place.run, name, kind)
        guest.learn()
        results: list[Result] = []
        remaining = list(cells)
        while remaining:
            cell = next((cell for cell in remaining if cell.running == guest.runs), remaining[0])
            remaining.remove(cell)
            number = f"{len(results) + 1}/{len(cells)}"
            result = self._run(guest, cell, number)
            # A guest that did not do what it was to tells nothing of the prediction; once more, from a cold boot.
            results.append(result if result.trouble is None else self._run(guest, cell, number))
            self._keep(results[-1])
        return results

    def _run(self, guest: Guest, cell: Cell, number: str) -> Result:
        began = time.monotonic()
        expected = found = said = trouble = None
        reasons: list[str] = []
        heard: tuple[str, ...] = ()
        try:
            if guest.runs != cell.running:
                self.go(guest, cell)
            plan = self._plan(guest, cell)
            expected, reasons = self._predicted(plan, cell), outcome.reasons(plan)
            found, said, heard = self.do(guest, cell)
        except (GuestError, LabError, subprocess.SubprocessError) as error:
            trouble, guest.runs = str(error), None
            guest.go_back()
        seconds = time.monotonic() - began
        names = str(cell.running), str(cell.target)
        result = Result(*names, expected, found, said, trouble, round(seconds, 1), reasons, heard)
        verdict = "agrees" if result.agrees else f"DISAGREES ({trouble})" if trouble else "DISAGREES"
        print(f"[{guest.name} {number}] {cell}: predicted {expected}, seen {found}: {verdict}", flush=True)
        return result

    def _keep(self, result: Result) -> None:
        with self._lock, self._place.kept.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def go(self, guest: Guest, cell: Cell) -> None:
        """Have the guest run what the cell begins with."""
        guest.go(cell.running, self._releases[cell.running.name])

    def _plan(self, guest: Guest, cell: Cell) -> dict[str, Any]:
        """Ask for the plan."""
        answer = self._place.folder / f"{guest.name}.plan.json"
        answer.unlink(missing_ok=True)
        again = cell.target.name == cell.running.name and not cell.target.old_call
        variables = {
            "release": RUNNING if again else self._releases[cell.target.name],
            "options": [option for option in cell.target.options if option != KHO_OFF],
            "answer": str(answer),
        }
        playbook = ROOT / "tests" / "matrix" / "predict.yml"
        argv = ["ansible-playbook", "-i", str(self._place.inventory), "--limit", guest.name, str(playbook)]
        argv += ["-e", json.dumps(variables)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise GuestError(f"no plan: {done.stdout[-1500:]}{done.stderr[-500:]}")
        plan: dict[str, Any] = json.loads(answer.read_text())
        if doubts := outcome.doubts(plan):
            raise GuestError(f"the plan is in doubt: {' '.join(doubts)}")
        return plan

    @staticmethod
    def _predicted(plan: dict[str, Any], cell: Cell) -> str:
        """Say what the plan means."""
        if cell.target.old_call or KHO_OFF in cell.target.options:
            return outcome.predicted_by_hand(plan, cell.target)
        return outcome.predicted(plan)

    def do(self, guest: Guest, cell: Cell) -> tuple[str, str | None, tuple[str, ...]]:
        """Load and jump; returns what was seen, what kexec said against it, and what the next kernel said of KHO."""
        before, offset = len(guest.boots()), guest.console_size()
        said = guest.load(cell.target, self._releases[cell.target.name])
        if said is None:
            guest.jump()
        found = outcome.seen(guest.boots(), before, guest.console_since(offset))
        if said is None:
            guest.runs = None if found == outcome.PANIC else Kernel(cell.target.name, cell.target.options)
        return found, said, guest.boots()[before].kho if len(guest.boots()) > before else ()
