# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Portable executables, the format that UEFI starts: their machine, their sections, and whether they are signed.

Microsoft's "PE Format" and include/linux/pe.h in the kernel's source.
"""

from __future__ import annotations

import struct
from typing import Dict, NamedTuple, Optional, Tuple

_PE_OFFSET_AT = 0x3C
_FILE_HEADER = struct.Struct("<4sHH12xHH")
_SECTION = struct.Struct("<8sIIII16x")
# The optional header's magic number, and where it holds the number of its data directories.
_DIRECTORY_COUNTS = {0x10B: 92, 0x20B: 108}
_CERTIFICATES = 4

# include/linux/pe.h, IMAGE_FILE_MACHINE_*; the names are those of uname -m.
_MACHINES = {
    0x014C: "i686",
    0x8664: "x86_64",
    0xAA64: "aarch64",
    0x5064: "riscv64",
    0x6264: "loongarch64",
}


class Pe(NamedTuple):
    """A portable executable.

    ``sections`` are (offset, size) by name; of several with one name the first, and none from ``.profile`` on, where
    the variants of a unified kernel image begin. A section may lie outside of the file, so its users have to look.
    ``signed`` says whether there is a table of certificates; nothing was verified.
    """

    architecture: Optional[str]
    sections: Dict[str, Tuple[int, int]]
    signed: bool


def parse_pe(data: memoryview) -> Optional[Pe]:
    """Read the headers; None when the file is no portable executable, or one whose headers are cut off."""
    try:
        return _parse(data) if bytes(data[:2]) == b"MZ" else None
    except struct.error:
        return None


def _parse(data: memoryview) -> Optional[Pe]:
    start = struct.unpack_from("<I", data, _PE_OFFSET_AT)[0]
    magic, machine, count, optional_size, _flags = _FILE_HEADER.unpack_from(data, start)
    if magic != b"PE\0\0":
        return None
    optional_at = start + _FILE_HEADER.size
    sections = _sections(data, optional_at + optional_size, count)
    return Pe(_MACHINES.get(machine), sections, _has_certificates(data, optional_at, optional_size))


def _sections(data: memoryview, table_at: int, count: int) -> Dict[str, Tuple[int, int]]:
    sections: Dict[str, Tuple[int, int]] = {}
    for number in range(count):
        raw, in_memory, _address, in_file, offset = _SECTION.unpack_from(data, table_at + number * _SECTION.size)
        name = raw.rstrip(b"\0").decode("latin-1")
        if name == ".profile":
            break
        # In the file a section is filled up to the alignment; in memory it has its true size.
        sections.setdefault(name, (offset, min(in_memory, in_file) if in_memory else in_file))
    return sections


def _has_certificates(data: memoryview, optional_at: int, optional_size: int) -> bool:
    magic = struct.unpack_from("<H", data, optional_at)[0]
    if magic not in _DIRECTORY_COUNTS:
        return False
    count_at = _DIRECTORY_COUNTS[magic]
    entry_at = count_at + 4 + 8 * _CERTIFICATES
    if entry_at + 8 > optional_size or struct.unpack_from("<I", data, optional_at + count_at)[0] <= _CERTIFICATES:
        return False
    # Unlike in the other directories, this is an offset in the file.
    offset, size = struct.unpack_from("<II", data, optional_at + entry_at)
    return bool(size > 0 and offset > 0 and offset + size <= len(data))
