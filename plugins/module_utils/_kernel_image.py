# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the header of a kernel image says: for which architecture it is, and which release it holds."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._image_header import (
    HEADER_LIMIT,
    ImageError,
    is_arm64,
    is_bzimage,
    is_zboot,
    x86_header,
)

__all__ = ["HEADER_LIMIT", "ImageError", "ImageHeader", "parse_image_header"]


@dataclass(frozen=True)
class ImageHeader:
    """What an image says of itself.

    ``release`` is None when the format has no place for it. ``command_line_limit`` is the longest command line in
    bytes, without the final NUL, that the kernel takes; None when the header does not say.
    """

    architecture: str
    release: str | None
    command_line_limit: int | None


def parse_image_header(data: bytes) -> ImageHeader:
    """Read the beginning of an image; :data:`HEADER_LIMIT` bytes are enough, more are ignored.

    Raises ImageError, and nothing else, whatever the bytes are.
    """
    start = data[:HEADER_LIMIT]
    if is_bzimage(start):
        header = x86_header(start)
        return ImageHeader(header.architecture or "", header.release, header.command_line_limit)
    if is_arm64(start) or is_zboot(start):
        return ImageHeader(architecture="aarch64", release=None, command_line_limit=None)
    raise ImageError(f"it is no bzImage and no arm64 image, but {len(data)} bytes that begin with {start[:8].hex()!r}")
