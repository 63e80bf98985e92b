# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of a playbook that can be watched, interrupted and killed, and what it said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.layout import ROOT
from tools.processes import descendants

WITHIN = 1800.0  # seconds for a playbook
# A guest that has lost its power closes no connection: without these, a task would wait for its answer forever.
SSH_ARGS = "-C -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=10 -o ServerAliveCountMax=6"


class StoryError(Exception):
    """A story did not go as it must."""


@dataclass
class Told:
    """What a run of the playbook said: its exit status, the role's results, the messages of failures, and its output.

    ``result`` is the last one, ``results`` has those of all hosts; ``ran`` and ``skipped`` count tasks of each host.
    """

    status: int | None
    result: dict[str, Any]
    results: dict[str, dict[str, Any]]
    failures: list[str]
    codes: list[str]
    ran: dict[str, int]
    skipped: dict[str, int]
    output: str


@dataclass
class Show:
    """A playbook that runs."""

    process: subprocess.Popen[bytes]
    storyline: Path
    output: Path

    def lines(self) -> list[dict[str, Any]]:
        """What has happened until now."""
        text = self.storyline.read_text(encoding="utf-8") if self.storyline.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for_task(self, name: str, seconds: float = 600.0) -> None:
        """Wait until the task with this name begins."""
        deadline = time.monotonic() + seconds
        while not any(line.get("task") == name for line in self.lines()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise StoryError(f"the task {name!r} never began: {self.told().output[-1500:]}")
            time.sleep(0.1)

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the run as nothing else can: without a chance to tidy up.

        Ansible's workers have sessions of their own since 2.19, and would go on with the host that they work on.
        """
        if self.process.poll() is None:
            workers = descendants(self.process.pid)
            self.process.kill()
            for worker in workers:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
        self.process.wait()

    def end(self, within: float = WITHIN) -> Told:
        """Wait so many seconds for its end; what it said."""
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired as error:
            raise StoryError(f"the playbook did not end within {within:g} s") from error
        return self.told()

    def told(self) -> Told:
        """What it has said until now."""
        lines = self.lines()
        results = [line["result"] for line in lines if "result" in line]
        failures = [line for line in lines if "failed" in line]
        return Told(
            self.process.poll(),
            results[-1] if results else {},
            {result["host"]: result for result in results},
            [line["failed"] for line in failures],
            [line["code"] for line in failures if line["code"]],
            Counter(line["ran"] for line in lines if "ran" in line),
            Counter(line["skipped"] for line in lines if "skipped" in line),
            self.output.read_text(encoding="utf-8", errors="replace"),
        )


@dataclass(frozen=True)
class Call:
    """How a playbook is to be run: on which hosts, with which variables and how many forks.

    Its files get ``number`` into their names.
    """

    playbook: str
    inventory: Path
    hosts: Sequence[str]
    variables: Mapping[str, Any]
    folder: Path
    number: int
    forks: int = 5
    check: bool = False


@contextmanager
def playing(call: Call) -> Iterator[Show]:
    """Run a playbook; it is killed when it is left."""
    storyline = call.folder / f"storyline-{call.number}.jsonl"
    storyline.unlink(missing_ok=True)
    argv = ["ansible-playbook", "-i", str(call.inventory), "--limit", ",".join(call.hosts)]
    argv += ["--check"] if call.check else []
    argv += ["-e", json.dumps(call.variables), str(ROOT / "playbooks" / call.playbook)]
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "storyline,kho.kexec.rollout",
        "ANSIBLE_FORKS": str(call.forks),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_SSH_ARGS": SSH_ARGS,
        "STORYLINE": str(storyline),
        "KHO_KEXEC_ROLLOUT_RESULTS_DIRECTORY": str(call.folder / f"results-{call.number}"),
    }
    with (call.folder / f"output-{call.number}.txt").open("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        show = Show(process, storyline, Path(output.name))
        try:
            yield show
        finally:
            show.kill()
