# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line behind the Makefile."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from datetime import datetime, timezone

from lab import own
from lab.sharing import at_once

from . import catalogue, environments, packages, processes, times
from .console import Console
from .layout import ROOT, link_collection
from .runner import WHOLE_MACHINE, Context, Step
from .schedule import Result, run_all, telling

DEMO = ROOT / "tests" / "demo" / "run"


class UnknownStep(Exception):
    """A step was asked for that does not exist; tells which do."""


def select(steps: Sequence[Step], wanted: Sequence[str]) -> list[Step]:
    """Return the steps with these names or groups, in their order; all when none is named."""
    known = {name for step in steps for name in (step.name, step.group)}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UnknownStep(f"no step or group {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    return [step for step in steps if not wanted or step.name in wanted or step.group in wanted]


def in_ci() -> bool:
    """Tell whether this run is CI's, where nothing may be left out."""
    return os.environ.get("CI", "").lower() == "true"


def summarize(results: Sequence[Result], planned: Sequence[Step], console: Console, strict: bool) -> bool:
    """Print how every step ended, and return whether all is well.

    With `strict`, a step that this machine cannot run counts as failed.
    """
    entries = {result.step.name: result.entry() for result in results}
    console.print("where the time went, in seconds; in brackets, how often")
    for line in times.table(entries, times.load(times.RESULT)):
        console.print(f"  {line}")
    absent = [step for step in planned if step.absent]
    done = {result.step.name for result in results}
    pending = [step for step in planned if not step.absent and step.name not in done]
    for result in results:
        if result.failure:
            console.print(f"failed: {result.step.title}; {result.step.log.relative_to(ROOT)}")
            for line in telling(result.step.log):
                console.print(f"  {line}")
    for step in absent:
        console.print(f"not run here: {step.title} ({step.absent})")
    for report in (report for result in results for report in result.reports):
        console.print(f"not run here: {report}")
    for step in pending:
        console.print(f"not reached: {step.title}")
    failed = sum(1 for result in results if result.failure) + len(pending) + (len(absent) if strict else 0)
    if strict and absent:
        console.print("In CI a step that cannot run counts as failed.")
    console.print(f"{sum(1 for result in results if not result.failure)} passed, {failed} failed")
    return failed == 0


def test(arguments: argparse.Namespace) -> int:
    """Run the selected steps."""
    chosen = select(catalogue.steps(arguments.all), arguments.steps)
    planned = [*catalogue.prepare(chosen), *chosen]
    console = Console(stream=in_ci() or arguments.verbose or len(chosen) == 1)
    processors = os.cpu_count() or 1
    console.print(opening(planned, processors))
    started, clock = datetime.now(timezone.utc), time.monotonic()
    results = run_all(planned, console, processors)
    seconds = time.monotonic() - clock
    console.print(f"\nthe run took {seconds:.0f} s")
    well = summarize(results, planned, console, strict=in_ci())
    entries = {result.step.name: result.entry() for result in results}
    times.save(times.RESULT, started.isoformat(timespec="seconds"), seconds, entries)
    return 0 if well else 1


def opening(planned: Sequence[Step], processors: int) -> str:
    """Return what is said before the first step."""
    runnable = [step for step in planned if step.absent is None]
    text = f"{len(runnable)} steps, side by side on {processors} processors; what they print is in build/logs/"
    whole = sum(1 for step in runnable if step.processors == WHOLE_MACHINE)
    guests = sum(1 for step in runnable if step.guests)
    said = [f"{whole} of them have the machine for themselves"] if whole else []
    said += [f"{guests} of them, with guests, run beside each other only"] if guests else []
    if not said:
        return text
    shared = f"guests have {at_once(processors)} processors at most, all of them together"
    return f"{text}\n{'; '.join([*said, shared])}"


def alone(show: Step) -> int:
    """Prepare the machine for one step that is not one of the test suite, and run it in the open."""
    planned = [*catalogue.prepare([show]), show]
    console = Console(stream=True)
    return 1 if any(result.failure for result in run_all(planned, console)) else 0


def demo(_arguments: argparse.Namespace) -> int:
    """Prepare the machine and hand over to the demonstration, which speaks for itself."""
    return alone(Step("demo", "demo", "demonstration", run_demo, catalogue.LAB, (environments.controller(),)))


def run_demo(context: Context) -> None:
    """Run the demonstration."""
    context.run([DEMO])


def bench(_arguments: argparse.Namespace) -> int:
    """Measure how long things take compared with others."""
    return alone(Step("bench", "bench", "benchmarks", run_bench, catalogue.INTEGRATION, (environments.controller(),)))


def run_bench(context: Context) -> None:
    """Run all benchmarks."""
    for name in ("facts", "jump", "history", "ledger", "rollout"):
        context.tool("python", "-m", f"bench.{name}")


def matrix(_arguments: argparse.Namespace) -> int:
    """Compare every prediction with a real kexec."""
    return alone(Step("matrix", "matrix", "prediction matrix", run_matrix, catalogue.LAB, (environments.controller(),)))


def run_matrix(context: Context) -> None:
    """Run all cells."""
    context.tool("python", "-m", "matrix")


def stories(arguments: argparse.Namespace) -> int:
    """Tell bad days on real guests."""

    def tell(context: Context) -> None:
        context.tool("python", "-m", "stories", *arguments.names)

    return alone(Step("stories", "stories", "stories", tell, catalogue.LAB, (environments.controller(),)))


def lab_kernels(arguments: argparse.Namespace) -> int:
    """Try all pairs of kernels that somebody has built: prints the matrix, predicted and seen."""
    if not arguments.files and not os.environ.get(own.VARIABLE):
        print(own.NOTHING)
        return 2
    strict = ["--strict"] if arguments.strict else []

    def pairs(context: Context) -> None:
        context.tool("python", "-m", "matrix.own", *strict, *arguments.files)

    title = "matrix of your own kernels"
    return alone(Step("lab-kernels", "matrix", title, pairs, catalogue.LAB, (environments.controller(),)))


def show_steps(_arguments: argparse.Namespace) -> int:
    """List the steps of everything, and mark those that `make test` leaves out."""
    in_test = {step.name for step in catalogue.steps()}
    for step in catalogue.steps(everything=True):
        absent = f" (not here: {step.absent})" if step.absent else ""
        where = "" if step.name in in_test else "test-all"
        print(f"{step.group:12} {step.name:24} {where:9} {step.title}{absent}")
    return 0


def show_packages(_arguments: argparse.Namespace) -> int:
    """List the Debian packages with their reasons."""
    for purpose, names in packages.PACKAGES.items():
        for name, reason in names.items():
            print(f"{purpose:8} {name:18} {reason}")
    return 0


def link(_arguments: argparse.Namespace) -> int:
    """Make the tree visible as a collection."""
    print(link_collection().relative_to(ROOT))
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    """Install what the selected steps need, and run none of them."""
    console = Console(stream=False)
    planned = catalogue.prepare(select(catalogue.steps(everything=True), arguments.steps))
    return 1 if any(result.failure for result in run_all(planned, console)) else 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line; `command` is the function to call."""
    parser = argparse.ArgumentParser(prog="python3 -m tools", description=__doc__)
    parser.add_argument("--end-with-parent", action="store_true", help="end when the calling process is gone")
    commands = parser.add_subparsers(required=True)
    for command in (test, demo, bench, matrix, stories, lab_kernels, prepare, link, show_steps, show_packages):
        name = command.__name__.replace("_", "-")
        sub = commands.add_parser(name, help=command.__doc__)
        sub.set_defaults(command=command)
        if command in (test, prepare):
            sub.add_argument("steps", nargs="*", metavar="STEP", help="name or group; all when none is given")
        if command is stories:
            sub.add_argument("names", nargs="*", metavar="STORY", help="only these")
        if command is lab_kernels:
            sub.add_argument("files", nargs="*", metavar="FILE", help="a package, or IMAGE[:MODULES]")
            sub.add_argument("--strict", action="store_true", help="also fail when a pair breaks as predicted")
        if command is test:
            sub.add_argument("--verbose", action="store_true", help="show what every step prints")
            sub.add_argument("--all", action="store_true", help="the steps of `make test-all`")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run a command; 0 when all is well, 1 when something failed, 2 for misuse, 128 + signal when interrupted."""
    parent = os.getppid()
    arguments = parse(argv)
    started = time.monotonic()
    processes.catch_signals()
    processes.adopt_orphans()
    try:
        if arguments.end_with_parent:
            processes.end_with_parent(parent)
        link_collection()
        code: int = arguments.command(arguments)
    except (UnknownStep, environments.NoController) as error:
        print(error)
        return 2
    except processes.Interrupted as signal:
        seconds = time.monotonic() - started
        Console(stream=False).print(f"\ninterrupted by {signal} after {seconds:.0f} s; nothing of it still runs")
        return 128 + signal.number
    return code
