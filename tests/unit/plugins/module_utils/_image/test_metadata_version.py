# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._image.metadata_version import (
    HEAD_SIZE,
    TEXT,
    Segment,
    TextFinder,
    TextPlace,
    find_version,
    parse_segments,
    segment_of,
)
from ansible_collections.kho.kexec.tests.unit.support.images import BASE, LOAD_TEXT, code, elf, kernel

# As gcc makes them: the parts of the code that refuses a record.
COMPARE, EXPECTED, CAME_IN = b"\x83\xf8\x01\x74\x15", b"\xba\x01\0\0\0", b"\x89\xc6"
CALL, XOR = b"\xe8\x60\x34\x57\xff", b"\x31\xc0"
BODY = b"text" * 50 + TEXT
START = 64 + 56  # of what is in a file by elf()


def pieces(data, size):
    return (data[at : at + size] for at in range(0, len(data), size))


def place_in(data, size=1 << 20):
    finder = TextFinder()
    for piece in pieces(data, size):
        finder.feed(piece)
    return finder.place()


def version_in(data, size=1 << 20):
    place = place_in(data, size)
    return find_version(place, pieces(data, size)) if place else None


def version_of(machine_code, **changes):
    return version_in(elf(BODY, machine_code, **changes))


@pytest.mark.parametrize("version", [1, 2, 7, 0x83, 0xBA, 0xFF])
def test_the_version_is_what_the_code_expects(version):
    assert version_of(code(version, LOAD_TEXT)) == version
    assert version_in(kernel(version=version)) == version


@pytest.mark.parametrize("size", [1, 7, 64, 65, 66, 127, 128, 1000])
def test_where_the_pieces_end_does_not_matter(size):
    data = kernel(version=2, filling=150)
    assert (place_in(data, size), version_in(data, size)) == (place_in(data), 2)


@pytest.mark.parametrize(
    "machine_code",
    [
        COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + CAME_IN + EXPECTED + LOAD_TEXT + CALL,
        COMPARE + LOAD_TEXT + EXPECTED + CAME_IN + CALL,
        COMPARE + LOAD_TEXT + CAME_IN + EXPECTED + XOR + CALL,
        COMPARE + CAME_IN + LOAD_TEXT + EXPECTED + CALL,
        b"\x83\xf8\x01\x0f\x84\x10\x01\0\0" + EXPECTED + CAME_IN + LOAD_TEXT + CALL,  # a jump that is farther
        b"\x83\xf8\x01\x75\x15" + EXPECTED + CAME_IN + LOAD_TEXT + CALL,
        b"\x41\x83\xfc\x01\x74\x15" + EXPECTED + b"\x44\x89\xe6" + LOAD_TEXT + CALL,  # in %r12d
        b"\x83\x38\x01\x74\x15" + EXPECTED + b"\x8b\x30" + LOAD_TEXT + CALL,  # in memory
        EXPECTED + CAME_IN + LOAD_TEXT + CALL,  # compared elsewhere
        b"\xba\x05\0\0\0" + CALL + COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL,  # an argument of another call
        b"\x83\xf8\x03\x74\x05" + CALL + COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL,
        b"\x48\x83\xf9\x03\x76\x15" + COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL,  # is the record large enough?
        COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL + b"\xba\x07\0\0\0",
    ],
)
def test_code_that_expects_version_1(machine_code):
    assert version_of(machine_code) == 1


@pytest.mark.parametrize(
    "machine_code",
    [
        b"",
        LOAD_TEXT + CALL,
        COMPARE + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + EXPECTED + CAME_IN + CALL,
        COMPARE + EXPECTED + CAME_IN + LOAD_TEXT,
        COMPARE + b"\xba\0\0\0\0" + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + b"\xba\x01\x01\0\0" + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + b"\xba\x01\0\0\x01" + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + b"\xb9\x01\0\0\0" + CAME_IN + LOAD_TEXT + CALL,  # another register
        COMPARE + b"\xba\x02\0\0\0" + CAME_IN + LOAD_TEXT + CALL,  # compared with another version
        b"\x83\xf8\x02\x74\x15" + COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + EXPECTED + EXPECTED + CAME_IN + LOAD_TEXT + CALL,
        COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + b"\xba\x02\0\0\0" + CALL,
        COMPARE + EXPECTED + CALL + CAME_IN + LOAD_TEXT + CALL,  # it does not survive a call
        COMPARE + EXPECTED + b"\x90" * 33 + LOAD_TEXT + CALL,  # too far away
        COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + b"\x90" * 24 + CALL,
        COMPARE + CAME_IN + LOAD_TEXT + CALL + EXPECTED,
        2 * (COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL),
        3 * (COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + b"\x90" * 60 + CALL),
    ],
)
def test_code_that_tells_nothing(machine_code):
    assert version_of(machine_code) is None


def relative(distance):
    return b"\x48\x8d\x3d" + struct.pack("<i", distance)


