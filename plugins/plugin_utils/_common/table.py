# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain text tables whose columns stand straight for any script, and which no cell can break out of."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

CELL_LIMIT = 48
"""Columns of the terminal that a cell may take."""


def speaks_unicode(stream: Any) -> bool:
    """Tell whether ``stream`` is a terminal that shows more than ASCII."""
    encoding = (getattr(stream, "encoding", None) or "").lower()
    return bool(stream.isatty()) and encoding.startswith("utf")


def display_width(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes (Unicode Standard Annex 11)."""
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clean(text: str, ascii_only: bool) -> str:
    """Return ``text`` on one line without anything that moves the cursor or hides, at most ``CELL_LIMIT`` wide."""
    return fit("".join(character if _may_be_shown(character, ascii_only) else "?" for character in text), CELL_LIMIT)


def fit(text: str, width: int) -> str:
    """Return ``text`` cut to at most ``width`` columns; two points tell that it was cut."""
    if display_width(text) <= width:
        return text
    while text and display_width(text) > width - 2:
        text = text[:-1]
    return f"{text}.."[:width]


def _may_be_shown(character: str, ascii_only: bool) -> bool:
    if ascii_only:
        return " " <= character <= "~"
    return character == " " or unicodedata.category(character)[0] not in "CZ"


def render_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], ascii_only: bool, right: frozenset[int] = frozenset()
) -> list[str]:
    """Return the lines of a table: the header, a rule, a line for each row. Columns in ``right`` are right-aligned."""
    cells = [[clean(cell, ascii_only) for cell in row] for row in [header, *rows]]
    widths = [max(display_width(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = ["  ".join(_pad(row[at], width, at in right) for at, width in enumerate(widths)) for row in cells]
    rule = "  ".join(("-" if ascii_only else "\N{BOX DRAWINGS LIGHT HORIZONTAL}") * width for width in widths)
    return [line.rstrip() for line in [lines[0], rule, *lines[1:]]]


def _pad(cell: str, width: int, right: bool) -> str:
    padding = " " * (width - display_width(cell))
    return padding + cell if right else cell + padding
