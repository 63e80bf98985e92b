# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the header of a kernel image says: its format and architecture, its release, and where its payload lies.

x86: Documentation/arch/x86/boot.rst, struct setup_header. arm64: Documentation/arch/arm64/booting.rst and
drivers/firmware/efi/libstub/zboot-header.S. Architectures have the names that ``uname -m`` uses.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import RELEASE_LIMIT, build_in, is_release

_SECTOR = 512
# The x86 setup code has at most 64 sectors and one boot sector, and the header's text lies in it.
_HEADER_LIMIT = 65 * _SECTOR

# From this version of the x86 boot protocol on, kexec_file_load takes an image (bzImage64_probe).
_OLDEST_PROTOCOL = 0x020C
_XLF_KERNEL_64 = 1
_SHORTEST_X86_HEADER = 0x264
# "7.3.4-kho (root@build) #1 SMP ...", ended by a NUL byte.
_FIRST_WORD = regex(rb"([!-~]+)[ \0]")
_VERSION_LIMIT = 512
_SIZE = struct.Struct("<I")

# arch/arm64/include/asm/image.h, struct arm64_image_header: text_offset, image_size, flags.
ARM64_HEADER_SIZE = 64
_ARM64_FIELDS = struct.Struct("<8xQQQ")
_ARM64_BIG_ENDIAN = 1
_ARM64_PAGES = {1: 4096, 2: 16384, 3: 65536}

_GZIP = b"\x1f\x8b\x08"
# What a payload begins with, and the name of its compression; lib/decompress.c has the same table.
_COMPRESSIONS = (
    (_GZIP, "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x89LZO", "lzo"),
)


class Payload(NamedTuple):
    """The kernel proper inside of an image: ``offset`` and ``size`` in bytes.

    ``compression`` is none, gzip, xz, lzma, bzip2, lz4, zstd, lzo or unknown. ``unpacked_size`` is how many bytes it
    has when decompressed, where the image says so.
    """

    compression: str
    offset: int
    size: int
    unpacked_size: Optional[int] = None


class ImageHeader(NamedTuple):
    """What the beginning of an image says; None when the format has no place for it, or the image does not say.

    ``format`` is bzimage, arm64_image, arm64_gzip or zboot. ``init_size`` are the bytes of memory that the kernel
    needs where it starts. ``command_line_limit`` are the bytes of the longest command line, without the final NUL.
    ``build`` tells builds of one release apart, as ``uname -v`` has it.
    """

    format: str
    architecture: Optional[str]
    release: Optional[str]
    init_size: Optional[int]
    command_line_limit: Optional[int]
    payload: Payload
    build: Optional[str] = None


class ImageError(KhoError):
    """The bytes are no kernel image that is known here; ``code`` is image_unreadable."""

    def __init__(self, what: str) -> None:
        super().__init__("image_unreadable", what)


def parse_header(image: memoryview) -> Optional[ImageHeader]:
    """Read the header of a whole image; None when it is in none of the formats above.

    Raises ImageError, and nothing else, when it begins like an image and then is damaged.
    """
    start = bytes(image[:_HEADER_LIMIT])
    if start[0x202:0x206] == b"HdrS" and start[0x1FE:0x200] == b"\x55\xaa":
        return _bzimage(image, start)
    if start[:2] == b"MZ" and start[4:8] == b"zimg":
        return _zboot(image, start)
    if is_arm64(start):
        return _arm64(image, start)
    if start.startswith(_GZIP):
        return ImageHeader("arm64_gzip", None, None, None, None, Payload("gzip", 0, len(image)))
    return None


def is_arm64(start: bytes) -> bool:
    """Whether this is the beginning of an arm64 image that is not compressed."""
    return start[0x38:0x3C] == b"ARM\x64"


def arm64_architecture(start: bytes) -> Optional[str]:
    """Return the byte order's architecture, from an arm64 header; None when it is none."""
    if len(start) < ARM64_HEADER_SIZE or not is_arm64(start):
        return None
    return "aarch64_be" if _ARM64_FIELDS.unpack_from(start)[2] & _ARM64_BIG_ENDIAN else "aarch64"


def arm64_page_bytes(start: bytes) -> Optional[int]:
    """Return the size of an arm64 kernel's pages, from its header; None when it does not say."""
    if arm64_architecture(start) is None:
        return None
    return _ARM64_PAGES.get(_ARM64_FIELDS.unpack_from(start)[2] >> 1 & 3)


