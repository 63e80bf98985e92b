# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import MetadataError, Record, parse_metadata
from ansible_collections.kho.kexec.tests.unit.support.kernels import metadata

# As hexdump showed it on a guest that 7.3.4 had started for the first time.
RECORDED = bytes.fromhex("01000000" + "372e332e34" + "00" * 60 + "01000000")


def test_recorded_blob():
    assert parse_metadata(RECORDED, "little") == Record("7.3.4", 1)


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_both_byte_orders(byteorder):
    blob = metadata(b"7.2.13-kho", 4294967295, byteorder=byteorder)
    assert parse_metadata(blob, byteorder) == Record("7.2.13-kho", 4294967295)


def test_foreign_byte_order_is_an_unknown_version():
    with pytest.raises(MetadataError, match="version 16777216") as caught:
        parse_metadata(metadata(b"7.3.4", 1, byteorder="big"), "little")
    assert caught.value.code == "metadata_unsupported"


@pytest.mark.parametrize(
    ("blob", "code"),
    [
        (b"", "metadata_damaged"),
        (b"\1\0\0", "metadata_damaged"),
        (RECORDED[:72], "metadata_damaged"),
        (b"\2\0\0\0", "metadata_unsupported"),  # the version is judged before the size, as the kernel does
        (b"\0" * 73, "metadata_unsupported"),
    ],
)
def test_refused(blob, code):
    with pytest.raises(MetadataError) as caught:
        parse_metadata(blob, "little")
    assert caught.value.code == code


def test_longer_blob_is_read_up_to_what_version_1_defines():
    assert parse_metadata(RECORDED + b"more", "little") == Record("7.3.4", 1)


@pytest.mark.parametrize(
    ("release", "shown"),
    [
        (b"x" * 65, "x" * 64),  # no end
        (b"", ""),
        (b"7\x1b[31m\n\xff{{ x }}'\"", "7?[31m???{ x }}'\""),
        (b"7.3\0.4", "7.3"),
    ],
)
def test_hostile_releases(release, shown):
    assert parse_metadata(metadata(release, 1)).previous_release == shown


@given(st.binary(max_size=100), st.sampled_from(["little", "big"]))
def test_any_input_gives_a_record_or_the_parsers_own_error(blob, byteorder):
    try:
        record = parse_metadata(blob, byteorder)
    except MetadataError:
        return
    assert len(record.previous_release) <= 64
    assert record.previous_release.isascii()
    assert record.previous_release.isprintable()
    assert 0 <= record.kexec_count < 1 << 32


@given(st.text("0123456789.-abcxyz~+_", max_size=64), st.integers(0, (1 << 32) - 1), st.sampled_from(["little", "big"]))
def test_what_was_written_is_read(release, count, byteorder):
    assert parse_metadata(metadata(release.encode(), count, byteorder=byteorder), byteorder) == Record(release, count)
