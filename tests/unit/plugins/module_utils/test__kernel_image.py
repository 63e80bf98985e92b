# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import (
    HEADER_LIMIT,
    ImageError,
    ImageHeader,
    parse_image_header,
)
from ansible_collections.kho.kexec.tests.unit.support.transitions import bzimage

GOOD = ImageHeader("x86_64", "7.3.4-kho", 2047)
ARM64 = b"MZ" + bytes(0x36) + b"ARM\x64" + bytes(64)
ZBOOT = b"MZ\0\0zimg" + bytes(64)


def test_bzimage():
    assert parse_image_header(bzimage()) == GOOD


def test_only_the_beginning_is_looked_at():
    image = bzimage()
    assert len(image) == HEADER_LIMIT
    assert parse_image_header(image + b"HdrS" * 1000) == GOOD


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"load_flags": 0x7E}, ImageHeader("i686", "7.3.4-kho", 2047)),
        ({"command_line_limit": 255}, ImageHeader("x86_64", "7.3.4-kho", 255)),
        ({"release": b"6.12.10"}, ImageHeader("x86_64", "6.12.10", 2047)),
        ({"release": b"7." + b"1" * 62}, ImageHeader("x86_64", "7." + "1" * 62, 2047)),
        ({"setup_sectors": 0, "version_at": 0x700}, GOOD),
        ({"protocol": 0x20C}, GOOD),
    ],
)
def test_fields_of_a_bzimage(changes, header):
    assert parse_image_header(bzimage(**changes)) == header


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"", "0 bytes"),
        (b"\x1f\x8b\x08" + bytes(2000), "1f8b08"),
        (b"\x7fELF" + bytes(2000), "7f454c46"),
        (b"MZ\0\0zimh" + bytes(64), "'4d5a00007a696d68'"),
        (b"ZM\0\0zimg" + bytes(64), "'5a4d00007a696d67'"),
        (bzimage()[:0x202] + b"HdrT" + bzimage()[0x206:], "no bzImage"),
        (bzimage()[:0x202], "0 bytes|514 bytes"),
        (bzimage()[:0x240], "ends after 576 bytes"),
        (bzimage()[:0x1000], "byte 12800"),
        (bzimage(protocol=0x20B), r"2\.11.*2\.12"),
        (bzimage(version_at=0), "outside of the setup code"),
        (bzimage(version_at=0xFFFF), "outside of the setup code"),
        (bzimage(setup_sectors=1), "outside of the setup code"),
        (bzimage(setup_sectors=24), "outside of the setup code"),
        (bzimage(setup_sectors=0, version_at=0x7FA), "no kernel release, but '7.3.4-kho"),
        (bzimage(size=0x3200 + 9), "no kernel release, but '7.3.4-kho'"),
        (bzimage(release=b""), r"no kernel release, but ' \(root@build\)"),
        (bzimage(release=b"\x1b[31m7.3"), "no kernel release"),
        (bzimage(release=b"7" * 65), "no kernel release"),
        (bzimage()[:0x1FE] + b"\0\0" + bzimage()[0x200:], "neither|no bzImage"),
    ],
)
def test_what_is_no_image_says_what_was_found(image, says):
    with pytest.raises(ImageError, match=says) as caught:
        parse_image_header(image)
    assert caught.value.code == "image_unreadable"


@pytest.mark.parametrize("image", [ARM64, ZBOOT])
def test_arm64_has_no_release_in_its_header(image):
    assert parse_image_header(image) == ImageHeader("aarch64", None, None)


@given(st.binary(max_size=2048))
def test_any_bytes_give_a_header_or_the_one_error(data):
    parses_or_refuses(data)


@given(
    st.integers(0, HEADER_LIMIT),
    st.lists(st.tuples(st.integers(0, HEADER_LIMIT - 1), st.integers(0, 255)), max_size=8),
    st.lists(st.tuples(st.integers(0x1F1, 0x264), st.integers(0, 255)), max_size=8),
)
def test_any_damage_gives_a_header_or_the_one_error(length, anywhere, in_header):
    image = bytearray(bzimage())
    for place, byte in anywhere + in_header:
        image[place] = byte
    parses_or_refuses(bytes(image[:length]))


def parses_or_refuses(data):
    header, message = None, ""
    try:
        header = parse_image_header(data)
    except ImageError as error:
        message = error.message
    assert message.isprintable()
    assert len(message) < 300
    assert header is None or header.release is None or len(header.release) <= 64
