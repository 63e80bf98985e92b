# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import heap


class Ring:
    """Refers to itself, so only the collector ends it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def looked_at(thing: object) -> bool:
    return any(one is thing for one in gc.get_objects())


@pytest.mark.parametrize("way", [heap.freeze_new, heap.freeze_all])
def test_what_is_frozen_is_not_looked_at(way: object) -> None:
    thing = Ring()
    assert looked_at(thing)
    assert callable(way)
    way()
    assert not looked_at(thing)


def test_what_is_frozen_and_not_used_any_more_is_gone_once_all_is_collected() -> None:
    ring = Ring()
    known = weakref.ref(ring)
    heap.freeze_new()
    del ring
    heap.freeze_new()
    assert known() is not None
    heap.freeze_all()
    assert known() is None


def test_what_is_new_and_not_used_any_more_is_not_frozen() -> None:
    ring = Ring()
    known = weakref.ref(ring)
    del ring
    heap.freeze_new()
    assert known() is None


def test_other_c_libraries_cannot_be_asked_to_give_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _name: object())
    heap.give_back()
