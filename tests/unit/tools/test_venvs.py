# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python environments: made once, made anew when their requirements change, never used half-made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import layout, venvs


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
    return venvs.Environment("dev", "dev.txt", Path(sys.executable))


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
