# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of kernels that somebody else has built: ``python -m matrix.own FILE...`` (or $KHO_LAB_DEBS).

Each kernel is executed from each, from itself too, on a guest: predicted first, then done. `check` only looks whether
the kernels can be tried, `up` starts the guest and prints its inventory, `pairs` goes through them on such a guest.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab import kernels, own, run
from lab.console import last_lines
from lab.errors import LabError
from lab.layout import RunFolder
from lab.owner import default_owner
from lab.progress import say
from tools.layout import ROOT

from . import outcome
from .cells import Cell, Kernel
from .guest import Guest, GuestError
from .pairs import Matrix, Place, Result
from .table import render

RUN = "own-kernels"
GUEST = "own"
RESULTS = ROOT / "build" / "own_kernels"
NOT_REACHED = "not reached"
_BOOT_WITHIN = 600.0  # seconds
_LAST = 8  # lines of a console


class OwnMatrix(Matrix):
    """Kernels that nobody has tried: that one hangs is what was seen, and one that never came up is not waited for."""

    def __init__(self, place: Place, releases: Mapping[str, str]) -> None:
        super().__init__(place, releases)
        self._dead: dict[str, str] = {}

    def go(self, guest: Guest, cell: Cell) -> None:
        """Have the guest run what the cell begins with, from the lab's own kernel."""
        if problem := self._dead.get(cell.running.name):
            raise GuestError(problem)
        if guest.runs is not None:
            guest.go_back()
        try:
            super().go(guest, cell)
        except (GuestError, LabError) as error:
            said = "; ".join(last_lines(guest.folder.console, _LAST))
            self._dead[cell.running.name] = f"{error}. The last lines of its console: {said}"
            raise GuestError(self._dead[cell.running.name]) from error

    def do(self, guest: Guest, cell: Cell) -> tuple[str, str | None, tuple[str, ...]]:
        """As for the lab's kernels, and see that one is not reached."""
        try:
            return super().do(guest, cell)
        except LabError as error:
            heard = (str(error), *last_lines(guest.folder.console, _LAST))
            guest.go_back()
            return NOT_REACHED, None, heard


def breaks(result: Result) -> bool:
    """Whether the handover and its record are lost, or it was not as predicted."""
    whole = outcome.handover(result.running, 0).rpartition("(")[0]
    return not result.agrees or not str(result.seen).startswith(whole)


def told(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the table, then why each pair breaks that does."""
    yield from render(results)
    for result in filter(breaks, results):
        yield ""
        yield f"{result.name} breaks: predicted {result.predicted or 'nothing'}, seen {result.seen or 'nothing'}"
        yield from (f"    predicted, because {reason}" for reason in result.reasons)
        yield from (f"    kexec said: {line}" for line in (result.said or "").splitlines())
        yield from (f"    {result.target} said: {line}" for line in result.heard)


def cells(releases: Sequence[str]) -> list[Cell]:
    """All pairs: of those with one running kernel, first the one that leads nowhere else."""
    pairs_of = ((one, other) for one in releases for other in sorted(releases, key=lambda name: name != one))
    return [Cell(Kernel(one), Kernel(other)) for one, other in pairs_of]


def up(owns: Sequence[own.Own], name: str) -> Path:
    """Start a guest that has these kernels installed; returns the inventory's path."""
    base = kernels.ensure(["old"])[0]
    own.refuse_other_builds(owns, base)
    wanted = [own.take_in(one).name for one in owns if one.release != base.release]
    kind = own.kind_of_guest(owns)
    say(f"a guest of the kind {kind} gets {', '.join(one.release for one in owns)}")
    cold = run.is_cold(os.environ)
    owner = default_owner(os.environ)
    request = run.Request(name, {GUEST: kind}, ["old", *wanted], owner, _BOOT_WITHIN, {GUEST: wanted}, cold)
    return run.up(request)


def pairs(owns: Sequence[own.Own], name: str, inventory: Path, strict: bool) -> int:
    """Go through all pairs and print them; the status is 1 when a prediction was wrong, or with `strict` one breaks."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    place = Place(name, inventory, RESULTS)
    place.kept.unlink(missing_ok=True)
    releases = [one.release for one in owns]
    matrix = OwnMatrix(place, {release: release for release in releases})
    results = matrix.run(GUEST, own.kind_of_guest(owns), cells(releases))
    print("\n".join(["", *told(results), "", f"for programs: {os.path.relpath(place.kept)}"]))
    return 1 if any(breaks(one) if strict else not one.agrees for one in results) else 0


def check(words: Sequence[str]) -> list[own.Own]:
    """Read the kernels, and say what is known of each before any guest is started."""
    owns = own.read(words)
    for one in owns:
        known = "has what a guest needs" if one.config else "its options are unknown (no config file, no IKCONFIG)"
        print(f"{one.given}: {one.release}, {known}", flush=True)
    return owns


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; the status is 1 when a prediction was wrong, and 2 when the kernels cannot be tried."""
    parser = argparse.ArgumentParser(prog="matrix.own", description="Try all pairs of kernels that somebody has built.")
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help=f"a package, or IMAGE[:MODULES]; default ${own.VARIABLE}"
    )
    parser.add_argument("--only", choices=("check", "up", "pairs"), help="one part of it")
    parser.add_argument("--run", default=RUN, metavar="NAME", help="the run's name, default %(default)s")
    parser.add_argument("--strict", action="store_true", help="also fail when a pair breaks as predicted")
    given = parser.parse_args(arguments)
    try:
        return _do(given)
    except LabError as error:
        print(f"own kernels: {error}", file=sys.stderr)
        return 2


def _do(given: argparse.Namespace) -> int:
    owns = check(given.files or shlex.split(os.environ.get(own.VARIABLE, "")))
    if given.only == "check":
        return 0
    if given.only == "pairs":
        return pairs(owns, given.run, RunFolder.of(given.run).inventory, given.strict)
    if given.only == "up":
        print(up(owns, given.run))
        return 0
    try:
        return pairs(owns, given.run, up(owns, given.run), given.strict)
    finally:
        run.down(given.run)


if __name__ == "__main__":
    sys.exit(main())
