# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import re

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.status_row import StatusRow


class Terminal(io.StringIO):
    """Takes what is written, and has a size that changes."""

    def __init__(self) -> None:
        super().__init__()
        self.size = (80, 24)

    def taken(self) -> str:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


def regions(text: str) -> list[str]:
    """Return the scroll regions that ``text`` sets, in order."""
    return re.findall(r"\x1b\[([\d;]*)r", text)


def row_of(terminal: Terminal) -> StatusRow:
    return StatusRow(terminal, lambda: terminal.size)


def test_last_row_is_held_drawn_and_given_back() -> None:
    terminal = Terminal()
    row = row_of(terminal)
    row.show(lambda width: f"{width} columns")
    first = terminal.taken()
    assert regions(first) == ["1;23"]
    assert first.endswith("\x1b7\x1b[24;1H\x1b[2K79 columns\x1b8")
    row.show(lambda _width: "again")
    assert terminal.taken() == "\x1b7\x1b[24;1H\x1b[2Kagain\x1b8"
    row.remove()
    assert terminal.taken() == "\x1b7\x1b[r\x1b[24;1H\x1b[2K\x1b8"


def test_nothing_is_removed_twice_or_before_it_is_there() -> None:
    terminal = Terminal()
    row = row_of(terminal)
    row.remove()
    assert terminal.taken() == ""
    row.show(lambda _width: "x")
    row.remove()
    terminal.taken()
    row.remove()
    assert terminal.taken() == ""


def test_another_size_moves_the_row() -> None:
    terminal = Terminal()
    row = row_of(terminal)
    row.show(lambda _width: "x")
    terminal.taken()
    terminal.size = (100, 40)
    row.show(str)
    text = terminal.taken()
    assert regions(text) == ["", "1;39"]
    assert "\x1b[24;1H\x1b[2K" in text, "what stood on the old last row is wiped"
    assert text.endswith("\x1b[40;1H\x1b[2K99\x1b8")


def test_no_row_on_a_terminal_that_is_too_small() -> None:
    terminal = Terminal()
    row = row_of(terminal)
    row.show(lambda _width: "x")
    terminal.taken()
    terminal.size = (80, 4)
    row.show(lambda _width: "x")
    assert regions(terminal.taken()) == [""]
    row.show(lambda _width: "x")
    assert terminal.taken() == ""


def test_cursor_and_colours_are_left_alone() -> None:
    terminal = Terminal()
    row = row_of(terminal)
    row.show(lambda _width: "x")
    row.remove()
    text = terminal.taken()
    assert text.count("\x1b7") == text.count("\x1b8")
    assert not re.search(r"\x1b\[(\?25[lh]|[\d;]*m)", text)
