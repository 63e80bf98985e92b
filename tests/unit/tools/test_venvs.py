# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python environments: made once, made anew when their requirements change, never used half-made or taken away."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tools import environments, layout, processes, venvs


@pytest.fixture
def environment(tmp_path, monkeypatch):
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "constraints.txt").write_text("a==1\n")
    (requirements / "dev.txt").write_text("a\n-r unit.txt\n")
    (requirements / "unit.txt").write_text("b\n")
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    monkeypatch.setattr(venvs, "REQUIREMENTS", requirements)
    monkeypatch.setattr(venvs, "CONSTRAINTS", requirements / "constraints.txt")
    monkeypatch.setattr(venvs, "VENVS", tmp_path / "venv")
    return venvs.Environment("dev", "dev.txt", Path(sys.executable), sys.version_info[:2])


class Runs:
    """Stands for running commands: notes them, and fails at the n-th."""

    def __init__(self, environment: venvs.Environment, fail_at: int = 99) -> None:
        self.environment = environment
        self.fail_at = fail_at
        self.seen: list[list[object]] = []

    def __call__(self, argv: list[object]) -> None:
        self.seen.append(argv)
        if len(self.seen) == self.fail_at:
            raise OSError("no space left on device")
        self.environment.folder.mkdir(parents=True, exist_ok=True)


def test_made_once(environment):
    runs = Runs(environment)
    environment.ensure(runs, print)
    environment.ensure(runs, print)
    assert len(runs.seen) == 3
    assert runs.seen[0][1:3] == ["-m", "venv"]


@pytest.mark.parametrize("fail_at", [1, 2, 3])
def test_an_interrupted_one_is_made_anew(environment, fail_at):
    with pytest.raises(OSError, match="no space"):
        environment.ensure(Runs(environment, fail_at), print)
    assert not environment.is_complete()
    runs = Runs(environment)
    environment.ensure(runs, print)
    assert len(runs.seen) == 3
    assert environment.is_complete()


@pytest.mark.parametrize("name", ["constraints.txt", "dev.txt", "unit.txt"])
def test_made_anew_when_a_requirement_changes(environment, name):
    environment.ensure(Runs(environment), print)
    (venvs.REQUIREMENTS / name).write_text("c\n")
    assert not environment.is_complete()


def test_one_interpreter_by_any_name_makes_the_same_environment(environment, tmp_path):
    other_name = tmp_path / "python3"
    other_name.symlink_to(Path(sys.executable).resolve())
    called = venvs.Environment("dev", "dev.txt", other_name, environment.version)
    assert called.fingerprint() == environment.fingerprint()


def test_a_later_date_of_the_interpreter_changes_nothing(environment, tmp_path):
    python = shutil.copy(Path(sys.executable).resolve(), tmp_path / "python3.11")
    mine = venvs.Environment("dev", "dev.txt", Path(python), environment.version)
    before = mine.fingerprint()
    os.utime(python, (0, 0))
    assert mine.fingerprint() == before


@pytest.mark.parametrize("change", [{"python": Path("/bin/true")}, {"version": (3, 99)}, {"name": "other"}])
def test_another_interpreter_or_place_makes_another_environment(environment, change):
    assert dataclasses.replace(environment, **change).fingerprint() != environment.fingerprint()


def test_a_shell_with_an_active_environment_wants_the_same(tmp_path):
    """What once removed the environment that a running scenario used: python3 was its own, by another path."""
    made = tmp_path / "active"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    code = "from tools import environments; print(environments.controller().fingerprint())"
    variables = {
        **os.environ,
        "PATH": f"{made / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(venvs.__file__).parents[1]),
    }
    said = subprocess.run(
        [made / "bin" / "python3", "-c", code], env=variables, capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == environments.controller().fingerprint()


def wait_until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def make_meanwhile(environment):
    """Let another thread make it; return that and what it says."""
    said: list[str] = []
    thread = threading.Thread(target=environment.ensure, args=(Runs(environment), said.append), daemon=True)
    thread.start()
    return thread, said


def test_a_step_that_uses_it_is_waited_for(environment):
    environment.ensure(Runs(environment), print)
    used = environment.folder / "used"
    used.touch()
    (venvs.REQUIREMENTS / "dev.txt").write_text("c\n")
    with environment.in_use(print):
        maker, said = make_meanwhile(environment)
        wait_until(lambda: said)
        assert said == ["waiting for the steps that use dev, to make it anew"]
        assert used.exists()
    maker.join(20)
    assert not used.exists()
    assert environment.is_complete()


def test_users_do_not_wait_for_each_other(environment):
    environment.ensure(Runs(environment), print)
    said: list[str] = []
    with environment.in_use(said.append), environment.in_use(said.append):
        environment.ensure(Runs(environment), said.append)
    assert said == ["dev: there"]


def test_a_program_started_by_hand_is_waited_for(environment, monkeypatch):
    monkeypatch.setattr(venvs, "LOOK_AGAIN", 0.05)
    environment.ensure(Runs(environment), print)
    program = environment.tool("scenario")
    program.parent.mkdir()
    program.symlink_to("/bin/sleep")
    (venvs.REQUIREMENTS / "dev.txt").write_text("c\n")
    with subprocess.Popen(["venv/dev/bin/scenario", "300"], cwd=layout.ROOT) as process:
        wait_until(lambda: list(venvs.users(environment.folder)))
        maker, said = make_meanwhile(environment)
        wait_until(lambda: said)
        time.sleep(0.2)
        assert said == [f"waiting for what uses dev, to make it anew: scenario (pid {process.pid})"]
        assert program.exists()
        process.kill()
    maker.join(20)
    assert environment.is_complete()


def test_this_process_and_those_above_it_are_no_users():
    above = {pid for pid, _parent, _name in processes.parents()} & {os.getpid(), os.getppid()}
    assert above
    assert not above & {each.pid for each in venvs.users(Path("/"))}


def test_several_are_made_at_once(environment, monkeypatch):
    monkeypatch.setattr(venvs.os, "cpu_count", lambda: 4)
    several = [dataclasses.replace(environment, name=f"env{number}") for number in range(4)]

    def run(argv):
        time.sleep(0.3)
        if "venv" in argv:
            argv[-1].mkdir(parents=True)

    began = time.monotonic()
    assert venvs.ensure_all(several, run, print) == []
    assert time.monotonic() - began < 4 * 3 * 0.3
    assert all(each.is_complete() for each in several)


def test_one_that_cannot_be_made_is_named(environment, monkeypatch):
    monkeypatch.setattr(venvs.os, "cpu_count", lambda: 1)
    several = [dataclasses.replace(environment, name=name) for name in ("good", "bad", "never")]
    good, _bad, never = several

    def run(argv):
        if any("bad" in str(word) for word in argv):
            raise OSError("no space left on device")
        good.folder.mkdir(parents=True, exist_ok=True)

    assert venvs.ensure_all(several, run, print) == ["bad: no space left on device"]
    assert [each.is_complete() for each in several] == [True, False, False]
    assert not never.folder.exists()
