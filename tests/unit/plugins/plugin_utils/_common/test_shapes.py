# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._common.shapes import (
    Flag,
    Many,
    NotUnderstood,
    Number,
    Record,
    Shape,
    Table,
    Text,
    Tree,
    Whole,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
SHAPE = Record({"a": Text(10), "b": Record({"c": Whole(0, 9), "d": Many(Number(), 3)}), "t": Table(Flag(), 2)})


def is_harmless(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and all(line.isprintable() for line in value.split("\n")) and "{{" not in value
    if isinstance(value, dict):
        return all(is_harmless(key) and is_harmless(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(is_harmless, value))
    return value is None or isinstance(value, bool) or math.isfinite(value)


@given(ANYTHING)
def test_whatever_comes_is_understood_or_refused(value: Any) -> None:
    for shape in (SHAPE, Tree()):
        try:
            built = shape.build(value) if value is not None else None
        except NotUnderstood:
            continue
        assert is_harmless(built)


@given(st.fixed_dictionaries({}, optional={"a": ANYTHING, "b": ANYTHING, "t": ANYTHING, "x": ANYTHING}))
def test_only_described_keys_stay(value: dict[str, Any]) -> None:
    try:
        built = SHAPE.build(value)
    except NotUnderstood:
        return
    assert set(built) == set(value) & {"a", "b", "t"}


@pytest.mark.parametrize(
    ("shape", "value", "built"),
    [
        (Text(3), "abcdef", "abc"),
        (Text(), "\x1b[2J{{ x }}", "?[2J?{ x }}"),
        (Text(lines=True), "a\nb\x07", "a\nb?"),
        (Whole(), 2**62, 2**62),
        (Number(), 1.5, 1.5),
        (Many(Whole(), 2), (1, 2), [1, 2]),
        (Table(Whole()), {"a\n": None}, {"a?": None}),
        (Record({"a": Whole()}), {"a": None, "z": 1}, {"a": None}),
        (Tree(), {"a": [1, "b\n", None, True]}, {"a": [1, "b\n", None, True]}),
    ],
)
def test_what_is_right_is_built(shape: Shape, value: Any, built: Any) -> None:
    assert shape.build(value) == built


@pytest.mark.parametrize(
    ("shape", "value", "path", "why"),
    [
        (Text(), 1, "", "is not a text"),
        (Whole(), True, "", "is not a whole number"),
        (Whole(), 1.0, "", "is not a whole number"),
        (Whole(0, 5), 6, "", "is not between 0 and 5"),
        (Number(), math.inf, "", "is not finite"),
        (Number(0, 10), -0.5, "", "is not between 0 and 10"),
        (Number(0, 10), 10.5, "", "is not between 0 and 10"),
        (Number(), math.nan, "", "is not finite"),
        (Number(), 10**400, "", "is not finite"),
        (Flag(), 1, "", "is not true or false"),
        (Many(Whole()), "12", "", "is not a list"),
        (Many(Whole(), 1), [1, 2], "", "more than 1 items"),
        (Many(Whole()), [1, None], "[1]", "is missing"),
        (Table(Whole()), {1: 1}, "", "is not a name"),
        (Record({"a": Record({"b": Whole()})}), {"a": {"b": "x"}}, "a.b", "is not a whole number"),
        (Record({"a": Whole()}, needed=("a",)), {}, "a", "is missing"),
        (Tree(), [[[[[[[[[1]]]]]]]]], "", "is too large"),
        (Tree(3), [1, 2, 3], "", "is too large"),
        (Tree(), object(), "", "is not plain data"),
    ],
)
def test_what_is_wrong_is_named(shape: Shape, value: Any, path: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why) as caught:
        shape.build(value)
    assert caught.value.path == path
