# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller in which collectors keep what hosts sent: found, and read within bounds.

Only regular files count, and no symbolic link below the directory that the operator named: who may write there could
have another file read.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DEPTH = 4
FILES_LIMIT = 20000
"""Files below one directory; the newest count."""
FILE_LIMIT = 64 << 20
"""Bytes of one file; the last count."""
UNPACKED_LIMIT = 1 << 30
"""Bytes that a packed file may become."""
PIECE = 1 << 20
GZIP = zlib.MAX_WBITS | 16
"""The window of gzip's format (zlib's manual, inflateInit2)."""


class Unreadable(Exception):
    """A file that cannot be read, in words."""


class Found(NamedTuple):
    """The regular files at or below a path, sorted, and what is not among them, in words."""

    files: list[Path]
    left_out: list[str]


def files_below(top: Path) -> Found:
    """Return the regular files at or below ``top``. Raises Unreadable when it is not there, or cannot be listed."""
    if top.is_file():
        return Found([top], [])
    try:
        os.listdir(top)
    except OSError as error:
        raise Unreadable(f"{error.strerror}") from error
    left_out: list[str] = []
    dated = [*_dated_files(top, left_out)]
    if len(dated) > FILES_LIMIT:
        left_out.append(f"{top}: more than {FILES_LIMIT} files; {len(dated) - FILES_LIMIT}, the oldest, were left out")
        dated = sorted(dated, reverse=True)[:FILES_LIMIT]
    return Found(sorted(path for _written, path in dated), left_out)


def _dated_files(top: Path, left_out: list[str]) -> Iterator[tuple[float, Path]]:
    """Yield regular files, each with the time at which it was last written."""
    for directory, below, names in os.walk(top, onerror=lambda error: left_out.append(str(error)), followlinks=False):
        if below and len(Path(directory).relative_to(top).parts) >= DEPTH:
            left_out.append(f"{directory}: the directories below it, which are deeper than {DEPTH} levels")
            below.clear()
        for name in names:
            path = Path(directory, name)
            try:
                found = path.lstat()
            except OSError:  # rotated away since
                continue
            if stat.S_ISREG(found.st_mode):
                yield found.st_mtime, path


def text_of(path: Path) -> str:
    """Return the end of a file, unpacked when it is gzip's. Raises Unreadable."""
    try:
        # A FIFO that takes the file's place must not have the reader wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            if file.read(2) == b"\x1f\x8b":
                file.seek(0)
                return _end_of(_unpacked(iter(lambda: file.read(PIECE), b""))).decode("utf-8", "replace")
            file.seek(max(found.st_size - FILE_LIMIT, 0))
            return file.read(FILE_LIMIT).decode("utf-8", "replace")
    except OSError as error:
        raise Unreadable(f"{error.strerror}") from error
    except zlib.error as error:
        raise Unreadable("it is packed, and damaged") from error


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack within bounds. Raises Unreadable for what would become too large."""
    unpacking, size = zlib.decompressobj(wbits=GZIP), 0
    for piece in pieces:
        rest = piece
        while rest:
            data = unpacking.decompress(rest, PIECE)
            rest, size = unpacking.unconsumed_tail, size + len(data)
            if size > UNPACKED_LIMIT:
                raise Unreadable(f"it is packed, and would be larger than {UNPACKED_LIMIT} bytes")
            yield data


def _end_of(pieces: Iterator[bytes]) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        while size - len(kept[0]) >= FILE_LIMIT:
            size -= len(kept.pop(0))
    return b"".join(kept)[-FILE_LIMIT:]
