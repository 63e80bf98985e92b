# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding interpreters that really run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import interpreters


@pytest.fixture(autouse=True)
def forget():
    interpreters.find.cache_clear()
    yield
    interpreters.find.cache_clear()


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_shim_that_fails_is_passed_over(tmp_path, monkeypatch):
    program(tmp_path / "shims" / "python3.8", "echo 'command not found' >&2; exit 127")
    good = program(tmp_path / "versions" / "3.8.18" / "bin" / "python3.8", "echo 3 8 /real/python3.8")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert good.exists()
    assert interpreters.find((3, 8)) == Path("/real/python3.8")


def test_an_interpreter_of_another_version_is_passed_over(tmp_path, monkeypatch):
    program(tmp_path / "python3.9", "echo 3 11 /real/python3.11")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert interpreters.find((3, 9)) is None


def test_probe_answers_for_this_interpreter():
    found = interpreters.probe(Path(sys.executable))
    assert found is not None
    assert found[0] == sys.version_info[:2]


@pytest.mark.parametrize("text", ["exit 0", "echo one two three", "echo 3", "kill -9 $$"])
def test_probe_of_something_else_is_none(tmp_path, text):
    assert interpreters.probe(program(tmp_path / "python3.10", text)) is None


def test_probe_of_nothing_is_none(tmp_path):
    assert interpreters.probe(tmp_path / "absent") is None
