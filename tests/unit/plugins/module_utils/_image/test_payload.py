# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import bz2
import functools
import gzip
import importlib
import lzma
import os
import shutil
import subprocess
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._image import payload as payload_file
from ansible_collections.kho.kexec.plugins.module_utils._image.header import Payload
from ansible_collections.kho.kexec.plugins.module_utils._image.payload import PIECE_SIZE, Deadline, PayloadError, unpack
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import COMPRESSORS

# More than one piece, and not the same everywhere.
DATA = b"".join(number.to_bytes(4, "big") * 20 for number in range(30000))
STANDARD = ("gzip", "xz", "lzma", "bzip2")
PROGRAMS = ("zstd", "lz4")
ZSTD = ("zstd", "-d", "-c", "-q", "-")
PACK = {"zstd": ["zstd", "-c"], "lz4": ["lz4", "-l", "-9", "-", "-"]}


class Clock:
    """A clock that goes on by ``step`` seconds each time that it is looked at."""

    def __init__(self, step=0.0):
        self.now, self.step = 1000.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def pieces(packed, compression, host=None, size=None, clock=None):
    image = b"before" + packed + b"behind"
    payload = Payload(compression, 6, len(packed), size)
    return unpack(host, memoryview(image), payload, Deadline(clock or Clock(), 60.0))


def unpacked(*arguments, **more):
    return b"".join(pieces(*arguments, **more))


def problem(*arguments, **more):
    with pytest.raises(PayloadError) as caught:
        for _piece in pieces(*arguments, **more):
            pass
    assert caught.value.code == "image_payload_unreadable"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
    return caught.value.message


@functools.lru_cache(maxsize=None)
def pack(compression, data=DATA):
    """Compress with the library, or as the kernel's build does."""
    if compression in STANDARD:
        return COMPRESSORS[compression](data)
    return subprocess.run(PACK[compression], input=data, capture_output=True, check=True).stdout


def survives(*arguments):
    """Whether nothing but the one error comes out, with a text that can be shown."""
    message = "x"
    try:
        for _piece in pieces(*arguments):
            pass
    except PayloadError as error:
        message = error.message
    return message.isprintable() and len(message) < 400


@pytest.mark.parametrize("compression", [*STANDARD, *PROGRAMS])
def test_every_compression(compression):
    assert unpacked(pack(compression), compression, LocalHost(), len(DATA)) == DATA


@pytest.mark.parametrize("compression", STANDARD)
def test_what_follows_the_data_does_not_matter(compression):
    assert unpacked(pack(compression) + b"\0\0\1\2", compression) == DATA


def test_what_is_not_compressed():
    assert unpacked(DATA, "none") == DATA
    assert max(map(len, pieces(DATA, "none"))) == PIECE_SIZE
    assert unpacked(b"", "none") == b""


@pytest.mark.parametrize("compression", STANDARD)
def test_pieces_are_bounded(compression):
    assert max(map(len, pieces(pack(compression), compression))) <= PIECE_SIZE


