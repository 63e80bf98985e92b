# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._image.header import (
    ImageError,
    Payload,
    arm64_architecture,
    arm64_init_size,
    parse_header,
)
from ansible_collections.kho.kexec.tests.unit.support.images import (
    COMPRESSORS,
    INIT_SIZE,
    arm64_header,
    portable,
    x86_image,
    x86_with,
    zboot,
)

# Setup code of 28 sectors, and the payload 0x100 bytes behind it.
PAYLOAD_AT = 28 * 512 + 0x100
DATA = b"kernel" * 100


def parse(image):
    return parse_header(memoryview(image))


def test_bzimage():
    header = parse(x86_image(DATA, "xz"))
    assert header.payload == Payload("xz", PAYLOAD_AT, len(COMPRESSORS["xz"](DATA)), len(DATA))
    assert (header.format, header.architecture, header.release) == ("bzimage", "x86_64", "7.3.4-kho")
    assert (header.init_size, header.command_line_limit, header.build) == (INIT_SIZE, 2047, "#1 SMP")
    assert parse(x86_image(DATA, load_flags=0)).architecture == "i686"


@pytest.mark.parametrize(
    ("release", "first_word"),
    [(b"7.3.4", "7.3.4"), (b"6.1.0-56-cloud-amd64 x", "6.1.0-56-cloud-amd64"), (b"7" * 64, "7" * 64)],
)
def test_the_release_is_the_first_word(release, first_word):
    assert parse(x86_image(DATA, release=release)).release == first_word


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"protocol": 0x20B}, r"2\.11.*2\.12"),
        ({"version_at": 0}, "outside of the setup code"),
        ({"version_at": 0xFFFF}, "outside of the setup code"),
        ({"setup_sectors": 1}, "outside of the setup code"),
        ({"setup_sectors": 24}, "outside of the setup code"),
        ({"setup_sectors": 0, "version_at": 0x7FA}, "no kernel release, but '7.3.4-kho?"),
        ({"release": b""}, r"no kernel release, but ' \(root@build\)"),
        ({"release": b"\x1b[31m7.3"}, r"no kernel release, but '\?\[31m7.3"),
        ({"release": b"7" * 65}, "no kernel release"),
        ({"release": b"7.3.4.old"}, "no kernel release"),
    ],
)
def test_a_damaged_header_says_what_was_found(header, says):
    with pytest.raises(ImageError, match=says) as caught:
        parse(x86_image(DATA, **header))
    assert caught.value.code == "image_unreadable"


def test_both_marks_of_a_bzimage_are_needed():
    image = x86_image(DATA)
    assert parse(image[:0x1FE] + b"\0\0" + image[0x200:]) is None
    assert parse(image[:0x202] + b"HdrT" + image[0x206:]) is None
    assert parse(image[:0x206] + struct.pack("<H", 0x20C) + image[0x208:]) is not None


@pytest.mark.parametrize("compression", list(COMPRESSORS))
def test_compressions(compression):
    payload = parse(x86_image(DATA, compression)).payload
    assert (payload.compression, payload.unpacked_size) == (compression, len(DATA))
    assert payload.size == len(COMPRESSORS[compression](DATA))


@pytest.mark.parametrize(
    ("offset", "length"), [(0x10000, 600), (0x100, 100000), (0xFFFFFFFF, 600), (0x100, 0xFFFFFFFF), (0x100, 3), (0, 0)]
)
def test_payload_outside_of_the_image(offset, length):
    with pytest.raises(ImageError, match="places the compressed kernel at bytes"):
        parse(x86_with(bytes(600), offset, length))


def test_an_image_that_is_cut_off_at_any_place_is_no_image():
    image = x86_image(DATA)[:-64]
    assert parse(image) is not None
    for length in range(0x206):
        assert parse(image[:length]) is None
    for length in range(0x206, len(image)):
        with pytest.raises(ImageError):
            parse(image[:length])


def test_arm64():
    header = parse(arm64_header() + DATA)
    assert (header.format, header.architecture, header.init_size) == ("arm64_image", "aarch64", INIT_SIZE)
    assert header.payload == Payload("none", 0, 64 + len(DATA))
    assert parse(arm64_header(size=0)).init_size is None
    assert parse(arm64_header(flags=0xB)).architecture == "aarch64_be"
    with pytest.raises(ImageError, match="arm64 header ends after 60 bytes"):
        parse(arm64_header()[:60])


def test_arm64_that_is_also_an_efi_program_and_cut_off():
    image = bytearray(portable({".text": DATA, ".data": DATA}, machine=0xAA64))
    image[0x38:0x3C] = b"ARM\x64"
    assert parse(image).format == "arm64_image"
    with pytest.raises(ImageError, match=r"its section .data ends at byte \d+, and it has \d+"):
        parse(image[:-512])


def test_what_is_no_arm64_header():
    for start in (b"", arm64_header()[:63], bytes(64)):
        assert arm64_architecture(start) is None
        assert arm64_init_size(start) is None


def test_zboot():
    header = parse(zboot(DATA, "zstd"))
    assert (header.format, header.architecture, header.init_size) == ("zboot", "aarch64", None)
    assert header.payload == Payload("zstd", 1024, len(DATA) + 4)
    assert parse(zboot(DATA, machine=0x5064)).architecture == "riscv64"
    assert parse(zboot(DATA)[:4] + b"zimg" + struct.pack("<II", 64, 8) + bytes(100)).architecture is None


@pytest.mark.parametrize("length", [8, 63, 64, 600, 1024 + 10])
def test_zboot_that_is_cut_off(length):
    with pytest.raises(ImageError, match="ends after|places the compressed kernel"):
        parse(zboot(DATA)[:length])


def test_gzip_may_hold_an_arm64_kernel():
    image = COMPRESSORS["gzip"](arm64_header())
    assert parse(image).payload == Payload("gzip", 0, len(image))


@pytest.mark.parametrize("image", [b"", b"\x7fELF" + bytes(900), b"MZ" + bytes(900), portable({".linux": b"x"})])
def test_other_files(image):
    assert parse(image) is None


@given(
    st.sampled_from([x86_image(DATA), arm64_header() + DATA, zboot(DATA)]),
    st.integers(0, 1 << 15),
    st.lists(st.tuples(st.integers(0, 0x270), st.integers(0, 255)), max_size=8),
)
def test_any_damage_gives_a_payload_inside_of_the_image_or_the_one_error(image, length, changes):
    damaged = bytearray(image[:length])
    for place, byte in changes:
        damaged[place : place + 1] = bytes([byte]) if place < len(damaged) else b""
    header, message = None, ""
    try:
        header = parse(bytes(damaged))
    except ImageError as error:
        message = error.message
    assert message == "" or (message.isprintable() and len(message) < 300)
    if header is not None:
        assert 0 <= header.payload.offset <= header.payload.offset + header.payload.size <= len(damaged)
