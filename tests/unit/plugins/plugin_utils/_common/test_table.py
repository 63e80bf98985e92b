# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import (
    CELL_LIMIT,
    clean,
    display_width,
    fit,
    render_table,
    speaks_unicode,
)


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("主机", 4), ("e\u0301", 1), ("ｆ", 2)])
def test_width_in_columns_of_the_terminal(text: str, width: int) -> None:
    assert display_width(text) == width


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "a\rb", "a\tb", "a\x00b", "a\u202eb", "a\u2028b", "a\x9bb"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_nothing_breaks_out_of_a_cell(text: str, ascii_only: bool) -> None:
    shown = clean(text, ascii_only)
    assert shown.isprintable()
    assert "?" in shown


def test_ascii_only_where_nothing_else_is_shown() -> None:
    assert clean("主机1", ascii_only=True) == "??1"
    assert clean("主机1", ascii_only=False) == "主机1"


@pytest.mark.parametrize("character", ["x", "主"])
def test_long_text_is_cut(character: str) -> None:
    shown = clean(character * 200, ascii_only=False)
    assert display_width(shown) <= CELL_LIMIT
    assert shown.endswith("..")


def test_ascii_table() -> None:
    assert render_table(["host", "s"], [["web1", "8.3"], ["a", "12.0"]], ascii_only=True, right=frozenset({1})) == [
        "host     s",
        "----  ----",
        "web1   8.3",
        "a     12.0",
    ]


def test_columns_stand_straight_beside_wide_characters() -> None:
    lines = render_table(["host", "verdict"], [["主机", "cold_boot"], ["a", "ok"]], ascii_only=False)
    assert lines[1] == "────  ─────────"
    assert [display_width(line[: line.index(word)]) for line, word in zip(lines[2:], ["cold", "ok"], strict=True)] == [
        6,
        6,
    ]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "a.."), ("主机机", 5, "主.."), ("abcd", 1, "."), ("a", 0, "")],
)
def test_text_that_fits(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


@pytest.mark.parametrize(
    ("tty", "encoding", "expected"), [(True, "UTF-8", True), (False, "utf-8", False), (True, "ascii", False)]
)
def test_ascii_unless_a_terminal_shows_more(tty: bool, encoding: str, expected: bool) -> None:
    assert speaks_unicode(SimpleNamespace(isatty=lambda: tty, encoding=encoding)) is expected
