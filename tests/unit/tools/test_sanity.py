# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-test is given so that it runs without a network of its own choice."""

from __future__ import annotations

import configparser

import pytest

from tools import sanity
from tools.runner import StepFailed
from tools.venvs import Environment


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.venvs.VENVS", tmp_path)
    return Environment("core", "core.txt", tmp_path, (3, 13))


def write(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o755)


def test_settings_of_pip_reach_a_file_and_variables_win(environment, tmp_path):
    listed = r"""
:env:.timeout='60'
:env:.disable-pip-version-check='1'
global.extra-index-url='file:///one\nfile:///two'
global.timeout='15'
site.ignored="x"
"""
    write(environment.tool("pip"), f"#!/bin/sh\ncat <<'EOF'{listed}EOF\n")
    sanity.write_pip_settings(environment, tmp_path / "home" / "pip.conf")
    written = configparser.ConfigParser()
    written.read(tmp_path / "home" / "pip.conf")
    assert dict(written["global"]) == {
        "timeout": "60",
        "disable-pip-version-check": "1",
        "extra-index-url": "file:///one\nfile:///two",
    }


SOURCE = "lib/python3.11/site-packages/ansible_test/_internal/python_requirements.py"


def test_version_of_pip_is_read_from_ansible_test(environment):
    write(environment.folder / SOURCE, "    return dict(\n        pip='24.2',\n    )\n")
    assert sanity.wanted_pip(environment) == "24.2"


def test_an_ansible_test_that_says_it_otherwise_is_an_error(environment):
    write(environment.folder / SOURCE, "pip = latest()\n")
    with pytest.raises(StepFailed, match="does not say which pip it wants"):
        sanity.wanted_pip(environment)


def test_missing_interpreters_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sanity.interpreters, "find", lambda version: None if version == (3, 8) else tmp_path)
    assert sanity.link_interpreters(tmp_path / "bin") == ["3.8"]
    assert sorted(path.name for path in (tmp_path / "bin").iterdir())[0] == "python3.10"
