# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.text import (
    counted,
    listed,
    printable,
    regex,
    until_nul,
)


def test_an_expression_is_compiled_at_its_first_use_and_once(monkeypatch):
    asked = []
    monkeypatch.setattr(re, "compile", lambda *given, made=re.compile: asked.append(given) or made(*given))
    number = regex(r"([a-z])([0-9]+)", re.IGNORECASE)
    assert asked == []
    assert [number.fullmatch(text).group(2) for text in ("A1", "b22")] == ["1", "22"]
    assert len(asked) == 1
    assert regex(rb"\d").sub(b"-", b"7.2") == b"-.-"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("7.3.4", "7.3.4"),
        (b"\x1b[31m\n\0", "?[31m??"),
        ("caf\u00e9 \u202e\U0001f600", "caf? ??"),
        ("", ""),
        ("~ \x7f", "~ ?"),
        (b"{{ 7*7 }}", "?{ 7*7 }}"),
        ("{{{%x%}{#", "???%x%}?#"),
        ("{ {a} }", "{ {a} }"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("number", "one", "many", "said"),
    [(0, "host", "", "0 hosts"), (1, "host", "", "1 host"), (2, "crash", "crashes", "2 crashes")],
)
def test_counted(number, one, many, said):
    assert counted(number, one, many) == said


@given(st.one_of(st.text(), st.binary()), st.integers(0, 50))
def test_length_stays_up_to_the_limit(text, limit):
    shown = printable(text, limit)
    assert len(shown) == min(len(text), limit)
    assert all(" " <= char <= "~" for char in shown)
    assert not any(start in shown for start in ("{{", "{%", "{#"))


def test_until_nul():
    assert until_nul(b"one\0two", 64) == "one"
    assert until_nul(b"x" * 65, 64) == "x" * 64


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (list("abcde"), "a, b and 3 more"),
    ],
)
def test_the_first_of_many(texts, shown):
    assert listed(texts, 2) == shown
