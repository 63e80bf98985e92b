# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
import time

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.pipe import COMPLAINT_LIMIT, READ_SIZE, PipeError, pipe

PYTHON = (sys.executable, "-c")


def run(program, data=b"", timeout=30.0, environment=None):
    return b"".join(pipe((*PYTHON, program), data, environment or {}, timeout))


def test_more_than_any_pipe_holds_goes_through():
    data = bytes(range(256)) * (4 * READ_SIZE // 256 + 1)
    copy = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    assert run(copy, memoryview(data)) == data


def test_program_that_does_not_read_all_is_no_failure():
    assert run("print('enough')", b"x" * (4 * READ_SIZE)) == b"enough\n"


def test_environment_is_the_given_one():
    assert run("import os; print(os.environ['KIND'])", environment={"KIND": "a"}) == b"a\n"


def test_exit_code_and_complaint_are_told_and_bounded():
    with pytest.raises(PipeError, match="exit code 3: no such") as caught:
        run("import sys; sys.stderr.write('no such ' * 100000); sys.exit(3)")
    assert len(str(caught.value)) < COMPLAINT_LIMIT + 100


@pytest.mark.parametrize(
    "program", ["import time; time.sleep(60)", "import os, time; os.close(1); os.close(2); time.sleep(60)"]
)
def test_program_that_does_not_end_is_killed(program):
    began = time.monotonic()
    with pytest.raises(PipeError, match="not finished in time"):
        run(program, timeout=0.5)
    assert time.monotonic() - began < 30


def test_who_has_seen_enough_kills_it():
    chunks = pipe((*PYTHON, "import sys\nwhile True: sys.stdout.write('x' * 4096)"), b"", {}, 60.0)
    assert next(chunks).startswith(b"x")
    began = time.monotonic()
    chunks.close()
    assert time.monotonic() - began < 30


def test_program_that_is_not_there():
    with pytest.raises(OSError, match="absent"):
        next(pipe(("/absent/program",), b"", {}, 1.0))
