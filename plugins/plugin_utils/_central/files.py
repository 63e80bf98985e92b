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

DEPTH = 4
FILES_LIMIT = 20000
"""Files below one directory."""
FILE_LIMIT = 64 << 20
"""Bytes of one file; the last count."""
GZIP = zlib.MAX_WBITS | 16
"""The window of gzip's format (zlib's manual, inflateInit2)."""


class Unreadable(Exception):
    """A file that cannot be read, in words."""


def files_below(top: Path) -> Iterator[Path]:
    """Yield the regular files at or below ``top``, sorted, at most ``FILES_LIMIT`` of them.

    Raises Unreadable when ``top`` is not there, or cannot be listed.
    """
    if top.is_file():
        yield top
        return
    try:
        os.listdir(top)
    except OSError as error:
        raise Unreadable(f"{error.strerror}") from error
    count = 0
    for directory, below, names in os.walk(top, followlinks=False):
        below.sort()
        if len(Path(directory).relative_to(top).parts) >= DEPTH:
            below.clear()
        for name in sorted(names):
            path = Path(directory, name)
            if stat.S_ISREG(path.lstat().st_mode):
                count += 1
                if count > FILES_LIMIT:
                    return
                yield path


def text_of(path: Path) -> str:
    """Return the end of a file, unpacked when it is gzip's. Raises Unreadable."""
    try:
        data = _data(path)
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(wbits=GZIP).decompress(data, FILE_LIMIT)
    except OSError as error:
        raise Unreadable(f"{error.strerror}") from error
    except zlib.error as error:
        raise Unreadable("it is packed, and damaged") from error
    return data.decode("utf-8", "replace")


def _data(path: Path) -> bytes:
    # A FIFO that takes the file's place must not have the reader wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        file.seek(max(found.st_size - FILE_LIMIT, 0))
        return file.read(FILE_LIMIT)
