# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import (
    at,
    seconds_or_none,
    text,
    text_or_none,
    whole_or_none,
)


@pytest.mark.parametrize(("path", "found"), [(("a", "b"), 1), (("a", "x"), None), (("a", "b", "c"), None), ((), None)])
def test_what_is_in_nested_mappings(path: tuple[str, ...], found: Any) -> None:
    tree = {"a": {"b": 1}}
    assert at(tree, *path) == (found if path else tree)


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), (3, "3"), ("\x1b[2J", "?[2J"), ("x" * 300, "x" * 200)])
def test_text(value: Any, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(("value", "kept"), [("7.3", "7.3"), ("\n", "?"), (None, None), (3, None), ({}, None)])
def test_only_strings_are_text(value: Any, kept: str | None) -> None:
    assert text_or_none(value) == kept


@pytest.mark.parametrize(("value", "kept"), [(0, 0), (-1, -1), (True, None), (1.0, None), ("1", None), (2**63, None)])
def test_only_whole_numbers_that_programs_can_hold(value: Any, kept: int | None) -> None:
    assert whole_or_none(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"), [(8.34949, 8.349), (0, 0.0), (-1, None), (True, None), (float("nan"), None), (1e400, None)]
)
def test_only_durations(value: Any, kept: float | None) -> None:
    assert seconds_or_none(value) == kept
