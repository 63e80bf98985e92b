# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version of the record of Kexec HandOver an x86_64 kernel takes, from the machine code in its payload.

A kernel takes only records of its own version, and names that version when it refuses another one
(kernel/liveupdate/kexec_handover.c, kho_in_kexec_metadata(); include/linux/kho/abi/kexec_metadata.h). There, compilers
make of it an operand::

    83 f8 01              cmp   $1,%eax
    74 15                 je    ...
    ba 01 00 00 00        mov   $1,%edx         the version that is expected
    89 c6                 mov   %eax,%esi       the version that came in
    48 c7 c7 18 0c 76 81  mov   $TEXT,%rdi      or: 48 8d 3d 18 0c 76 00  lea TEXT(%rip),%rdi
    e8 60 34 57 ff        call  _printk

The three arguments may be set in any order. Code that looks otherwise tells nothing.
"""

from __future__ import annotations

import re
import struct
from itertools import islice
from typing import Iterable, Iterator, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

# Longer than the ELF header and all program headers: Linux has five at most (arch/x86/kernel/vmlinux.lds.S).
HEAD_SIZE = 4096
TEXT = b"\x014KHO: kexec-metadata version %u not supported (expected %u)\n\0"

# Elf64_Ehdr (include/uapi/linux/elf.h), behind the identification: e_machine, e_phoff, e_phentsize, e_phnum.
_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_ELF_HEADER = struct.Struct("<18xH12xQ14xHH")
_X86_64 = 62
# Elf64_Phdr: p_type, p_offset, p_vaddr, p_filesz.
_PROGRAM_HEADER = struct.Struct("<I4xQQ8xQ16x")
_LOADED = 1

# Bytes of code: what is looked at before the text is put into %rdi, that instruction, and what follows it.
_BEFORE, _LOAD, _BEHIND = 32, 7, 24
# mov $ADDRESS,%rdi, its operand extended by its sign; lea DISTANCE(%rip),%rdi, counted from the next instruction.
_MOV = regex(rb"\x48\xc7\xc7(?=(.{4}))", re.DOTALL)
_LEA = regex(rb"\x48\x8d\x3d(?=(.{4}))", re.DOTALL)
_OPERAND = struct.Struct("<i")
_CALL = b"\xe8"
# mov $VERSION,%edx; cmp $VERSION,REGISTER with je or jne.
_EXPECTED = regex(rb"\xba([\x01-\xff])\0\0\0", re.DOTALL)
_COMPARED = regex(rb"\x83[\xf8-\xff](.)(?:[\x74\x75]|\x0f[\x84\x85])", re.DOTALL)


class Segment(NamedTuple):
    """A part of the kernel in memory: where its bytes are in the payload, its first address, and its size there.

    Whether it is executable says nothing: ``.init.text`` may lie in one that is not.
    """

    offset: int
    address: int
    size: int


class TextPlace(NamedTuple):
    """The address of ``TEXT``, and the segments of the kernel that it is in."""

    address: int
    segments: Tuple[Segment, ...]


class TextFinder:
    """Looks for ``TEXT`` in a payload that comes in pieces."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._seen = 0
        self._count = 0
        self._offset = 0

    def feed(self, piece: bytes) -> None:
        """Look at the next piece."""
        if len(self._head) < HEAD_SIZE:
            self._head = (self._head + piece)[:HEAD_SIZE]
        window = self._tail + piece
        if TEXT in window:
            self._count += window.count(TEXT)
            self._offset = self._seen - len(self._tail) + window.index(TEXT)
        self._seen += len(piece)
        self._tail = window[-(len(TEXT) - 1) :]

    def place(self) -> Optional[TextPlace]:
        """Return where the text is; None when it is nowhere, twice, or in no kernel for x86_64."""
        segments = parse_segments(self._head)
        inside = segment_of(segments, self._offset) if self._count == 1 else None
        return TextPlace(_address(inside, self._offset), segments) if inside else None


def find_version(place: TextPlace, pieces: Iterable[bytes]) -> Optional[int]:
    """Return the version (1 to 255) that the code names where it uses the text; None unless it is beyond doubt.

    ``pieces`` are those of the same payload, from its beginning; what they raise is passed on.
    """
    uses = list(islice(_uses(place, pieces), 2))
    return _expected(uses[0]) if len(uses) == 1 else None


def parse_segments(head: bytes) -> Tuple[Segment, ...]:
    """Return what is loaded of an ELF file for x86_64, by its first bytes; nothing when it is something else."""
    if not head.startswith(_ELF64_LITTLE_ENDIAN) or len(head) < _ELF_HEADER.size:
        return ()
    machine, start, size, count = _ELF_HEADER.unpack_from(head)
    if machine != _X86_64 or size != _PROGRAM_HEADER.size or start + size * count > len(head):
        return ()
    headers = (_PROGRAM_HEADER.unpack_from(head, start + size * number) for number in range(count))
    return tuple(Segment(offset, address, in_file) for kind, offset, address, in_file in headers if kind == _LOADED)


def segment_of(segments: Tuple[Segment, ...], offset: int) -> Optional[Segment]:
    """Return the one segment that a byte of the payload is in; None when there is none, or more than one."""
    inside = [segment for segment in segments if 0 <= offset - segment.offset < segment.size]
    return inside[0] if len(inside) == 1 else None


def _address(segment: Segment, offset: int) -> int:
    return segment.address + offset - segment.offset


def _uses(place: TextPlace, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the code around each instruction that puts the address of the text into %rdi.

    A window begins so far back that each place, with what is around it, lies in exactly one window.
    """
    window, begin = b"", 0
    for piece in pieces:
        kept = window[-(_BEFORE + _LOAD + _BEHIND - 1) :]
        begin += len(window) - len(kept)
        window = kept + piece
        for pattern, is_relative in ((_MOV, False), (_LEA, True)):
            for load in pattern.finditer(window, _BEFORE, len(window) - _BEHIND):
                at = load.start()
                if _loaded_address(place.segments, begin + at, load.group(1), is_relative) == place.address:
                    yield window[at - _BEFORE : at + _LOAD + _BEHIND]


def _loaded_address(segments: Tuple[Segment, ...], offset: int, operand: bytes, is_relative: bool) -> Optional[int]:
    """Return what the instruction at ``offset`` puts into its register; None when no segment has it."""
    inside = segment_of(segments, offset)
    if inside is None:
        return None
    base = _address(inside, offset + _LOAD) if is_relative else 0
    return int((base + _OPERAND.unpack(operand)[0]) % (1 << 64))


def _expected(code: bytes) -> Optional[int]:
    """Return the version that is passed along with the text; None when there is not exactly one.

    An argument that is set before another call does not survive it. What the version that came in was compared with,
    directly before, must be the same.
    """
    before = code[:_BEFORE]
    before = before[before.rfind(_CALL) + 1 :]
    behind, call, _rest = code[_BEFORE + _LOAD :].partition(_CALL)
    expected = _EXPECTED.findall(before) + _EXPECTED.findall(behind)
    if not call or len(expected) != 1 or set(_COMPARED.findall(before)) - set(expected):
        return None
    return int(expected[0][0])
