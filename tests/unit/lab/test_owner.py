# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a run belongs to, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.owner import name

TESTS = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS)}
# What a task does: it starts a program, which asks.
TASK = """
import os, sys
def task():
    import subprocess
    program = "from lab.owner import default_owner; print(default_owner({}), flush=True)"
    return subprocess.run([sys.executable, "-c", program]).returncode
"""
# As Ansible does: the worker is a fork with a session of its own.
WORKER = """
def worker(job):
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(job())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
# As sudo does: the fork holds a terminal.
WITH_TERMINAL = """
import fcntl, pty, termios
def in_terminal():
    _screen, keyboard = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSCTTY, 0)
    print(os.getpid(), flush=True)
    return task()
"""
# Starts itself once more, in a session of its own.
AGAIN = """
import subprocess
if "AGAIN" in os.environ:
    print(os.getpid(), flush=True)
    sys.exit(task())
argv = [sys.executable, "-c", sys.orig_argv[2]]
sys.exit(subprocess.run(argv, env={**os.environ, "AGAIN": "1"}, start_new_session=True).returncode)
"""


def _numbers(program: str) -> list[int]:
    """What a shell prints that leads a session: its own number, then what the program prints."""
    argv = ["sh", "-c", 'echo $$; "$1" -c "$2"; exit $?', "sh", sys.executable, TASK + WORKER + program]
    done = subprocess.run(argv, env=ENVIRONMENT, start_new_session=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("job", ["task()", "worker(task)", "worker(lambda: worker(task))"])
def test_a_run_belongs_to_the_shell_and_not_to_a_worker_of_ansible(job: str) -> None:
    shell, owner = _numbers(f"sys.exit({job})")
    assert owner == shell


def test_a_fork_that_has_a_terminal_is_no_worker() -> None:
    shell, fork, owner = _numbers(f"{WITH_TERMINAL}sys.exit(worker(in_terminal))")
    assert owner == fork != shell


def test_a_program_that_was_started_is_no_worker_even_when_its_parent_is_the_same_program() -> None:
    shell, program, owner = _numbers(AGAIN)
    assert owner == program != shell


def test_a_process_that_has_ended_has_no_name() -> None:
    assert name(2**22 + 1) is None
    assert name(os.getpid()) is not None
