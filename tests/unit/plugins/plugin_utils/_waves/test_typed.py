# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What YAML, a hurry or an editor makes of a value is noticed, and the nearest word is named."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import (
    choice_problem,
    elements_problem,
    nearest,
    number_problem,
    ratio_problem,
    text_problem,
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cold-boot", "cold_boot"),
        ("Cold_Boot ", "cold_boot"),
        ("cold\u2013boot", "cold_boot"),
        ("handovr", "handover"),
        ("x", ""),
        ("", ""),
    ],
)
def test_nearest_word(typed: str, meant: str) -> None:
    assert nearest(typed, ("handover", "cold_boot")) == (f" (is {meant} meant?)" if meant else "")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "null"),
        (True, "on, yes and true without quotes"),
        (False, "off, no and false without quotes"),
        (7.1, "7.10 is 7.1"),
        (7, "the number 7"),
        ([], "no text"),
        ({"a": 1}, "no text"),
        ("a ", "a blank at an end"),
        ("\ta", "a blank at an end"),
        ("a\nb", r"'\n'"),
        ("a\u200bb", r"'\u200b'"),
    ],
)
def test_what_is_no_text(value: Any, why: str) -> None:
    assert why in str(text_problem(value))


def test_what_is_text() -> None:
    assert [text_problem(value) for value in ("", "a b", "\u4e3b")] == [None] * 3
    assert text_problem(7, may_be_number=True) is None
    assert text_problem(7.1, may_be_number=True)


@pytest.mark.parametrize("value", [[], {}, "", ["a", 3], "a,b", {"panic": 10}])
def test_what_is_a_list(value: Any) -> None:
    assert elements_problem(value) is None


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 7.1, [None], [7.1], [True], [["a"]], [""], "a, b", "a,", {"a": False}, {True: "a"}, {"a": None}],
)
def test_what_is_no_list_of_texts(value: Any) -> None:
    assert elements_problem(value)


def test_parameter_without_value() -> None:
    assert elements_problem({"quiet": None}, may_be_null=True) is None
    assert elements_problem({"quiet": False}, may_be_null=True)


@pytest.mark.parametrize("value", ["ten", "1.5", 1.5, True, None, [], "\u0663", "", "-1", -1, 1001, "9" * 40])
def test_what_is_no_number(value: Any) -> None:
    assert number_problem(value, 0, 1000)


def test_what_is_a_number() -> None:
    assert [number_problem(value, 0, 1000) for value in (0, "10", " 1000 ")] == [None] * 3


@pytest.mark.parametrize("value", ["5%", "1,5", True, None, -1, "nan", "inf", [], ""])
def test_what_is_no_ratio(value: Any) -> None:
    assert ratio_problem(value)


def test_what_is_a_ratio() -> None:
    assert [ratio_problem(value) for value in (0, 1.5, "2", "1.5")] == [None] * 4


def test_choices() -> None:
    assert choice_problem("x", "off", ["require", "off"]) is None
    assert str(choice_problem("x", "of", ["require", "off"])).endswith("one of: require, off, got: of (is off meant?)")
    assert "write it in quotes" in str(choice_problem("x", False, ["require", "off"]))
