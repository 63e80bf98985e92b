# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.fdt import (
    CHILDREN_LIMIT,
    FdtError,
    first_property,
    parse_fdt,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import assemble, fdt

STRINGS = b"compatible\0"


def tokens(*cells):
    return struct.pack(f">{len(cells)}I", *cells)


def test_tree_of_a_handover():
    root = parse_fdt(fdt(b"kho-v4", ["LUO", "kexec-metadata"]))
    assert root.compatible == "kho-v4"
    assert root.children == ("LUO", "kexec-metadata")
    assert len(root.properties["preserved-memory-map"]) == 8


def test_first_property_of_a_tree_whose_end_is_missing():
    whole = fdt(b"kho-v4", ["LUO", "kexec-metadata"])
    assert first_property(whole[: len(whole) - 40]) == b"kho-v4\0"


@given(st.integers(0, 200), st.binary(max_size=200))
@example(0, b"")
def test_first_property_of_anything_is_bytes_or_an_error(size, blob):
    for candidate in (fdt()[:size] + blob, blob):
        with suppress(FdtError):
            assert isinstance(first_property(candidate), bytes)


def test_properties_of_children_are_not_those_of_the_root():
    assert "blob-size" not in parse_fdt(fdt()).properties


def test_bytes_after_the_tree_are_ignored():
    assert parse_fdt(fdt() + b"\xff" * 4096).compatible == "kho-v4"


def test_hostile_compatible_is_reduced_to_printable_ascii():
    assert parse_fdt(fdt(b"kho\x1b[2J\n{{ x }}")).compatible == "kho?[2J??{ x }}"


def header(**changes):
    """A good tree whose header was changed; the names are those of the specification."""
    names = [
        "magic",
        "total",
        "structure",
        "strings",
        "reserve",
        "version",
        "compatible",
        "cpu",
        "strings_size",
        "structure_size",
    ]
    blob = bytearray(fdt())
    for name, value in changes.items():
        struct.pack_into(">I", blob, 4 * names.index(name), value)
    return bytes(blob)


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "fewer than its header"),
        (fdt()[:39], "fewer than its header"),
        (header(magic=0xEDFE0DD0), "instead of 0xd00dfeed"),
        (header(version=16), "version 16"),
        (header(compatible=18), "only version 17"),
        (header(total=0xFFFFFFFF), "claims 4294967295 bytes"),
        (header(structure=0xFFFFFFFC), "lies outside"),
        (header(structure=0), "lies outside"),  # the tree would begin in its own header
        (header(structure_size=0xFFFFFFFF), "lies outside"),
        (header(strings=0xFFFFFFFF), "lies outside"),
        (header(strings_size=0xFFFFFFFF), "lies outside"),
        (header(strings_size=0), "has no end"),
        (header(structure_size=8), "go beyond its end"),
        (fdt()[:-1], "claims"),
    ],
)
def test_damaged_headers(blob, message):
    with pytest.raises(FdtError, match=message) as caught:
        parse_fdt(blob)
    assert caught.value.code == "fdt_damaged"


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (b"", "go beyond its end"),
        (tokens(4) * 100, "go beyond its end"),
        (tokens(1, 0), "go beyond its end"),  # a root that never ends
        (tokens(2), "never began"),
        (tokens(9), "unexpected token 9"),
        (tokens(7), "unexpected token 7"),
        (tokens(3, 0, 0), "outside of every node"),
        (tokens(1, 0, 3, 0xFFFFFFFF, 0), "4294967295 bytes at 20 go beyond"),
        (tokens(1, 0, 3, 0, 0xFFFFFFFF), "has no end"),
        (tokens(1) + b"a" * 300, "has no end"),
        (tokens(1, 0) * (CHILDREN_LIMIT + 2), "go beyond its end"),  # deep, not wide
        (tokens(1, 0) + tokens(1, 0, 2) * (CHILDREN_LIMIT + 1), "more than 1024 subtrees"),
    ],
)
def test_damaged_structures(structure, message):
    with pytest.raises(FdtError, match=message):
        parse_fdt(assemble(structure, STRINGS))


cells = st.one_of(st.sampled_from([0, 1, 2, 3, 4, 9, 8, 0xFFFFFFFF]), st.integers(0, 0xFFFFFFFF))


@given(st.binary(max_size=200))
@example(fdt())
def test_any_input_gives_a_tree_or_the_parsers_own_error(blob):
    try:
        root = parse_fdt(blob)
    except FdtError:
        return
    assert root.compatible.isascii()


@given(st.lists(cells, max_size=60), st.binary(max_size=30))
def test_any_structure_gives_a_tree_or_the_parsers_own_error(words, strings):
    try:
        root = parse_fdt(assemble(tokens(*words), strings))
    except FdtError:
        return
    assert all(name.isascii() for name in (*root.children, *root.properties))


@given(st.lists(st.text("abcXYZ0-", min_size=1, max_size=31), max_size=20))
def test_what_was_written_is_read(names):
    assert parse_fdt(fdt(b"kho-v4", names)).children == tuple(names)
