# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the header of a kernel image says: for which architecture it is, and which release it holds.

x86: Documentation/arch/x86/boot.rst, struct setup_header. arm64: Documentation/arch/arm64/booting.rst and
drivers/firmware/efi/libstub/zboot-header.S. Architectures have the names that ``uname -m`` uses.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._releases import RELEASE_LIMIT, is_release
from ansible_collections.kho.kexec.plugins.module_utils._text import printable

SECTOR = 512
# The x86 setup code has at most 64 sectors and one boot sector, and the header's text lies in it.
HEADER_LIMIT = 65 * SECTOR

# From this version of the x86 boot protocol on, kexec_file_load takes an image (bzImage64_probe).
_OLDEST_PROTOCOL = 0x020C
_XLF_KERNEL_64 = 1
_SHORTEST_X86_HEADER = 0x264
# "7.3.4-kho (root@build) #1 SMP ...", ended by a NUL byte.
_FIRST_WORD = re.compile(rb"([!-~]+)[ \0]")


@dataclass(frozen=True)
class ImageHeader:
    """What an image says of itself.

    ``release`` is None when the format has no place for it. ``command_line_limit`` is the longest command line in
    bytes, without the final NUL, that the kernel takes; None when the header does not say.
    """

    architecture: str
    release: str | None
    command_line_limit: int | None


class ImageError(KhoError):
    """The bytes are not the beginning of a kernel image that is known here; ``code`` is image_unreadable."""

    def __init__(self, what: str) -> None:
        super().__init__("image_unreadable", what)


def parse_image_header(data: bytes) -> ImageHeader:
    """Read the beginning of an image; :data:`HEADER_LIMIT` bytes are enough, more are ignored.

    Raises ImageError, and nothing else, whatever the bytes are.
    """
    start = data[:HEADER_LIMIT]
    if start[0x202:0x206] == b"HdrS" and start[0x1FE:0x200] == b"\x55\xaa":
        return _x86_header(start)
    if start[0x38:0x3C] == b"ARM\x64" or (start[:2] == b"MZ" and start[4:8] == b"zimg"):
        return ImageHeader(architecture="aarch64", release=None, command_line_limit=None)
    raise ImageError(f"it is no bzImage and no arm64 image, but {len(data)} bytes that begin with {start[:8].hex()!r}")


def _x86_header(start: bytes) -> ImageHeader:
    if len(start) < _SHORTEST_X86_HEADER:
        raise ImageError(f"its bzImage header ends after {len(start)} bytes")
    protocol, version_offset = struct.unpack_from("<H6xH", start, 0x206)
    if protocol < _OLDEST_PROTOCOL:
        raise ImageError(f"its boot protocol is {protocol >> 8}.{protocol & 0xFF:02d}, and kexec needs 2.12")
    load_flags = struct.unpack_from("<H", start, 0x236)[0]
    return ImageHeader(
        architecture="x86_64" if load_flags & _XLF_KERNEL_64 else "i686",
        release=_x86_release(start, version_offset),
        command_line_limit=struct.unpack_from("<I", start, 0x238)[0],
    )


def _x86_release(start: bytes, version_offset: int) -> str:
    """The first word of the version text, which lies in the setup code, behind the boot sector."""
    setup_end = ((start[0x1F1] or 4) + 1) * SECTOR
    begin = version_offset + SECTOR
    if version_offset == 0 or begin >= min(setup_end, len(start)):
        raise ImageError(f"its header places the version at byte {begin}, outside of the setup code")
    word = _FIRST_WORD.match(start[:setup_end], begin)
    release = word.group(1).decode("ascii") if word else ""
    if not is_release(release):
        raise ImageError(f"its header holds no kernel release, but {printable(start[begin : begin + RELEASE_LIMIT])!r}")
    return release
