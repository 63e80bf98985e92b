# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the matrix: ``python -m matrix``, a representative part with ``--representative``, or some cells with ``--only``.

For each cell the prediction is written down first, then the kexec is done by hand, then both are compared. Each result
is kept in build/matrix/results.jsonl as soon as it is there, and a run that was interrupted goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import kernels, run
from lab.errors import LabError
from lab.owner import default_owner
from tools.layout import ROOT

from . import outcome
from .cells import CELLS, KHO_OFF, NOT_RUN, REPRESENTATIVE, WHY_NOT_RUN, Cell, Kernel, kernels_of, shares
from .guest import Guest, GuestError
from .table import render

RUN = "matrix"
RESULTS = ROOT / "build" / "matrix"
KEPT = RESULTS / "results.jsonl"
_BOOT_WITHIN = 600.0  # seconds


@dataclass(frozen=True)
class Result:
    """A cell with its two sides; ``trouble`` says why one of them is missing."""

    running: str
    target: str
    predicted: str | None
    seen: str | None
    said: str | None
    trouble: str | None
    seconds: float

    @property
    def name(self) -> str:
        """The cell's."""
        return f"{self.running} -> {self.target}"

    @property
    def agrees(self) -> bool:
        """Whether reality was what had been predicted."""
        return self.predicted is not None and self.predicted == self.seen


class Matrix:
    """The cells on guests of a run."""

    def __init__(self, inventory: Path, releases: dict[str, str]) -> None:
        self._inventory = inventory
        self._releases = releases
        self._lock = threading.Lock()

    def run(self, name: str, cells: Sequence[Cell]) -> list[Result]:
        """Run these cells on the guest of this name, first those that begin where it is."""
        guest = Guest(RUN, name, cells[0].guest)
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
        try:
            if guest.runs != cell.running:
                guest.go(cell.running, self._releases[cell.running.name])
            expected = self._predict(guest, cell)
            found, said = self._do(guest, cell)
        except (GuestError, LabError, subprocess.SubprocessError) as error:
            trouble, guest.runs = str(error), None
            guest.go_back()
        seconds = time.monotonic() - began
        result = Result(str(cell.running), str(cell.target), expected, found, said, trouble, round(seconds, 1))
        verdict = "agrees" if result.agrees else f"DISAGREES ({trouble})" if trouble else "DISAGREES"
        print(f"[{guest.name} {number}] {cell}: predicted {expected}, seen {found}: {verdict}", flush=True)
        return result

    def _keep(self, result: Result) -> None:
        with self._lock, KEPT.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def _predict(self, guest: Guest, cell: Cell) -> str:
        """Ask for the plan, and say what it means."""
        answer = RESULTS / f"{guest.name}.plan.json"
        answer.unlink(missing_ok=True)
        variables = {
            "release": self._releases[cell.target.name],
            "options": [option for option in cell.target.options if option != KHO_OFF],
            "answer": str(answer),
        }
        playbook = ROOT / "tests" / "matrix" / "predict.yml"
        argv = ["ansible-playbook", "-i", str(self._inventory), "--limit", guest.name, str(playbook)]
        argv += ["-e", json.dumps(variables)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise GuestError(f"no plan: {done.stdout[-1500:]}{done.stderr[-500:]}")
        plan = json.loads(answer.read_text())
        if doubts := outcome.doubts(plan):
            raise GuestError(f"the plan is in doubt: {' '.join(doubts)}")
        if cell.target.old_call or KHO_OFF in cell.target.options:
            return outcome.predicted_by_hand(plan, cell.target)
        return outcome.predicted(plan)

    def _do(self, guest: Guest, cell: Cell) -> tuple[str, str | None]:
        before, offset = len(guest.boots()), guest.console_size()
        said = guest.load(cell.target, self._releases[cell.target.name])
        if said is None:
            guest.jump()
        found = outcome.seen(guest.boots(), before, guest.console_since(offset))
        if said is None:
            guest.runs = None if found == outcome.PANIC else Kernel(cell.target.name, cell.target.options)
        return found, said


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cells; the status is 1 when any disagrees."""
    parser = argparse.ArgumentParser(prog="matrix", description="Compare predictions with real kexecs.")
    parser.add_argument("--representative", action="store_true", help="only a few, of the most telling kinds")
    parser.add_argument("--only", metavar="REGEX", help="only the cells whose names match, such as '-> luo-v9'")
    parser.add_argument("--afresh", action="store_true", help="also the cells that an interrupted run has done already")
    parsed = parser.parse_args(arguments)
    chosen = [cell for cell in (REPRESENTATIVE if parsed.representative else CELLS) if _is_wanted(cell, parsed.only)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    if parsed.afresh or parsed.representative:
        KEPT.unlink(missing_ok=True)
    known = [result for result in _kept() if result.name in map(str, chosen)]
    if known:
        print(f"{len(known)} cells were done by an earlier run; --afresh does them again", flush=True)
    todo = [cell for cell in chosen if str(cell) not in {result.name for result in known}]
    try:
        results = known + (_run_all(shares(todo)) if todo else [])
    finally:
        run.down(RUN)
    print("\n".join(render(results)))
    for cell in () if parsed.representative or parsed.only else NOT_RUN:
        print(f"not run: {cell}: {WHY_NOT_RUN}")
    return 0 if results and all(result.agrees for result in results) else 1


def _kept() -> list[Result]:
    """What earlier runs have found, but for what they could not find out."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return [result for result in results if result.agrees]


def _is_wanted(cell: Cell, pattern: str | None) -> bool:
    return pattern is None or re.search(pattern, str(cell)) is not None


def _run_all(given: dict[str, list[Cell]]) -> list[Result]:
    wanted = {name: kernels_of(cells) for name, cells in given.items()}
    offered = sorted({"old", *(kernel for names in wanted.values() for kernel in names)})
    cold = run.is_cold(os.environ)
    releases = {kernel.name: kernel.release for kernel in kernels.ensure(offered)}
    guests = {name: cells[0].guest for name, cells in given.items()}
    owner = default_owner(os.environ)
    inventory = run.up(run.Request(RUN, guests, offered, owner, _BOOT_WITHIN, wanted, cold))
    matrix = Matrix(inventory, releases)

    def run_on(name: str) -> list[Result]:
        return matrix.run(name, given[name])

    with ThreadPoolExecutor() as pool:
        return [result for share in pool.map(run_on, given) for result in share]


if __name__ == "__main__":
    sys.exit(main())
