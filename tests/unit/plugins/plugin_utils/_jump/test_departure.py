# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import (
    Departure,
    DepartureError,
    Port,
    departure_from,
)

LEFT = Departure(
    "0a0a0a0a", 81210.5, False, {"release": "7.3.4-kho"}, 300, Port("192.0.2.10", 22, 0.5), None, ("/tmp/a",)
)
EMPTY = Departure(None, 1.0, True, None, None, None, "behind a jump host")

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*LEFT.as_dict(), "x"]), inner),
)


@pytest.mark.parametrize("left", [LEFT, EMPTY])
def test_it_is_read_as_it_was_handed_over(left: Departure) -> None:
    assert departure_from(json.loads(json.dumps(left.as_dict()))) == left


@given(JSON)
def test_anything_else_is_an_error(told: Any) -> None:
    try:
        assert isinstance(departure_from(told), Departure)
    except DepartureError as error:
        assert str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("name", [*LEFT.as_dict()])
def test_every_field_is_needed(name: str) -> None:
    told = {key: value for key, value in LEFT.as_dict().items() if key != name}
    with pytest.raises(DepartureError, match=name):
        departure_from(told)


def test_a_guard_gives_time() -> None:
    assert LEFT.gives_up(600, 500) == LEFT.at + 600 + 300 + 500
    assert EMPTY.gives_up(600, 500) == EMPTY.at + 600
