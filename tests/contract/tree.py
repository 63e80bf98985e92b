# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contract tests look at: the files of the project and the documentation in its plugins."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
ROLES = sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())


@functools.cache
def files() -> tuple[Path, ...]:
    """Return all files that belong to the project: those in git, and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def texts() -> list[Path]:
    """Return the files that people write: all but recorded data."""
    return [path for path in files() if not {"fixtures", "golden"} & set(path.parts)]


def names(folder: str) -> list[str]:
    """Return the names of the public plugins of one kind."""
    return sorted(path.stem for path in (PLUGINS / folder).glob("[!_]*.py"))


def strings(folder: str, name: str) -> dict[str, str]:
    """Return the strings that are assigned in a plugin: DOCUMENTATION, EXAMPLES, RETURN."""
    module = ast.parse((PLUGINS / folder / f"{name}.py").read_text(encoding="utf-8"))
    return {
        node.targets[0].id: node.value.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def documentation(folder: str, name: str) -> dict[str, Any]:
    """Return a plugin's DOCUMENTATION."""
    found: dict[str, Any] = yaml.safe_load(strings(folder, name).get("DOCUMENTATION", "{}"))
    return found


def load(path: Path) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def relative(path: Path) -> str:
    """Return a path as it is shown in the name of a test."""
    return str(path.relative_to(ROOT))
