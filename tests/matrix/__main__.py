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
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lab import kernels, run
from lab.owner import default_owner
from tools.layout import ROOT

from .cells import CELLS, NOT_RUN, REPRESENTATIVE, WHY_NOT_RUN, Cell, kernels_of, shares
from .pairs import Matrix, Place, Result
from .table import render

RUN = "matrix"
RESULTS = ROOT / "build" / "matrix"
KEPT = RESULTS / "results.jsonl"
_BOOT_WITHIN = 600.0  # seconds


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
    matrix = Matrix(Place(RUN, inventory, RESULTS), releases)

    def run_on(name: str) -> list[Result]:
        return matrix.run(name, guests[name], given[name])

    with ThreadPoolExecutor() as pool:
        return [result for share in pool.map(run_on, given) for result in share]


if __name__ == "__main__":
    sys.exit(main())
