# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things are built once, and never seen half-made."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from lab.cache import build_once, key_of


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def _write(text: str, folder: Path) -> None:
    (folder / "thing").write_text(text)


def test_it_is_built_once_and_found_again() -> None:
    first = build_once("kind", "name", {"a": 1}, lambda folder: _write("first", folder))
    second = build_once("kind", "name", {"a": 1}, lambda folder: _write("second", folder))
    assert first == second
    assert (second / "thing").read_text() == "first"


def test_other_ingredients_make_another_thing() -> None:
    first = build_once("kind", "name", {"a": 1}, lambda folder: _write("first", folder))
    second = build_once("kind", "name", {"a": 2}, lambda folder: _write("second", folder))
    assert (first / "thing").read_text() == "first"
    assert (second / "thing").read_text() == "second"


def test_the_key_does_not_depend_on_the_order_of_the_ingredients() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1, "b": 2}) != key_of({"a": 2, "b": 1})


def _fail(folder: Path) -> None:
    _write("half", folder)
    raise RuntimeError("killed in the middle")


def test_a_build_that_dies_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        build_once("kind", "name", {"a": 1}, _fail)
    place = build_once("kind", "name", {"a": 1}, lambda folder: _write("whole", folder))
    assert (place / "thing").read_text() == "whole"
    assert [path.name for path in place.parent.iterdir()] == [place.name], "the dead build's remains are still there"
    assert tmp_path in place.parents


def _slowly(folder: Path) -> None:
    time.sleep(0.3)
    _write(str(time.monotonic_ns()), folder)


def _build_slowly(_number: int) -> str:
    return (build_once("kind", "name", {}, _slowly) / "thing").read_text()


def test_two_processes_that_need_the_same_thing_get_the_same_one() -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert len(set(pool.map(_build_slowly, range(3)))) == 1
