# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package may use which: what is imported is on a lower level, and each can be read without those above."""

from __future__ import annotations

import ast

import pytest
from contract.tree import PLUGINS

COLLECTION = "ansible_collections.kho.kexec.plugins."
# The core, in the order in which the data goes; each line may use those above it.
LEVELS = (
    ("_host",),
    ("_kernel",),
    ("_observe", "_image", "_health", "_record"),
    ("_installed", "_history", "_fact_script"),
    ("_bootloader", "_plan"),
    ("_guard", "_prepare", "_options"),
    ("_transition",),
)
# On one level.
BESIDE = {("_record", "_observe"), ("_health", "_observe")}
# Options are checked on the controller, too, which has no use for any subject.
OPTIONS_USE = {"_host"}
CONTROLLER_USES = {"_host", "_options"}
# Reports are in the order of releases, of which there is one.
ORDER_OF_RELEASES = {("plugin_utils/_ledger/crash_counts.py", "_kernel")}
# What hosts have sent to the controller is read there, as hosts read their own.
READERS_OF_LOGS = {(f"plugin_utils/_central/{name}.py", "_history") for name in ("collect", "sources")}
LEVEL = {package: level for level, packages in enumerate(LEVELS) for package in packages}


def imports(path):
    """Yield the parts of each name below plugins/ that a file imports, as in ("module_utils", "_host", "text")."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(COLLECTION):
            yield node.module[len(COLLECTION) :].split(".")


def edges(folder, base):
    """Return (file, its package, the package that it imports from), without those inside of one package."""
    found = []
    for path in sorted((PLUGINS / folder).rglob("*.py")):
        package = path.relative_to(PLUGINS / folder).parts[0]
        for imported in imports(path):
            if imported[0] == base and imported[1:2] != [package]:
                found.append((str(path.relative_to(PLUGINS)), package, imported[1]))
    return found


def test_every_package_has_a_level():
    assert {path.parent.name for path in (PLUGINS / "module_utils").glob("*/__init__.py")} == set(LEVEL)


@pytest.mark.parametrize("package", sorted(LEVEL))
def test_core_uses_lower_levels(package):
    upward = [
        f"{file} -> {used}"
        for file, user, used in edges("module_utils", "module_utils")
        if user == package and LEVEL[used] >= LEVEL[user] and (user, used) not in BESIDE
    ]
    assert not upward, "\n".join(upward)


def test_options_use_no_package_of_a_subject():
    found = {f"{file} -> {used}" for file, user, used in edges("module_utils", "module_utils") if user == "_options"}
    assert {edge for edge in found if edge.rsplit(" ", 1)[1] not in OPTIONS_USE} == set()


@pytest.mark.parametrize("folder", ["action", "callback", "filter", "lookup", "plugin_utils"])
def test_controller_uses_of_the_core_only_what_is_common(folder):
    found = {(file, used) for file, _user, used in edges(folder, "module_utils")}
    found -= ORDER_OF_RELEASES | READERS_OF_LOGS
    assert {f"{file} -> {used}" for file, used in found if used not in CONTROLLER_USES} == set()


def test_core_uses_nothing_of_the_controller():
    assert edges("module_utils", "plugin_utils") == []
    assert edges("modules", "plugin_utils") == []


def test_nobody_imports_action_plugins():
    folders = ("action", "callback", "filter", "lookup", "modules", "module_utils", "plugin_utils")
    paths = [path for name in folders for path in (PLUGINS / name).rglob("*.py")]
    assert [str(path) for path in paths if any(imported[0] == "action" for imported in imports(path))] == []
