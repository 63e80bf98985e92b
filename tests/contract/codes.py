# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that explain codes, and the index of all codes that is made from them.

$ PYTHONPATH=tests python3 -m contract.codes    # writes docs/reference/codes.md anew
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .tree import ROOT

DOCS = ROOT / "docs"
INDEX = DOCS / "reference" / "codes.md"
# What the codes of a page are, in the order in which somebody meets them.
PAGES = {
    "preparing": "what a host lacks",
    "troubleshooting": "refusal or error",
    "verdicts": "verdict, or its reason",
    "health": "trouble",
    "notes": "note",
    "facts": "note",
    "guard": "guard",
    "boot_default": "boot loader",
    "way_back": "way back",
}
# "## `cold_boot`": a heading that is a code, and nothing more.
HEADING = re.compile(r"^#+ `([a-z][a-z0-9_]*)`$")
# The first sentence of what stands below it. "e.g." and the like are not used.
SENTENCE = re.compile(r".+?\.(?= |$)")
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")

HEAD = """\
# All codes

Every refusal, verdict, note and trouble has a code that never changes, in `code`, `reason` or `verdict` of a result.
Each links to what it means, where to look and what to do.

| code | what it is | in short |
|---|---|---|
"""


class Code(NamedTuple):
    """A code, the page that explains it, and the first sentence there."""

    code: str
    page: str
    sentence: str


def page_path(page: str) -> Path:
    """Return the path of a page of `PAGES`."""
    return DOCS / f"{page}.md"


def explained() -> Iterator[Code]:
    """Yield all codes that have a heading."""
    for page in PAGES:
        lines = [line for line in page_path(page).read_text(encoding="utf-8").splitlines() if line.strip()]
        for line, below in zip(lines, [*lines[1:], ""], strict=True):
            heading = HEADING.match(line)
            if heading:
                found = SENTENCE.match(LINK.sub(r"\1", below))
                yield Code(heading[1], page, found[0] if found else below)


def index() -> str:
    """Return the index as it has to be."""
    return HEAD + "".join(map(_row, sorted(explained())))


def _row(one: Code) -> str:
    sentence = one.sentence.replace("|", r"\|")
    return f"| [`{one.code}`](../{one.page}.md#{one.code}) | {PAGES[one.page]} | {sentence} |\n"


if __name__ == "__main__":
    INDEX.write_text(index(), encoding="utf-8")
