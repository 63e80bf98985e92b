# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs steps in their order, as many side by side as the machine has processors for, each in a process of its own."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab import sharing

from . import processes, times
from .console import Console
from .forks import Crew, Message
from .runner import Step, run_step

PREPARE = "prepare"  # the group of steps that all others need
NICENESS = 10  # of steps without guests that run side by side: the machine stays usable beside them
TAIL = 60  # lines of a failed step's log that are shown
# What pytest, Ansible, compilers and Python write before the reason.
FAILURE = re.compile(r"^fatal: |^E  |^FAILED |^ERROR|\b\w*[Ee]rror: |^\S+ failed: ")
CAUSE_LINES, CAUSE_WIDTH = 3, 300


@dataclass
class Result:
    """How a step ended. `failure` is None when it passed."""

    step: Step
    seconds: float
    failure: str | None
    reports: list[str] = field(default_factory=list)
    kinds: dict[str, times.Spent] = field(default_factory=dict)

    def entry(self) -> times.Entry:
        """Return what is kept of it for the next run."""
        outcome = "failed" if self.failure else "passed"
        return times.Entry(seconds=round(self.seconds, 1), outcome=outcome, kinds=self.kinds)


def share(step: Step, processors: int) -> int:
    """Return how many of the processors a step occupies."""
    if step.guests:
        return sharing.share(step.guests, processors)
    return processors if step.group == PREPARE else min(step.processors, processors)


def fits(step: Step, running: Collection[Step], processors: int) -> bool:
    """Tell whether a step may start beside those that are running: beside guests, nothing but guests."""
    together = [*running, step]
    if len({each.guests > 0 for each in together}) > 1:
        return False
    return sum(share(each, processors) for each in together) <= processors


def alone(step: Step, steps: Collection[Step], processors: int) -> bool:
    """Tell whether no other of the steps can run at the same time."""
    return all(each is step or not fits(step, [each], processors) for each in steps)


def tail(path: Path, lines: int = TAIL) -> str:
    """Return the last lines of a log, if there is one."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def telling(path: Path) -> list[str]:
    """Return the last lines of a log that speak of a failure, cut to CAUSE_WIDTH; its last two when none does."""
    lines = ["".join(filter(str.isprintable, line)).strip() for line in tail(path, 2000).splitlines()]
    spoken = [line for line in lines if FAILURE.search(line)] or [line for line in lines if line][-2:]
    return [line if len(line) <= CAUSE_WIDTH else f"{line[:CAUSE_WIDTH]} …" for line in spoken[-CAUSE_LINES:]]


class Schedule:
    """Steps that wait, those that are running, and how those that are done ended."""

    def __init__(self, steps: Sequence[Step], console: Console, processors: int) -> None:
        self.steps = [step for step in steps if step.absent is None]
        self.console = console
        self.processors = processors
        self.waiting = list(self.steps)
        self.running: dict[str, tuple[Step, float]] = {}
        self.told: dict[str, Message] = {}
        self.results: dict[str, Result] = {}
        console.total = len(self.steps)

    def run(self) -> list[Result]:
        """Run the steps and return how they ended, in their order; those after a failed preparation are left out."""
        with Crew() as crew:
            try:
                while self.waiting or self.running:
                    while self.waiting and fits(self.waiting[0], self.now_running(), self.processors):
                        self.start(crew, self.waiting.pop(0))
                    for name, message in crew.listen():
                        self.hear(name, message)
                    self.console.watch()
            except processes.Interrupted:
                self.console.stop()
                raise
        return [self.results[step.name] for step in self.steps if step.name in self.results]

    def now_running(self) -> list[Step]:
        """Return the running steps."""
        return [step for step, _started in self.running.values()]

    def start(self, crew: Crew, step: Step) -> None:
        """Start a step."""
        is_alone = alone(step, self.steps, self.processors)
        number = self.steps.index(step) + 1
        self.console.begin(step.name, f"step {number} of {len(self.steps)}: {step.title} ...", is_alone)
        self.running[step.name] = step, time.monotonic()
        crew.start(step.name, partial(run_step, step), niceness=0 if is_alone or step.guests else NICENESS)

    def hear(self, name: str, message: Message) -> None:
        """Take in what the process of a step told."""
        match message:
            case {"waiting": what}:
                self.console.say(f"  {name}: {what}")
            case {"begun": log}:
                self.console.follow(name, Path(log))
            case {"result": result}:
                self.told[name] = result
            case {"gone": code}:
                self.finish(name, code)

    def finish(self, name: str, code: int) -> None:
        """Note how a step ended whose process is gone, and show it."""
        step, started = self.running.pop(name)
        lost = {"seconds": time.monotonic() - started, "failure": f"its process ended early, with code {code}"}
        result = self.results[name] = Result(step, **self.told.pop(name, lost))
        self.console.end(name, "FAILED" if result.failure else "ok", result.seconds)
        if result.failure:
            self.console.failure(result.failure, step.log, tail(step.log))
            if step.group == PREPARE:
                self.waiting.clear()


def run_all(steps: Sequence[Step], console: Console, processors: int | None = None) -> list[Result]:
    """Run the steps that this machine can run; stop early only when a preparation fails."""
    return Schedule(steps, console, processors or os.cpu_count() or 1).run()
