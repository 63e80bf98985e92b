# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs steps one after the other, tells how far they are, and sums up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from . import processes
from .console import Console
from .layout import CACHE, COLLECTIONS, LOGS, ROOT, locked
from .venvs import Environment

# All stories or cells of the matrix take hours on a busy machine; CI has a limit of its own.
LIMIT = 4 * 3600.0  # seconds for one command
TAIL = 60  # lines of a failed step's log that are shown

# Would change what the tools do, or make a kernel build join the outer make's job server.
FOREIGN = ("ANSIBLE_", "MOLECULE_", "PYTHON", "PYTEST_", "MAKE", "MFLAGS", "VIRTUAL_ENV")


class StepFailed(Exception):
    """A step did not reach its goal; says why."""


@dataclass(frozen=True)
class Step:
    """One step of the test suite."""

    name: str
    group: str
    title: str
    action: Callable[[Context], None]
    packages: frozenset[str] = frozenset()
    environments: tuple[Environment, ...] = ()
    # Why this machine cannot run it; None when it can.
    absent: str | None = None


@dataclass
class Context:
    """What a step works with: its log, and commands that write to it."""

    log: BinaryIO
    console: Console
    environment: Environment | None = None
    reports: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Write a line to the step's log."""
        self.log.write(f"{text}\n".encode())
        self.log.flush()

    def report(self, text: str) -> None:
        """Say something that also belongs into the summary of the whole run."""
        self.say(text)
        self.reports.append(text)

    def lines(self) -> list[str]:
        """Return what the log holds so far."""
        return Path(self.log.name).read_text(encoding="utf-8", errors="replace").splitlines()

    def run(
        self, argv: Sequence[str | os.PathLike[str]], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        """Run a command with the step's environment; StepFailed unless it exits with 0."""
        shown = " ".join(os.fspath(word) for word in argv).replace(f"{ROOT}/", "")
        self.say(f"$ {shown}")
        code = processes.run(
            argv,
            cwd=cwd,
            env={**base_environment(self.environment), **(env or {})},
            output=self.log,
            limit=LIMIT,
            watch=self.console.watch,
        )
        if code != 0:
            raise StepFailed(f"exit code {code}: {shown}")

    def tool(self, name: str, *arguments: str | os.PathLike[str], env: Mapping[str, str] | None = None) -> None:
        """Run a program of the step's Python environment."""
        if self.environment is None:
            raise StepFailed(f"{name} needs a Python environment, and this step names none")
        self.run([self.environment.tool(name), *arguments], env=env)


def base_environment(environment: Environment | None) -> dict[str, str]:
    """Return the variables that every command sees: the machine's, less what would change results, plus ours."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    variables.update(
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        HYPOTHESIS_STORAGE_DIRECTORY=str(CACHE / "hypothesis"),
        KHO_LAB_OWNER=str(os.getpid()),
        LC_ALL="C.UTF-8",
        NO_COLOR="1",
        PYTHONPATH=os.pathsep.join([str(COLLECTIONS), str(ROOT / "tests")]),
        PYTHONPYCACHEPREFIX=str(CACHE / "pycache"),
        PYTHONUNBUFFERED="1",
    )
    if environment:
        variables["PATH"] = os.pathsep.join([str(environment.folder / "bin"), variables.get("PATH", os.defpath)])
        variables["VIRTUAL_ENV"] = str(environment.folder)
    return variables


@dataclass
class Result:
    """How a step ended. `failure` is None when it passed."""

    step: Step
    seconds: float
    failure: str | None
    reports: list[str]


def run_step(step: Step, console: Console) -> Result:
    """Run one step with its log at build/logs/<name>.log."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{step.name}.log"
    started = time.monotonic()
    with locked(LOGS / f"{step.name}.lock"), path.open("wb") as log, console.following(path):
        context = Context(log, console, step.environments[0] if step.environments else None)
        failure = None
        try:
            step.action(context)
        except (StepFailed, processes.TookTooLong, OSError) as error:
            failure = str(error)
        finally:
            failure = end_what_is_left(context) or failure
        if failure:
            context.say(failure)
    return Result(step, time.monotonic() - started, failure, context.reports)


def end_what_is_left(context: Context) -> str | None:
    """End processes that outlived the step; return a failure if a guest was among them."""
    left = processes.end_leftovers()
    for each in left:
        context.say(f"ended after the step: {each}")
    guests = [str(each) for each in left if each.name.startswith("qemu")]
    return f"guests were left running and have been ended: {', '.join(guests)}" if guests else None


def tail(path: Path, lines: int = TAIL) -> str:
    """Return the last lines of a log."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def run_all(steps: Sequence[Step], console: Console) -> list[Result]:
    """Run the steps that this machine can run; stop early only when a preparation fails."""
    runnable = [step for step in steps if step.absent is None]
    results: list[Result] = []
    for number, step in enumerate(runnable, start=1):
        console.begin(number, len(runnable), step.title)
        result = run_step(step, console)
        results.append(result)
        log = LOGS / f"{step.name}.log"
        console.end("FAILED" if result.failure else "ok", result.seconds)
        if result.failure:
            console.failure(result.failure, log, tail(log))
            if step.group == "prepare":
                break
    return results
