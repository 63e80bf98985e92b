# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._fleet.attention import (
    LOST,
    NOTES_LIMIT,
    SEVERITY,
    UNKNOWN_CLASS,
    attention_of,
    facts_of,
    severity,
)

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def result(*codes: str, **facts: Any) -> dict[str, Any]:
    notes = [{"code": code, "message": f"says {code}"} for code in codes]
    return {"ansible_facts": {"kho": {"image_loaded": False, "kexec_count": 1, "notes": notes, **facts}}}


def codes(found: Any, long_chain: int = 10) -> list[str]:
    return [note.code for note in attention_of(found, long_chain)]


def test_host_without_anything_to_say() -> None:
    assert codes(result()) == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, ["facts_missing"]),
        ("text", ["facts_missing"]),
        ({}, ["facts_missing"]),
        ({"skipped": True, "changed": False}, ["facts_missing"]),
        ({"ansible_facts": {"other": 1}}, ["facts_missing"]),
        ({"unreachable": True, "msg": "no route"}, ["unreachable"]),
        ({"failed": True, "msg": "no python"}, ["facts_failed"]),
        ({"failed": True, **result("handover_refused")}, ["facts_failed"]),
        (result("kdump_kernel", kexec_count=None), ["kdump_kernel"]),
        (result("root_missing", "running_kho_off"), ["running_kho_off", "root_missing"]),
        (result(image_loaded=True), ["image_staged"]),
        (result("crashkernel_lost", image_loaded=True), ["crashkernel_lost", "image_staged"]),
        (result("running_kho_off", image_loaded=True), ["image_staged", "running_kho_off"]),
        (result(kexec_count=10), []),
        (result(kexec_count=11), ["long_chain"]),
        (result("loader_unknown", "log_denied", kexec_count=11), ["log_denied", "loader_unknown", "long_chain"]),
    ],
)
def test_attention(found: Any, expected: list[str]) -> None:
    assert codes(found) == expected


def test_order_of_all_codes_is_that_of_the_table() -> None:
    own = {*LOST, "image_staged", "long_chain"}
    noted = [code for line in SEVERITY for code in line if code not in own]
    assert codes(result(*reversed(noted), image_loaded=True, kexec_count=99)) == [
        code for line in SEVERITY for code in line if code not in LOST
    ]


def test_no_code_stands_twice() -> None:
    listed = [code for line in SEVERITY for code in line]
    assert len(listed) == len(set(listed))


def test_code_of_a_newer_module_stands_with_the_unknown() -> None:
    assert severity("invented_later") == UNKNOWN_CLASS == severity("root_missing")
    found = result("invented_later", "root_missing", "kho_failed", kexec_count=11)
    assert codes(found) == ["kho_failed", "root_missing", "invented_later", "long_chain"]


def test_messages_say_why() -> None:
    (lost,) = attention_of({"unreachable": True, "msg": "no route to host"}, 10)
    assert "no route to host" in lost.message
    (long,) = attention_of(result(kexec_count=23), 20)
    assert "23" in long.message
    assert "20" in long.message


def test_what_hosts_say_is_bounded_and_printable() -> None:
    notes = [{"code": "c\x1b[2J" + "x" * 500, "message": "{{ lookup('pipe', 'id') }}\n" * 500}] * 1000
    found = attention_of(result(notes=notes), 10)
    assert len(found) == NOTES_LIMIT
    assert found[0].code.startswith("c?[2Jxx")
    assert "\n" not in found[0].message
    assert len(found[0].code) + len(found[0].message) < 500


@given(JUNK, JUNK, JUNK)
def test_facts_of_any_shape(notes: Any, image_loaded: Any, count: Any) -> None:
    for note in attention_of(result(notes=notes, image_loaded=image_loaded, kexec_count=count), 10):
        assert (note.code + note.message).isascii()


@given(JUNK)
def test_results_of_any_shape(found: Any) -> None:
    attention_of(found, 10)
    attention_of({"ansible_facts": found}, 10)
    attention_of({"ansible_facts": {"kho": found}}, 10)


def test_facts_of_a_lost_host_are_not_believed() -> None:
    assert facts_of({"unreachable": True, **result()}) == {}
