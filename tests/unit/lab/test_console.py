# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest writes is made safe for a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.console import last_lines, plain_text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b[2J\x1b[01;01HBdsDxe: loading\r\n", "BdsDxe: loading\n"),
        (b"[\x1b[0;32m  OK  \x1b[0m] Started", "[  OK  ] Started"),
        (b"\x1b[=3h\x1b(done\x07\xff", "?(done??"),
        (b"a\tb\r\nc", "a\tb\nc"),
    ],
)
def test_drawing_is_taken_out(raw: bytes, text: str) -> None:
    assert plain_text(raw) == text


@given(st.binary())
def test_only_printable_ascii_is_left(raw: bytes) -> None:
    assert all(character in "\t\n" or character.isprintable() for character in plain_text(raw))
    assert plain_text(raw).isascii()


def test_the_last_lines_have_text_on_them(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"one\r\ntwo\r\n\r\n  \r\nthree\r\n\x1b[0m\r\n")
    assert last_lines(log, 2) == ["two", "three"]
    assert last_lines(log, 1, limit=14) == ["three"]


def test_no_console_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "console.log", 5) == []
