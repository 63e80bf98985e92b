# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule as somebody types it in a terminal, with nothing exported: the guests live as long as the shell does."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tools.layout import ROOT
from tools.runner import FOREIGN

SCENARIO = "default"
RUN = f"molecule-{SCENARIO}"
GUEST = "alpha"
ACTIVATE = Path(sys.executable).parent / "activate"
# Kernels, images and snapshots are made when nobody has made them before.
_PATIENCE = 3600.0  # seconds
_END_WITHIN = 60.0  # seconds


class Terminal:
    """A terminal, and the shell that runs in it."""

    def __init__(self) -> None:
        exported = {name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "KHO_"))}
        self._screen, keyboard = os.openpty()
        termios.tcsetwinsize(keyboard, (40, 200))
        self.shell = subprocess.Popen(
            ["setsid", "--ctty", "bash", "--noprofile", "--norc", "--noediting", "-i"],
            cwd=ROOT,
            env={**exported, "TERM": "dumb"},
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
        )
        os.close(keyboard)
        self._seen = ""
        self.run(f'source "{ACTIVATE}"')

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._screen, f"{line}\n".encode())

    def run(self, command: str) -> str:
        """Type a command that has to succeed, and return what the screen shows until it has ended."""
        self.type(f"{command}; echo ended=$?=")
        return self.succeeded(command)

    def succeeded(self, command: str) -> str:
        """Wait for the end of a command that was typed."""
        shown, status = self.wait_for(r"ended=(\d+)=")
        assert status == "0", f"{command}\n{shown}"
        return shown

    def wait_for(self, pattern: str) -> tuple[str, str]:
        """What the screen shows up to the pattern, and the pattern's first group. The typed line is shown, too."""
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(pattern, self._seen)):
            ready, _writable, _broken = select.select([self._screen], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{pattern} was not seen in {self._seen}"
            self._seen += os.read(self._screen, 65536).decode(errors="replace")
        shown, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return shown, found[1]

    def close(self) -> None:
        """Close the window: the kernel tells the shell that its terminal is gone."""
        if self._screen >= 0:
            os.close(self._screen)
            self._screen = -1
        with suppress(subprocess.TimeoutExpired):
            self.shell.wait(_END_WITHIN)
        self.shell.kill()
        self.shell.wait()


def status() -> dict[str, Any]:
    """What `lab status` says of the scenario's run."""
    argv = [sys.executable, "-P", "-m", "lab", "status", "--run", RUN, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    (run,) = json.loads(subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    assert isinstance(run, dict)
    return run


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _END_WITHIN
    while not condition():
        assert time.monotonic() < deadline, status()
        time.sleep(0.5)


def qemus() -> list[int]:
    """Descriptors of the processes of the run's guests."""
    return [os.pidfd_open(guest["pid"]) for guest in status()["guests"]]


def have_ended(processes: list[int]) -> bool:
    return len(select.select(processes, [], [], 0)[0]) == len(processes)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal where nothing is left of this scenario; afterwards nothing is left of it either."""
    opened = Terminal()
    try:
        opened.run(f"molecule destroy -s {SCENARIO}")
        yield opened
    finally:
        opened.close()
        last = Terminal()
        try:
            last.run(f"molecule destroy -s {SCENARIO}")
        finally:
            last.close()


def test_guests_stay_until_they_are_destroyed(terminal: Terminal) -> None:
    terminal.run(f"molecule create -s {SCENARIO}")
    run = status()
    assert run["up"]
    assert [(guest["name"], guest["status"]) for guest in run["guests"]] == [("alpha", "running"), ("beta", "running")]
    assert (run["owner_pid"], run["owner_name"]) == (terminal.shell.pid, "bash")
    processes = qemus()

    terminal.type(f"molecule login -s {SCENARIO} --host {GUEST}; echo ended=$?=")
    terminal.type("echo here=$(uname -n)=$(uname -r)=; exit")
    _shown, release = terminal.wait_for(rf"here={GUEST}=([^=$]+)=")
    terminal.succeeded("molecule login")
    assert release == next(guest["release"] for guest in run["guests"] if guest["name"] == GUEST)
    assert status()["up"]

    terminal.run(f"molecule destroy -s {SCENARIO}")
    assert have_ended(processes)
    assert (status()["up"], status()["phase"]) == (False, "ended")


def test_guests_end_with_the_shell(terminal: Terminal) -> None:
    terminal.run(f"molecule create -s {SCENARIO}")
    processes = qemus()
    assert len(processes) == 2
    assert not have_ended(processes)
    terminal.close()
    eventually(lambda: have_ended(processes))
    eventually(lambda: status()["phase"] == "ended")
    assert status()["ended_because"] == f"the process that the run belongs to has ended: {terminal.shell.pid} (bash)"
