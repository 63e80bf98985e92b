# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decompressing the payload of a kernel image, piece by piece, in bounded time and memory.

Python's standard library knows gzip, xz, lzma and bzip2, and since 3.14 zstd; for zstd and lz4 the host's programs
are asked. Images are untrusted: a few KiB can stand for terabytes.
"""

from __future__ import annotations

import importlib
import zlib
from contextlib import closing, suppress
from typing import Any, Callable, Generator, Iterator, NamedTuple, Optional, Tuple, Type

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._image.header import Payload

UNPACKED_LIMIT = 1 << 29
PIECE_SIZE = 1 << 20
_INPUT_SIZE = 1 << 16
# scripts/xz_wrap.sh gives x86 payloads a dictionary of up to 128 MiB.
_XZ_MEMORY_LIMIT = 160 << 20

_PROGRAMS = {
    "lz4": ("lz4", "-d", "-c", "-q", "-"),
    "zstd": ("zstd", "-d", "-c", "-q", "-"),
}

Pieces = Generator[bytes, None, None]


class PayloadError(KhoError):
    """The payload could not be decompressed to its end, so what was not seen is not known.

    ``code`` is image_payload_unreadable; the text is a sentence that says why.
    """

    def __init__(self, why: str) -> None:
        message = f"The kernel in the image could not be read completely: {why}."
        super().__init__("image_payload_unreadable", message)


class Deadline:
    """The end of the time that reading an image may take: ``seconds`` from now, by a monotonic ``clock``."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raises PayloadError when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise PayloadError(f"it was not decompressed after {self._seconds:g} s")
        return left


def program_for(compression: str) -> Optional[str]:
    """The program that a host must have for ``unpack``; None when this Python does it, or nobody can."""
    return None if _codec(compression) else next(iter(_PROGRAMS.get(compression, ())), None)


def unpack(host: Host, image: memoryview, payload: Payload, deadline: Deadline) -> Iterator[bytes]:
    """Yield the decompressed payload in pieces of at most ``PIECE_SIZE`` bytes.

    Raises PayloadError at the place where it cannot go on. Only when none is raised, the payload was seen whole.
    """
    size = 0
    with closing(_pieces(host, image[payload.offset : payload.offset + payload.size], payload, deadline)) as pieces:
        for piece in pieces:
            deadline.left()
            size += len(piece)
            if size > UNPACKED_LIMIT:
                raise PayloadError(f"decompressed, it has more than {UNPACKED_LIMIT >> 20} MiB")
            yield piece
    if payload.unpacked_size not in (None, size):
        raise PayloadError(f"decompressed, it has {size} bytes, and should have {payload.unpacked_size}")


def _pieces(host: Host, data: memoryview, payload: Payload, deadline: Deadline) -> Pieces:
    if payload.compression == "none":
        return (bytes(data[at : at + PIECE_SIZE]) for at in range(0, len(data), PIECE_SIZE))
    if payload.compression == "gzip":
        return _gunzip(data)
    codec = _codec(payload.compression)
    if codec:
        return _decompress(data, codec)
    if payload.compression in _PROGRAMS:
        return _pipe(host, _PROGRAMS[payload.compression], data, deadline)
    raise PayloadError(f"its compression ({payload.compression}) is not among those that can be read")


def _gunzip(data: memoryview) -> Pieces:
    decompressor = zlib.decompressobj(wbits=31)
    for at in range(0, len(data), _INPUT_SIZE):
        left: Any = data[at : at + _INPUT_SIZE]
        while left and not decompressor.eof:
            try:
                yield decompressor.decompress(left, PIECE_SIZE)
            except zlib.error as error:
                raise PayloadError(printable(str(error))) from error
            left = decompressor.unconsumed_tail
        if decompressor.eof:
            return
    raise PayloadError("the gzip data is cut off")


class _Codec(NamedTuple):
    """A decompressor of the standard library, and what it raises over damaged data."""

    decompressor: Any
    errors: Tuple[Type[Exception], ...]


def _codec(compression: str) -> Optional[_Codec]:
    """Make a decompressor; None when this Python has none for it."""
    with suppress(ImportError):
        if compression == "bzip2":
            return _Codec(importlib.import_module("bz2").BZ2Decompressor(), (OSError, ValueError))
        if compression in ("xz", "lzma"):
            lzma = importlib.import_module("lzma")
            kind = lzma.FORMAT_XZ if compression == "xz" else lzma.FORMAT_ALONE
            return _Codec(lzma.LZMADecompressor(kind, memlimit=_XZ_MEMORY_LIMIT), (lzma.LZMAError,))
        if compression == "zstd":
            zstd = importlib.import_module("compression.zstd")  # since Python 3.14
            return _Codec(zstd.ZstdDecompressor(), (zstd.ZstdError,))
    return None


def _decompress(data: memoryview, codec: _Codec) -> Pieces:
    decompressor, errors = codec
    at = 0
    while not decompressor.eof:
        piece: Any = b""
        if decompressor.needs_input:
            if at >= len(data):
                raise PayloadError("the compressed data is cut off")
            piece = data[at : at + _INPUT_SIZE]
            at += _INPUT_SIZE
        try:
            yield decompressor.decompress(piece, PIECE_SIZE)
        except errors as error:
            raise PayloadError(printable(str(error))) from error


def _pipe(host: Host, argv: Tuple[str, ...], data: memoryview, deadline: Deadline) -> Pieces:
    try:
        yield from host.pipe(argv, data, deadline.left())
    except HostError as error:
        deadline.left()
        raise PayloadError(error.message.rstrip(".")) from error
