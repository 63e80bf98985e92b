# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever ends a run, nothing of it goes on. Shown on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.tests.unit.support.processes import read_pid, runs, wait_until
from tools import processes

# A driver that runs a command which leaves a daemon in a session of its own, and then works on.
DRIVER = """
import os, sys
from pathlib import Path
from tools import processes
processes.catch_signals()
processes.adopt_orphans()
if "--end-with-parent" in sys.argv:
    processes.end_with_parent(os.getppid())
folder = Path(sys.argv[1])
script = f"setsid sleep 300 & echo $! > {folder}/daemon; echo $$ > {folder}/command; exec sleep 300"
try:
    processes.run(["sh", "-c", script], cwd=folder, env=os.environ, output=None, limit=60)
except processes.Interrupted as interrupted:
    processes.end_leftovers(patience=0.1)
    sys.exit(128 + interrupted.number)
"""


def start(folder: Path, *, under: list[str] | None = None, arguments: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    script = folder / "driver.py"
    script.write_text(DRIVER)
    argv = [*(under or []), sys.executable, str(script), str(folder), *arguments]
    tests = Path(processes.__file__).parents[1]
    return subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(tests)})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_command_and_its_daemons(tmp_path, number):
    driver = start(tmp_path)
    pids = [read_pid(tmp_path / name) for name in ("daemon", "command")]
    driver.send_signal(number)
    assert driver.wait(60) == 128 + number
    assert not any(map(runs, pids))


def test_killed_parent_ends_the_run(tmp_path):
    # The shell stands for make: it waits for the driver and is then killed without a chance to say so.
    shell = start(tmp_path, under=["sh", "-c", '"$@"; true', "sh"], arguments=("--end-with-parent",))
    pids = [read_pid(tmp_path / name) for name in ("daemon", "command")]
    shell.kill()
    shell.wait(10)
    wait_until(lambda: not any(map(runs, pids)), 60)


def test_killed_driver_takes_the_command_along(tmp_path):
    driver = start(tmp_path)
    daemon, command = (read_pid(tmp_path / name) for name in ("daemon", "command"))
    driver.kill()
    driver.wait(10)
    try:
        wait_until(lambda: not runs(command))
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_run_returns_the_exit_code_and_writes_the_output(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        code = processes.run(
            ["sh", "-c", "echo out; echo err >&2; exit 3"], cwd=tmp_path, env=os.environ, output=log, limit=10
        )
    assert code == 3
    assert (tmp_path / "log").read_text().split() == ["out", "err"]


def test_run_ends_what_takes_too_long(tmp_path):
    started = time.monotonic()
    with pytest.raises(processes.TookTooLong, match="sleep was ended after 0 s"):
        processes.run(["sleep", "300"], cwd=tmp_path, env=os.environ, output=None, limit=0.2)
    assert time.monotonic() - started < 20


def test_names_with_parentheses_are_read(tmp_path):
    program = tmp_path / "a) S (b"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "300"])
    try:
        wait_until(lambda: processes.Leftover(process.pid, "a) S (b") in processes.descendants(os.getpid()))
    finally:
        process.kill()
        process.wait()
