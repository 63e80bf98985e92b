# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real supervisor of a run without guests: who the run belongs to is told, also when that has ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import pytest

from lab import cli, run
from lab.layout import RunFolder
from lab.state import RunPlan, write_plan

_PATIENCE = 60.0  # seconds


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: subprocess.Popen[bytes]) -> Iterator[RunFolder]:
    """A run that is up and belongs to `owner`."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = RunFolder.of("owned")
    with (
        run.owner_descriptor(owner.pid) as descriptor,
        run.held(made) as lock,
        create_server(("127.0.0.1", 0)) as listener,
    ):
        made.clear()
        made.repository.mkdir()
        write_plan(made.plan, RunPlan("owned", "none", "http://127.0.0.1:1/", [], owner.pid))
        supervisor = run.start_supervisor(made, lock=lock, owner=descriptor, repository=listener.fileno())
    with supervisor as declare_up:
        deadline = time.monotonic() + _PATIENCE
        while not made.state.exists():
            assert time.monotonic() < deadline, made.log.read_text()
            time.sleep(0.05)
        declare_up()
    yield made
    run.down("owned")


def test_status_says_who_a_run_belongs_to_and_that_it_has_ended(
    folder: RunFolder, owner: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status"]) == 0
    assert f"belongs to: process {owner.pid} (sleep), and ends with it" in capsys.readouterr().out
    owner.kill()
    deadline = time.monotonic() + _PATIENCE
    while folder.is_held():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert cli.main(["status"]) == 0
    why = f"the process that the run belongs to has ended: {owner.pid} (sleep)"
    assert capsys.readouterr().out.startswith(f"run owned: ended ({why})\n")
