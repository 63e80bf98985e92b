# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for every file: its licence, its size, and words that hide failures, or have a better one."""

from __future__ import annotations

import re

import pytest
from contract.tree import relative, texts

LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
PYTHON_HEADER = [
    "# Copyright: Contributors to the kho.kexec collection",
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    f"# {LICENCE}",
]
# Files that carry no header: prose, the licence itself, and formats without comments.
BARE = {".md", ".json", ".txt", ".svg", ".png"}
BARE_NAMES = {"LICENSE", ".gitignore", ".gitkeep", "py.typed"}
MOST_LINES = 400
# The licence, and the page on which every code is a heading: all are found in one place.
LONG = {"LICENSE", "codes.md"}

HIDES_FAILURES = {
    "a task that may fail": re.compile(r"ignore_errors: *(true|yes)|failed_when: *false", re.IGNORECASE),
    "a test that may not run": re.compile(r"pytest\.skip|importorskip|mark\.(skip|xfail)|unittest\.skip|pytest\.xfail"),
    "unfinished work": re.compile(r"\b(TODO|FIXME|XXX)\b"),
}

# Plain English of the field. What is quoted here is the word to take instead.
WORDS = {
    "start of": re.compile(r"\bbegin of\b", re.IGNORECASE),
    "fix or correct": re.compile(r"\bmend(ed|s|ing)?\b", re.IGNORECASE),
    "anyone who, or the thing's name": re.compile(r"\bwhoever\b", re.IGNORECASE),
    "forever": re.compile(r"\bfor ever\b", re.IGNORECASE),
}

TEXTS = [pytest.param(path, id=relative(path)) for path in texts()]


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("path", TEXTS)
def test_licence_header(path):
    lines = [line for line in lines_of(path)[:5] if not line.startswith("#!")]
    if path.name == "__init__.py" and not path.read_bytes():
        return  # a package; ansible-test wants the file to be empty
    if path.suffix == ".py":
        assert lines[:3] == PYTHON_HEADER
    elif path.suffix in {".yml", ".yaml"}:
        assert lines[0] == f"# {LICENCE}"
    elif path.suffix not in BARE and path.name not in BARE_NAMES:
        assert any(LICENCE in line for line in lines), "no licence in the first lines"


@pytest.mark.parametrize("path", TEXTS)
def test_size(path):
    if path.name not in LONG:
        assert len(lines_of(path)) <= MOST_LINES


def places(path, patterns):
    """Return each line of a file with what one of the patterns finds in it."""
    if path.name == "test_source.py":
        return []
    return [
        f"line {number}: {what}: {line.strip()}"
        for number, line in enumerate(lines_of(path), start=1)
        for what, pattern in patterns.items()
        if pattern.search(line)
    ]


@pytest.mark.parametrize("path", TEXTS)
def test_nothing_hides_failures(path):
    found = places(path, HIDES_FAILURES)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", TEXTS)
def test_words_are_those_of_the_field(path):
    found = places(path, WORDS)
    assert not found, "\n".join(found)
