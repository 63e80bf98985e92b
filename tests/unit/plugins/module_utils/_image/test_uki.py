# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._image.header import ImageError
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.plugins.module_utils._image.uki import COMMAND_LINE_LIMIT, UkiParts, is_uki, read_uki
from ansible_collections.kho.kexec.tests.unit.support.images import portable, uki

LINUX = b"kernel" * 200


def read(image):
    pe = parse_pe(memoryview(image))
    assert is_uki(pe)
    return read_uki(memoryview(image), pe)


def test_parts():
    image = uki(LINUX, cmdline=b"root=/dev/sda1 kho=on", initrd=b"initrd", uname=b"7.3.4-kho")
    read_image = read(image)
    parts = read_image.parts
    assert (parts.command_line, read_image.release, read_image.obstacles) == ("root=/dev/sda1 kho=on", "7.3.4-kho", ())
    assert [image[at : at + size] for at, size in (parts.linux, parts.initrd)] == [LINUX, b"initrd"]


def test_parts_that_are_not_there():
    image = read(uki(LINUX))
    assert image.parts == UkiParts(None, image.parts.linux, None)
    assert (image.release, image.obstacles) == (None, ())


def test_an_empty_initrd_is_none():
    assert read(uki(LINUX, initrd=b"")).parts.initrd is None


@pytest.mark.parametrize("image", [portable({".text": b"x"}), b"MZ", b""])
def test_other_programs(image):
    assert not is_uki(parse_pe(memoryview(image)))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"kho=on\n", "kho=on"),
        (b"  a\tb\r\nc \0 rest", "a b  c"),
        (b"\n", ""),
        (b"a" * COMMAND_LINE_LIMIT, "a" * COMMAND_LINE_LIMIT),
        (b"a" * (COMMAND_LINE_LIMIT + 1), None),
        (b"caf\xc3\xa9", None),
        (b"\x7f", None),
        (b"{{ lookup('pipe', 'id') }}", None),
    ],
)
def test_command_lines(text, line):
    image = read(uki(LINUX, cmdline=text))
    assert image.parts.command_line == line
    assert [note.code for note in image.obstacles] == ([] if line is not None else ["uki_command_line_unreadable"])


@pytest.mark.parametrize(
    ("text", "release"),
    [(b"7.3.4\n", "7.3.4"), (b"7.3.4\0\0", "7.3.4"), (b"", None), (b"; id", None), (b"7" * 200, None)],
)
def test_releases(text, release):
    assert read(uki(LINUX, uname=text)).release == release


@pytest.mark.parametrize("name", [".linux", ".initrd", ".cmdline", ".uname"])
@pytest.mark.parametrize("offset", [0, 600, 0xFFFFFFFF])
def test_sections_outside_of_the_file(name, offset):
    sections = {} if name == ".linux" else {".linux": LINUX}
    image = portable(sections, more=[(name.encode(), 0xFFFFFFFF, 0xFFFFFFFF, offset)])
    with pytest.raises(ImageError, match=f"section {name} ends at byte"):
        read(image)


def test_no_kernel_in_its_section():
    with pytest.raises(ImageError, match="empty"):
        read(uki(b""))


def test_sections_that_lie_over_each_other():
    image = portable({".linux": LINUX}, more=[(b".initrd", 100, 100, 0), (b".cmdline", 2, 2, 0)])
    assert read(image).parts == UkiParts("MZ", (512, len(LINUX)), (0, 100))


@given(st.integers(1, 5), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_any_table_gives_parts_inside_of_the_file_or_the_one_error(section, in_memory, in_file, offset):
    image = bytearray(uki(LINUX, cmdline=b"kho=on", initrd=b"i", uname=b"7.3.4"))
    struct.pack_into("<IIII", image, 0x80 + 24 + 240 + 40 * section + 8, in_memory, 0, in_file, offset)
    parts, message = None, ""
    try:
        parts = read(bytes(image)).parts
    except ImageError as error:
        message = error.message
    assert message == "" or message.isprintable()
    if parts is not None:
        assert all(at + size <= len(image) for at, size in filter(None, (parts.linux, parts.initrd)))
