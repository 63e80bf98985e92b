# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a story plays on: a guest of the lab, the playbook, and what can be broken."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.history import Boot
from lab.layout import RunFolder
from lab.monitor import power_cycle
from lab.ready import patience, wait_for_boot
from lab.run import access
from matrix.guest import Guest
from tools.layout import ROOT

UPGRADE = "kexec_upgrade.yml"
ROLLBACK = "kexec_rollback.yml"
# Emulated guests boot in half a minute when nothing else runs, and in minutes when the machine is busy.
PATIENT = {
    "kexec_upgrade_timeout": 180,
    "kexec_upgrade_confirm_timeout": 240,
    "kexec_upgrade_rollback_timeout": 600,
}
WITHIN = 1800.0  # seconds for a playbook
SCRIPT = "/usr/local/sbin/story"
UNIT = "/etc/systemd/system/story.service"


class StoryError(Exception):
    """A story did not go as it must."""


@dataclass
class Told:
    """What a run of the playbook said: its exit status, the role's result, the messages of failures, and its output."""

    status: int | None
    result: dict[str, Any]
    failures: list[str]
    codes: list[str]
    output: str


@dataclass
class Stage:
    """One guest with both kernels installed; `releases` are those of the lab's kernels by their names."""

    guest: Guest
    inventory: Path
    releases: Mapping[str, str]
    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)
    plays: int = 0

    @property
    def old(self) -> str:
        """The release that a story begins with."""
        return self.releases["old"]

    @property
    def new(self) -> str:
        """The release that most stories go to."""
        return self.releases["new"]

    def sh(self, script: str) -> str:
        """Run a shell script as root in the guest; its output. Raises StoryError when it fails."""
        done = self.guest.do("sh", "-euc", script)
        if done.returncode != 0:
            raise StoryError(f"{script!r} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()

    def boots(self) -> list[Boot]:
        """The guest's boots, seen from outside."""
        return self.guest.boots()

    def running(self) -> str:
        """The release that runs."""
        return self.sh("uname -r")

    def at_next_boot(self, release: str, script: str) -> None:
        """Have this script run, as root and before anybody can log in, when that kernel boots for the first time."""
        once = f"rm -f {UNIT} /etc/systemd/system/multi-user.target.wants/story.service"
        self.put(SCRIPT, f"#!/bin/sh\nset -eu\n{once}\n{script}\n", "0755")
        unit = (
            f"[Unit]\nConditionKernelVersion={release}\nBefore=ssh.service\n"
            f"[Service]\nType=oneshot\nExecStart={SCRIPT}\n[Install]\nWantedBy=multi-user.target\n"
        )
        self.put(UNIT, unit, "0644")
        self.sh("systemctl enable story.service")

    def put(self, path: str, text: str, mode: str = "0644") -> None:
        """Write a file in the guest."""
        self.sh(f"printf %s {shlex.quote(text)} > {path}; chmod {mode} {path}; sync")

    def tasks(self, name: str, tasks: Sequence[Mapping[str, Any]]) -> str:
        """Write a task file for a hook of the role; its path."""
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps(list(tasks)))
        return str(path)

    def power_cut(self) -> None:
        """Switch the guest off and on, and do not wait for it."""
        power_cycle(self.guest.folder.control_socket)

    def wait_for_boot(self, number: int, seconds: float = 600.0) -> None:
        """Wait until the guest can be used in its boot of this number, counted from 0, or a later one."""
        folder = RunFolder.of(self.guest.run)
        with patience(seconds) as patient:
            wait_for_boot(folder, self.guest.name, number, access(folder), patient)

    def cold_boot(self) -> None:
        """Reset the guest, and wait for it."""
        before = len(self.boots())
        self.power_cut()
        self.wait_for_boot(before)

    def play(self, playbook: str = UPGRADE, **variables: Any) -> Told:
        """Run a playbook to its end."""
        with self.playing(playbook, **variables) as show:
            return show.end()

    @contextmanager
    def playing(self, playbook: str = UPGRADE, **variables: Any) -> Iterator[Show]:
        """A run of a playbook that can be watched and killed."""
        self.plays += 1
        storyline = self.folder / f"storyline-{self.plays}.jsonl"
        storyline.unlink(missing_ok=True)
        given = {"kexec_upgrade_target": self.new, **PATIENT, **self.variables, **variables}
        argv = ["ansible-playbook", "-i", str(self.inventory), "--limit", self.guest.name]
        argv += ["-e", json.dumps(given), str(ROOT / "playbooks" / playbook)]
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "storyline,kho.kexec.rollout",
            "ANSIBLE_PIPELINING": "true",
            "STORYLINE": str(storyline),
        }
        with (self.folder / f"output-{self.plays}.txt").open("w+", encoding="utf-8") as output:
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

    def kill(self) -> None:
        """Kill the run as nothing else can: without a chance to tidy up."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> Told:
        """Wait for its end; what it said."""
        try:
            self.process.wait(WITHIN)
        except subprocess.TimeoutExpired as error:
            raise StoryError(f"the playbook did not end within {WITHIN:g} s") from error
        return self.told()

    def told(self) -> Told:
        """What it has said until now."""
        lines = self.lines()
        results = [line["result"] for line in lines if "result" in line]
        failures = [line for line in lines if "failed" in line]
        return Told(
            self.process.poll(),
            results[-1] if results else {},
            [line["failed"] for line in failures],
            [line["code"] for line in failures if line["code"]],
            self.output.read_text(encoding="utf-8", errors="replace"),
        )
