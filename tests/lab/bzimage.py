# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an x86 kernel image says of itself: its release, and the configuration that it was built with.

The header is that of Documentation/arch/x86/boot.rst; the configuration lies in the payload (kernel/configs.c).
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

_LONGEST_RELEASE = 64  # characters (__NEW_UTS_LEN)
_SECTOR = 512
_XLF_KERNEL_64 = 1
_IKCONFIG = re.compile(rb"IKCFG_ST(\x1f\x8b\x08.*?)IKCFG_ED", re.DOTALL)
_UNPACKED_LIMIT = 1 << 30  # bytes


class ImageError(Exception):
    """The bytes are no such image; says what they are."""


@dataclass(frozen=True)
class Header:
    """``release`` as ``uname -r`` says it; the payload is compressed, ``offset`` and ``size`` in bytes."""

    release: str
    offset: int
    size: int


def header(image: bytes) -> Header:
    """Read the header of an image for x86_64.

    Raises:
        ImageError: it is something else.
    """
    if image[0x202:0x206] != b"HdrS" or len(image) < 0x264:
        raise ImageError(_what_it_is(image))
    protocol, version = struct.unpack_from("<H", image, 0x206)[0], struct.unpack_from("<H", image, 0x20E)[0]
    if protocol < 0x20C or not struct.unpack_from("<H", image, 0x236)[0] & _XLF_KERNEL_64:
        raise ImageError("an x86 kernel of 32 bits, and the lab's guests are x86_64")
    # It becomes the name of files, and a word in the guest's scripts.
    found = re.match(
        rb"([A-Za-z0-9_.+~:@-]{1,%d})[ \0]" % _LONGEST_RELEASE, image[version + 0x200 : version + 0x200 + 128]
    )
    if version == 0 or found is None:
        raise ImageError("an x86 kernel that does not say its release, or one that no file could be named by")
    setup = (image[0x1F1] or 4) + 1
    offset, size = struct.unpack_from("<II", image, 0x248)
    return Header(found[1].decode(), setup * _SECTOR + offset, size)


def _what_it_is(image: bytes) -> str:
    if image[:2] == b"MZ" and image[4:8] == b"zimg":
        return "a compressed EFI image (zboot), as arm64 and others have it, and the lab's guests are x86_64"
    if image[0x38:0x3C] == b"ARM\x64":
        return "a kernel for arm64, and the lab's guests are x86_64"
    if image[:4] == b"\x7fELF":
        return "an ELF file (vmlinux), and kexec loads a bzImage (arch/x86/boot/bzImage)"
    return "no kernel image for x86"


def configuration(image: bytes) -> str | None:
    """The text of the .config that is in the image (CONFIG_IKCONFIG=y); None when there is none that can be read."""
    at = header(image)
    payload = unpacked(image[at.offset : at.offset + at.size])
    found = _IKCONFIG.search(payload) if payload is not None else None
    if found is None:
        return None
    try:
        return zlib.decompressobj(wbits=31).decompress(found[1], _UNPACKED_LIMIT).decode("ascii", "replace")
    except zlib.error:
        return None


def unpacked(payload: bytes) -> bytes | None:
    """The kernel that was compressed; None when nothing here can do it. After it comes its size, which is no error."""
    for magic, unpack in _WAYS.items():
        if payload.startswith(magic):
            try:
                return unpack(payload)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                return None
    return payload if payload.startswith(b"\x7fELF") else None


def _by(*argv: str) -> Callable[[bytes], bytes]:
    def unpack(payload: bytes) -> bytes:
        with tempfile.TemporaryFile() as given:
            given.write(payload)
            given.seek(0)
            # Complains of the size at the end, after it has written all.
            with subprocess.Popen(argv, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
                assert running.stdout is not None
                return running.stdout.read(_UNPACKED_LIMIT)

    return unpack


_WAYS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b\x08": lambda payload: zlib.decompressobj(wbits=31).decompress(payload, _UNPACKED_LIMIT),
    b"\xfd7zXZ\0": lambda payload: lzma.LZMADecompressor().decompress(payload, _UNPACKED_LIMIT),
    b"\x5d\0\0": lambda payload: lzma.LZMADecompressor().decompress(payload, _UNPACKED_LIMIT),
    b"BZh": lambda payload: bz2.BZ2Decompressor().decompress(payload, _UNPACKED_LIMIT),
    b"\x28\xb5\x2f\xfd": _by("zstd", "-dcq"),
    b"\x02\x21\x4c\x18": _by("lz4", "-dcq"),
}
