# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.tests.unit.support.images import CERTIFICATE, portable

IMAGE = portable({".text": b"code", ".linux": b"x" * 600})
OPTIONAL_AT = 0x80 + 24


def parse(image):
    return parse_pe(memoryview(image))


def test_sections_have_their_true_size_and_not_that_of_the_filled_block():
    pe = parse(IMAGE)
    assert pe.architecture == "x86_64"
    assert pe.sections == {".text": (512, 4), ".linux": (1024, 600)}
    assert IMAGE[1024 : 1024 + 601] == b"x" * 600 + b"\0"


@pytest.mark.parametrize(
    ("in_memory", "in_file", "size"), [(10, 512, 10), (512, 10, 10), (0, 512, 512), (0, 0, 0), (7, 7, 7)]
)
def test_size_of_a_section(in_memory, in_file, size):
    assert parse(portable({}, more=[(b".x", in_memory, in_file, 64)])).sections == {".x": (64, size)}


def test_of_two_sections_with_one_name_the_first_counts():
    pe = parse(portable({".linux": b"first"}, more=[(b".linux", 9, 9, 9)]))
    assert pe.sections == {".linux": (512, 5)}


def test_variants_of_a_unified_kernel_image_are_not_looked_at():
    pe = parse(portable({".linux": b"x", ".profile": b"ID=a", ".cmdline": b"debug"}))
    assert list(pe.sections) == [".linux"]


@pytest.mark.parametrize(
    ("machine", "name"), [(0x8664, "x86_64"), (0xAA64, "aarch64"), (0x14C, "i686"), (0x5064, "riscv64"), (1, None)]
)
def test_machines(machine, name):
    assert parse(portable({}, machine=machine)).architecture == name


def test_signed():
    image = portable({".text": b"code"}, certificate=CERTIFICATE)
    assert parse(image).signed
    assert not parse(image[:-1]).signed
    assert not parse(IMAGE).signed


def test_a_directory_that_is_not_there_holds_no_certificates():
    image = bytearray(portable({".text": b"code"}, certificate=CERTIFICATE))
    struct.pack_into("<I", image, OPTIONAL_AT + 108, 4)
    assert not parse(image).signed
    struct.pack_into("<I", image, OPTIONAL_AT + 108, 5)
    assert parse(image).signed
    struct.pack_into("<H", image, 0x80 + 20, 112 + 8 * 5 - 1)  # the optional header ends before the entry does
    assert not parse(image).signed


def test_32_bit_headers_have_their_directories_elsewhere():
    image = bytearray(portable({".text": b"code"}, machine=0x14C, certificate=CERTIFICATE))
    entry = image[OPTIONAL_AT + 144 : OPTIONAL_AT + 152]
    image[OPTIONAL_AT : OPTIONAL_AT + 152] = bytes(152)
    struct.pack_into("<H", image, OPTIONAL_AT, 0x10B)
    struct.pack_into("<I", image, OPTIONAL_AT + 92, 16)
    image[OPTIONAL_AT + 128 : OPTIONAL_AT + 136] = entry
    assert parse(image).signed
    struct.pack_into("<H", image, OPTIONAL_AT, 0x107)
    assert not parse(image).signed


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"MZ",
        b"ZM" + IMAGE[2:],
        b"MZ" + bytes(100),
        IMAGE[:0x80] + b"PE\0\1" + IMAGE[0x84:],
        IMAGE[:0x3C] + b"\xff\xff\xff\xff" + IMAGE[0x40:],
    ],
)
def test_what_is_no_portable_executable(image):
    assert parse(image) is None


def test_headers_that_are_cut_off_at_any_place():
    table_end = OPTIONAL_AT + 240 + 2 * 40
    assert parse(IMAGE[:table_end]) is not None
    assert [length for length in range(table_end) if parse(IMAGE[:length])] == []


def test_as_many_sections_as_there_can_be():
    image = bytearray(portable({}, more=[(b".a", 1, 1, 1)])) + bytes(40 * 65535)
    struct.pack_into("<H", image, 0x80 + 6, 65535)
    assert len(parse(image).sections) == 2
    assert parse(image[:-40000]) is None


@given(st.lists(st.tuples(st.integers(0, 0x1FF), st.integers(0, 255)), max_size=12), st.integers(0, len(IMAGE)))
def test_any_damage_is_survived(changes, length):
    image = bytearray(IMAGE)
    for place, byte in changes:
        image[place] = byte
    pe = parse(bytes(image[:length]))
    assert pe is None or all(offset >= 0 and size >= 0 for offset, size in pe.sections.values())
