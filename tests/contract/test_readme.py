# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front page and the contributors' page keep up with the tree."""

from __future__ import annotations

import re

import pytest
from contract.tree import ROOT, load, names

from tools import catalogue, interpreters, packages
from tools.environments import CORES

README = ROOT / "README.md"
PLUGINS = ROOT / "docs" / "reference" / "plugins.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


@pytest.mark.parametrize(
    "name", [*names("modules"), *names("callback"), *names("filter"), *names("lookup"), *PLAYBOOKS]
)
def test_reference_names_every_plugin(name):
    assert re.search(rf"`{name}`", PLUGINS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_readme_names_every_playbook(name):
    assert re.search(rf"\b{name}\b", README.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [README, CONTRIBUTING], ids=lambda path: path.name)
def test_make_targets_that_are_named_exist(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)\b(?=[^a-z]|$)", " ".join(code(path))))
    assert named
    assert named <= set(targets.split())


@pytest.mark.parametrize("path", [README, CONTRIBUTING], ids=lambda path: path.name)
def test_steps_that_are_named_exist(path):
    text = "\n".join(code(path))
    for command, everything in (("test", False), ("test-all", True)):
        known = {name for step in catalogue.steps(everything) for name in (step.name, step.group)}
        named = re.findall(rf'make {command} STEPS="([^"]*)"', text)
        assert {name for words in named for name in words.split()} <= known
    assert not re.findall(r'(?<!make test )(?<!make test-all )STEPS="', text)


def code(path):
    """Return what stands in code blocks and between backquotes."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
    return [*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))]


def test_oldest_core_and_python_are_those_that_are_tested():
    assert load(ROOT / "meta" / "runtime.yml")["requires_ansible"] == f">={next(iter(CORES))}.0"
    oldest = interpreters.spell(interpreters.MODULE_VERSIONS[0])
    assert load(ROOT / "tests" / "config.yml")["modules"]["python_requires"] == f">={oldest}"
    text = README.read_text(encoding="utf-8")
    assert next(iter(CORES)) in text
    assert oldest in text


def test_contributing_names_the_packages_command():
    assert packages.PACKAGES
    assert "make packages" in CONTRIBUTING.read_text(encoding="utf-8")
