# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who looks for the tests of a file finds them in its place: tests/unit/plugins/ has the packages of plugins/."""

from __future__ import annotations

import pytest
from contract.tree import PLUGINS, ROOT

FOLDERS = ("module_utils", "plugin_utils")
TESTS = ROOT / "tests" / "unit" / "plugins"


def sources(folder):
    """Return the files of the packages of a folder."""
    return [path for path in sorted((PLUGINS / folder).glob("*/*.py")) if path.name != "__init__.py"]


def place_of_tests(path):
    """Return where the tests of a file are."""
    at = path.relative_to(PLUGINS)
    return TESTS / at.parent / f"test_{at.name}"


@pytest.mark.parametrize(
    "path",
    [path for folder in FOLDERS for path in sources(folder)],
    ids=lambda path: f"{path.parent.name}.{path.stem}",
)
def test_every_core_file_has_tests(path):
    tests = place_of_tests(path)
    assert tests.is_file(), f"{tests.relative_to(ROOT)} is missing"
    assert "def test_" in tests.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS)
def test_tests_are_in_packages_that_there_are(folder):
    packages = {path.parent.name for path in sources(folder)}
    assert {path.parent.name for path in (TESTS / folder).glob("*/test_*.py")} == packages