@pytest.mark.parametrize("compression", [*STANDARD, *PROGRAMS])
def test_data_that_is_cut_off(compression):
    packed = pack(compression)
    for length in (0, 3, 10, len(packed) // 2, len(packed) - 1):
        problem(packed[:length], compression, LocalHost(), len(DATA))


@pytest.mark.parametrize("compression", STANDARD)
def test_small_data_that_is_cut_off_at_any_place(compression):
    packed = COMPRESSORS[compression](b"a small kernel")
    for length in range(len(packed)):
        problem(packed[:length], compression)


@pytest.mark.parametrize("compression", STANDARD)
@given(st.data())
def test_damaged_data(compression, data):
    packed = bytearray(COMPRESSORS[compression](DATA[:5000]))
    for place in data.draw(st.lists(st.integers(0, len(packed) - 1), min_size=1, max_size=5)):
        packed[place] ^= data.draw(st.integers(1, 255))
    assert survives(bytes(packed), compression)


@pytest.mark.parametrize("compression", [*STANDARD, "zstd", "lz4", "lzo", "unknown"])
@settings(deadline=None, max_examples=25)  # programs are started
@given(data=st.binary(max_size=300))
def test_any_bytes(compression, data):
    assert survives(data, compression, LocalHost())


def test_a_size_that_does_not_fit_is_not_the_whole_kernel():
    assert "has 2400000 bytes, and should have 2400001" in problem(pack("gzip"), "gzip", size=len(DATA) + 1)
    # The legacy format of lz4 has no end of its own: what is cut off between two blocks decompresses without error.
    two_blocks = pack("lz4", os.urandom(8 << 20) + b"second block")
    first_block = two_blocks[: 8 + int.from_bytes(two_blocks[4:8], "little")]
    assert len(unpacked(first_block, "lz4", LocalHost())) == 8 << 20
    assert "should have" in problem(first_block, "lz4", LocalHost(), size=(8 << 20) + 12)


@pytest.mark.parametrize("compression", [*STANDARD, *PROGRAMS])
def test_bombs(compression, monkeypatch):
    monkeypatch.setattr(payload_file, "UNPACKED_LIMIT", 24 << 20)
    packed = pack(compression, bytes(48 << 20))
    tracemalloc.start()
    try:
        assert "more than 24 MiB" in problem(packed, compression, LocalHost())
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_dictionary_that_is_larger_than_any_kernel_needs():
    alone = lzma.compress(b"x", lzma.FORMAT_ALONE)
    assert "limit" in problem(alone[:1] + (1 << 30).to_bytes(4, "little") + alone[5:], "lzma").lower()


@pytest.mark.parametrize("compression", ["none", *STANDARD])
def test_time_is_up(compression):
    packed = DATA if compression == "none" else pack(compression)
    assert "not decompressed after 60 s" in problem(packed, compression, clock=Clock(step=25.0))
    assert unpacked(packed, compression, clock=Clock(step=0.1)) == DATA


def test_a_program_gets_the_time_that_is_left(tmp_path):
    class Timed(FakeRoot):
        def pipe(self, argv, data, timeout=0.0):
            timeouts.append(timeout)
            return super().pipe(argv, data, timeout)

    timeouts = []
    host = Timed(tmp_path).expect_pipe(ZSTD, b"kernel")
    assert unpacked(b"packed", "zstd", host, clock=Clock(step=7.0)) == b"kernel"
    assert timeouts == [53.0]


def test_programs(tmp_path):
    host = FakeRoot(tmp_path).expect_pipe(ZSTD, DATA)
    assert unpacked(b"packed", "zstd", host, len(DATA)) == DATA
    assert host.piped == [b"packed"]
    host.assert_nothing_left()


def test_programs_that_fail(tmp_path):
    assert "zstd does not exist" in problem(b"x", "zstd", FakeRoot(tmp_path).expect_missing(ZSTD))
    host = FakeRoot(tmp_path).expect_pipe(ZSTD, DATA, error="exit code 1: damaged")
    assert "exit code 1: damaged" in problem(b"x", "zstd", host, len(DATA))


def test_a_program_that_is_too_slow(tmp_path, monkeypatch):
    (tmp_path / "zstd").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "zstd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shutil.which("zstd") == str(tmp_path / "zstd")
    deadline = Deadline(time.monotonic, 0.2)
    with pytest.raises(PayloadError, match="not decompressed after 0.2 s"):
        list(unpack(LocalHost(), memoryview(b"x"), Payload("zstd", 0, 1), deadline))


@pytest.mark.parametrize("compression", ["lzo", "unknown"])
def test_compressions_that_nothing_here_knows(compression, tmp_path):
    assert f"its compression ({compression})" in problem(b"x", compression, FakeRoot(tmp_path))


class Zstd:
    """Stands for compression.zstd, which Python has since 3.14: the interface is that of bz2."""

    class ZstdError(Exception):
        """As the real one, directly below Exception."""

    @staticmethod
    def ZstdDecompressor():
        return bz2.BZ2Decompressor()


def test_a_python_that_knows_zstd_asks_no_program(monkeypatch, tmp_path):
    real = importlib.import_module
    monkeypatch.setattr(
        payload_file.importlib, "import_module", lambda name: Zstd if name == "compression.zstd" else real(name)
    )
    assert unpacked(bz2.compress(DATA), "zstd", FakeRoot(tmp_path)) == DATA


def test_a_python_without_a_part_of_its_library(monkeypatch, tmp_path):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(payload_file.importlib, "import_module", missing)
    assert "its compression (xz)" in problem(pack("xz"), "xz", FakeRoot(tmp_path))
    assert unpacked(gzip.compress(DATA), "gzip") == DATA