@pytest.mark.parametrize("base", [BASE, 0, 0x1000, 0xFFFFFFFFFFF00000])
def test_code_that_does_not_depend_on_its_position(base):
    """The text begins 200 bytes behind the headers; before the instruction come the text, 64 bytes, and 12 of code."""
    distance = -(len(TEXT) + 64 + len(COMPARE + EXPECTED + CAME_IN) + 7)
    around = COMPARE + EXPECTED + CAME_IN
    assert version_of(around + relative(distance) + CALL, base=base) == 1
    assert version_of(around + relative(distance + 1) + CALL, base=base) is None
    assert version_of(around + relative(distance) + CALL + around + LOAD_TEXT + CALL, base=BASE) is None


def test_an_address_that_no_operand_can_name():
    machine_code = COMPARE + EXPECTED + CAME_IN + LOAD_TEXT + CALL
    assert version_of(machine_code, base=0x1000000) == 1
    assert version_of(machine_code, base=0x81000000) is None
    assert version_of(machine_code, base=0xFFFF888001000000) is None


def test_code_at_the_very_end_tells_nothing():
    data = elf(BODY, code(1, LOAD_TEXT))
    end = data.rindex(CALL) + 40
    assert version_in(data[:end]) == 1
    assert version_in(data[: end - 40]) is None


def test_code_outside_of_all_segments_tells_nothing():
    data = bytearray(elf(BODY, code(1, LOAD_TEXT)))
    struct.pack_into("<Q", data, 64 + 32, START + len(BODY))
    assert version_in(bytes(data)) is None


@pytest.mark.parametrize("text", [b"", TEXT + TEXT, TEXT + bytes(5000) + TEXT, TEXT[:-1] + b"x", b"\x013" + TEXT[2:]])
def test_the_text_must_be_there_once(text):
    body = BODY.replace(TEXT, text)
    for size in (100, 1 << 20):
        assert place_in(elf(body, code(1, LOAD_TEXT)), size) is None


def test_the_place_of_the_text():
    data = elf(BODY)
    assert place_in(data) == TextPlace(BASE + START + 200, (Segment(0, BASE, len(data)),))
    assert place_in(data[: START + 200 + len(TEXT)]) is not None
    assert place_in(b"") is None


def test_segments():
    loaded = struct.pack("<IIQQQQQQ", 1, 6, 0x200, 0x1000, 0, 0x100, 0x300, 1)
    note = struct.pack("<IIQQQQQQ", 4, 0, 0x200, 0x1000, 0, 0x100, 0x300, 1)
    head = bytearray(elf(b"")[:64] + loaded + note + loaded)
    struct.pack_into("<H", head, 56, 3)
    assert parse_segments(bytes(head)) == (Segment(0x200, 0x1000, 0x100),) * 2
    assert parse_segments(bytes(head[:-1])) == ()
    assert segment_of(parse_segments(bytes(head)), 0x200) is None
    one = (Segment(0x200, 0x1000, 0x100), Segment(0x300, 0x1100, 0))
    assert [segment_of(one, offset) == one[0] for offset in (0x1FF, 0x200, 0x2FF, 0x300)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("at", "changed"),
    [
        (0, b"MZ"),
        (4, b"\x01"),  # 32 bits
        (5, b"\x02"),  # big-endian
        (18, b"\xb7\0"),  # arm64
        (32, struct.pack("<Q", HEAD_SIZE)),
        (32, b"\xff" * 8),
        (54, b"\x20\0"),
        (54, b"\0\0"),
        (56, b"\0\0"),
        (56, b"\xff\xff"),
    ],
)
def test_what_is_no_kernel_for_x86_64(at, changed):
    data = elf(BODY, code(1, LOAD_TEXT))
    assert version_in(data) == 1
    damaged = data[:at] + changed + data[at + len(changed) :]
    assert parse_segments(damaged[:HEAD_SIZE]) == ()
    assert version_in(damaged) is None


def test_what_the_pieces_raise_is_passed_on():
    def failing():
        yield b"\x7fELF"
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"):
        find_version(TextPlace(BASE, (Segment(0, BASE, 100),)), failing())


@given(
    st.lists(st.tuples(st.integers(0, 700), st.binary(max_size=8)), max_size=8),
    st.binary(max_size=64),
    st.integers(1, 1000),
)
def test_any_bytes_give_a_small_version_or_none(changes, behind, size):
    data = bytearray(elf(BODY, code(3, LOAD_TEXT)) + behind)
    for at, new in changes:
        data[at : at + len(new)] = new
    version = version_in(bytes(data), size)
    assert version is None or 0 < version < 256


@given(st.binary(max_size=300), st.integers(1, 100))
def test_arbitrary_bytes_are_no_kernel(data, size):
    assert place_in(data, size) is None
    found = find_version(TextPlace(BASE, (Segment(0, BASE, 1 << 20),)), pieces(data, size))
    assert found is None or 0 < found < 256
