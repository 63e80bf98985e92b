# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one step: its log, its environment, its time limit, and what is left when it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from lab.times import VARIABLE as TIMES_FILE

from . import processes, times
from .forks import Message, Tell
from .layout import CACHE, COLLECTIONS, LOGS, ROOT, TIMES, locked
from .venvs import Environment

# All stories or cells of the matrix take hours on a busy machine; CI has a limit of its own.
LIMIT = 4 * 3600.0  # seconds for one command
# Of `Step.processors`: all that there are. The step runs alone.
WHOLE_MACHINE = sys.maxsize

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
    # How many of the machine's processors it occupies.
    processors: int = 1
    # How many guests it runs, when others with guests may run beside it; then its processors are those of its guests.
    guests: int = 0

    @property
    def log(self) -> Path:
        """Where it writes what it does."""
        return LOGS / f"{self.name}.log"

    @property
    def times(self) -> Path:
        """Where the lab writes what it spends time on in this step."""
        return TIMES / f"{self.name}.jsonl"


@dataclass
class Context:
    """What a step works with: its log, and commands that write to it."""

    log: BinaryIO
    times: Path
    environment: Environment | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
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
            env={
                **base_environment(self.environment),
                TIMES_FILE: str(self.times),
                **self.variables,
                **(env or {}),
            },
            output=self.log,
            limit=LIMIT,
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


def run_step(step: Step, tell: Tell) -> None:
    """Run one step, in a process of its own, with its log at build/logs/<name>.log.

    Tells {"waiting": what for} when another run has the step or its environments, {"begun": log} as soon as there is a
    log, and {"result": ...} at the end.
    """

    def say(text: str) -> None:
        tell({"waiting": text})

    with contextlib.ExitStack() as held:
        held.enter_context(locked(LOGS / f"{step.name}.lock", f"another run of {step.name}", say))
        for environment in step.environments:
            held.enter_context(environment.in_use(say))
        step.times.parent.mkdir(parents=True, exist_ok=True)
        step.times.write_bytes(b"")
        with step.log.open("wb") as log:
            tell({"begun": str(step.log)})
            tell({"result": run_action(step, log)})


def run_action(step: Step, log: BinaryIO) -> Message:
    """Do what the step does; return how it ended."""
    context = Context(log, step.times, step.environments[0] if step.environments else None)
    started = time.monotonic()
    failure = None
    try:
        step.action(context)
    except (StepFailed, processes.TookTooLong, OSError) as error:
        failure = str(error)
    except Exception as error:
        context.say(traceback.format_exc())
        failure = f"a fault in the driver: {error!r}"
    finally:
        failure = end_what_is_left(context) or failure
    if failure:
        context.say(failure)
    seconds = time.monotonic() - started
    return {"seconds": seconds, "failure": failure, "reports": context.reports, "kinds": times.read(step.times)}


def end_what_is_left(context: Context) -> str | None:
    """End processes that outlived the step; return a failure if a guest was among them."""
    left = processes.end_leftovers()
    for each in left:
        context.say(f"ended after the step: {each}")
    guests = [str(each) for each in left if each.name.startswith("qemu")]
    return f"guests were left running and have been ended: {', '.join(guests)}" if guests else None
