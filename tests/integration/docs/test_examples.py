# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of all plugins and roles are plays that Ansible loads and ansible-lint likes, in an empty inventory."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from integration.cores import CORES

from tools.layout import COLLECTIONS, ROOT

PLAY = "- name: Example\n  hosts: all\n  gather_facts: false\n  tasks:\n"


def examples() -> dict[str, str]:
    """Return the text of each example by its name."""
    found = {}
    for kind in ("modules", "lookup", "filter"):
        for path in sorted((ROOT / "plugins" / kind).glob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES":
                    found[f"{kind}_{path.stem}"] = str(ast.literal_eval(node.value))
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].items():
            found[f"role_{path.parents[1].name}_{name}"] = entry["examples"]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a playbook of each example."""
    made = tmp_path_factory.mktemp("examples")
    for name, text in examples().items():
        is_play = "hosts" in yaml.safe_load(text)[0]
        body = "\n".join(f"    {line}".rstrip() for line in text.strip().splitlines())
        (made / f"{name}.yml").write_text("---\n" + (f"{text.strip()}\n" if is_play else f"{PLAY}{body}\n"))
    (made / ".ansible-lint").write_text("profile: production\noffline: true\n")
    return made


def run(folder: Path, programs: Path, *words: str) -> None:
    """Run a program, which must succeed."""
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_INVENTORY": "/dev/null", "PYTHONPATH": ""}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(programs / words[0]), *words[1:], *sorted(path.name for path in folder.glob("*.yml"))],
        cwd=folder,
        env={**os.environ, **settings, "ANSIBLE_HOME": str(folder / "home"), "PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("core", CORES)
def test_ansible_loads_every_example_without_an_inventory(folder: Path, core: str) -> None:
    assert len(list(folder.glob("*.yml"))) > 30
    run(folder, CORES[core], "ansible-playbook", "--syntax-check", "-i", "/dev/null")


def test_examples_lint(folder: Path) -> None:
    run(folder, Path(sys.executable).parent, "ansible-lint", "--offline", "-q")