def arm64_init_size(start: bytes) -> Optional[int]:
    """Return the memory that an arm64 kernel needs, from its header; None when it does not say (before Linux 3.17)."""
    if arm64_architecture(start) is None:
        return None
    return _ARM64_FIELDS.unpack_from(start)[1] or None


def _bzimage(image: memoryview, start: bytes) -> ImageHeader:
    if len(start) < _SHORTEST_X86_HEADER:
        raise ImageError(f"its bzImage header ends after {len(start)} bytes")
    protocol, version_offset = struct.unpack_from("<H6xH", start, 0x206)
    if protocol < _OLDEST_PROTOCOL:
        raise ImageError(f"its boot protocol is {protocol >> 8}.{protocol & 0xFF:02d}, and kexec needs 2.12")
    load_flags, command_line_limit = struct.unpack_from("<HI", start, 0x236)
    return ImageHeader(
        format="bzimage",
        architecture="x86_64" if load_flags & _XLF_KERNEL_64 else "i686",
        release=_x86_release(start, version_offset),
        init_size=_SIZE.unpack_from(start, 0x260)[0],
        command_line_limit=command_line_limit,
        payload=_x86_payload(image, start),
        build=build_in(_x86_version(start, version_offset)),
    )


def _x86_payload(image: memoryview, start: bytes) -> Payload:
    """It ends with its decompressed size, which gzip itself has there and the kernel's build appends to all others."""
    offset, size = struct.unpack_from("<II", start, 0x248)
    offset += _setup_end(start)
    _check_inside(image, offset, size)
    compression = _compression(image, offset)
    unpacked_size = _SIZE.unpack_from(image, offset + size - _SIZE.size)[0]
    return Payload(compression, offset, size - (0 if compression == "gzip" else _SIZE.size), unpacked_size)


def _zboot(image: memoryview, start: bytes) -> ImageHeader:
    if len(start) < ARM64_HEADER_SIZE:
        raise ImageError(f"its zboot header ends after {len(start)} bytes")
    offset, size = struct.unpack_from("<II", start, 8)
    _check_inside(image, offset, size)
    pe = parse_pe(image)
    payload = Payload(_compression(image, offset), offset, size)
    return ImageHeader("zboot", pe.architecture if pe else None, None, None, None, payload)


def _arm64(image: memoryview, start: bytes) -> ImageHeader:
    if len(start) < ARM64_HEADER_SIZE:
        raise ImageError(f"its arm64 header ends after {len(start)} bytes")
    pe = parse_pe(image)
    for name, (offset, size) in pe.sections.items() if pe else ():
        if offset + size > len(image):
            raise ImageError(f"its section {printable(name)} ends at byte {offset + size}, and it has {len(image)}")
    payload = Payload("none", 0, len(image))
    return ImageHeader("arm64_image", arm64_architecture(start), None, arm64_init_size(start), None, payload)


def _check_inside(image: memoryview, offset: int, size: int) -> None:
    if size < _SIZE.size or offset + size > len(image):
        raise ImageError(
            f"its header places the compressed kernel at bytes {offset} to {offset + size}, and it has {len(image)}"
        )


def _compression(image: memoryview, offset: int) -> str:
    start = bytes(image[offset : offset + 8])
    return next((name for magic, name in _COMPRESSIONS if start.startswith(magic)), "unknown")


def _setup_end(start: bytes) -> int:
    return ((start[0x1F1] or 4) + 1) * _SECTOR


def _x86_version(start: bytes, version_offset: int) -> str:
    """The whole version text, up to its NUL byte."""
    text = start[version_offset + _SECTOR : _setup_end(start)][:_VERSION_LIMIT]
    return text.partition(b"\0")[0].decode("ascii", "replace")


def _x86_release(start: bytes, version_offset: int) -> str:
    """The first word of the version text, which lies in the setup code, behind the boot sector."""
    setup_end = _setup_end(start)
    begin = version_offset + _SECTOR
    if version_offset == 0 or begin >= min(setup_end, len(start)):
        raise ImageError(f"its header places the version at byte {begin}, outside of the setup code")
    word = _FIRST_WORD.match(start[:setup_end], begin)
    release = word.group(1).decode("ascii") if word else ""
    if not is_release(release):
        raise ImageError(f"its header holds no kernel release, but {printable(start[begin : begin + RELEASE_LIMIT])!r}")
    return release
