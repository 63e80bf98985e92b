# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firmware of the probe guest: a ROM that does what a 64-bit kernel cannot do without, then reports.

It goes from the reset vector through real mode and protected mode to long mode with paging. There it goes on in the
upper half of the address space, reads a word back through a second mapping of its page, and takes a page fault. The
byte that it reports is the outcome of all that: no instruction holds it, and a fault that nothing handles resets the
guest. Each line of the code is one instruction, in Intel's notation.
"""

from __future__ import annotations

import hashlib
import struct

_SIZE = 1 << 16
_LOW = (1 << 20) - _SIZE  # QEMU shows the ROM here, and once more right below 4 GiB, where the processor starts

# Offsets in the ROM.
_REAL, _PROTECTED, _LONG, _UPPER_HALF, _PAGE_FAULT = 0x000, 0x100, 0x200, 0x300, 0x400
_GDT, _GDT_POINTER, _IDT, _IDT_POINTER = 0x500, 0x580, 0x600, 0x780
_RESET_VECTOR = _SIZE - 16

# Addresses in memory.
_PML4, _PDPT, _PD = 0x1000, 0x2000, 0x3000  # the three levels of page tables
_WORD = 0x4000
_STACK_END = 0x6000

_UPPER = 0xFFFF_8000_0000_0000  # the first address of the upper half: entry 256 of the PML4
_NOT_MAPPED = _UPPER + (2 << 20)
_CODE_32, _DATA, _CODE_64 = 0x08, 0x10, 0x18  # selectors

_REPORT = 0x2A
STATUS = _REPORT << 1 | 1
"""The exit status of QEMU when the probe guest got through (what isa-debug-exit, hw/misc/debugexit.c, makes of it)."""


def _16(value: int) -> bytes:
    return struct.pack("<H", value & 0xFFFF)


def _32(value: int) -> bytes:
    return struct.pack("<I", value)


def _64(value: int) -> bytes:
    return struct.pack("<Q", value & 0xFFFF_FFFF_FFFF_FFFF)


# The report is the highest byte of ADDEND + OTHER_ADDEND + (NOT_MAPPED << 16). The sum ends in zeros: when a carry gets
# lost on the way up, that byte is one too small. The shift brings the bits of NOT_MAPPED that matter into the byte.
_ADDEND = 0x0123_4567_89AB_CDEF
_OTHER_ADDEND = (_REPORT << 56) - (_NOT_MAPPED << 16) - _ADDEND

RESET = b"\xe9" + _16(_REAL - _RESET_VECTOR - 3)  # jmp real, relative to the next instruction

REAL = b"".join(
    [
        b"\xfa",  # cli
        b"\x66\x2e\x0f\x01\x16" + _16(_GDT_POINTER),  # lgdt cs:[gdt_pointer]
        b"\x66\xb8" + _32(0x11),  # mov eax, ET | PE
        b"\x0f\x22\xc0",  # mov cr0, eax
        b"\x66\xea" + _32(_LOW + _PROTECTED) + _16(_CODE_32),  # jmp code_32:protected
    ]
)

# An entry is the address of the next level and its flags: 1 present, 2 writable, 0x80 a page of 2 MiB. The first 2 MiB
# appear at address 0 and at UPPER. The memory of a new guest is zeros, so every other entry is absent.
PAGE_TABLES = b"".join(
    [
        b"\xc7\x05" + _32(_PML4) + _32(_PDPT | 3),  # mov dword [pml4], pdpt | 3
        b"\xc7\x05" + _32(_PML4 + 256 * 8) + _32(_PDPT | 3),  # mov dword [pml4 + 256 * 8], pdpt | 3
        b"\xc7\x05" + _32(_PDPT) + _32(_PD | 3),  # mov dword [pdpt], pd | 3
        b"\xc7\x05" + _32(_PD) + _32(0x83),  # mov dword [pd], 0x83
    ]
)

TO_LONG_MODE = b"".join(
    [
        b"\xb8" + _32(_PML4),  # mov eax, pml4
        b"\x0f\x22\xd8",  # mov cr3, eax
        b"\xb8" + _32(0x20),  # mov eax, PAE
        b"\x0f\x22\xe0",  # mov cr4, eax
        b"\xb9" + _32(0xC000_0080),  # mov ecx, EFER
        b"\x0f\x32",  # rdmsr
        b"\x0d" + _32(0x100),  # or eax, LME
        b"\x0f\x30",  # wrmsr
        b"\xb8" + _32(0x8000_0011),  # mov eax, PG | ET | PE
        b"\x0f\x22\xc0",  # mov cr0, eax
        b"\xea" + _32(_LOW + _LONG) + _16(_CODE_64),  # jmp code_64:long
    ]
)

PROTECTED = b"".join(
    [
        b"\xb8" + _32(_DATA),  # mov eax, data
        b"\x8e\xd8",  # mov ds, eax
        b"\x8e\xc0",  # mov es, eax
        b"\x8e\xd0",  # mov ss, eax
        PAGE_TABLES,
        TO_LONG_MODE,
    ]
)

LONG = b"".join(
    [
        b"\x48\xb8" + _64(_UPPER + _LOW + _UPPER_HALF),  # mov rax, upper_half
        b"\xff\xe0",  # jmp rax
    ]
)

_FAULTING = b"\x48\x8b\x1e"  # mov rbx, [rsi]

UPPER_HALF = b"".join(
    [
        b"\x48\xbc" + _64(_UPPER + _STACK_END),  # mov rsp, stack_end
        b"\x0f\x01\x1c\x25" + _32(_LOW + _IDT_POINTER),  # lidt [idt_pointer]
        b"\x48\xb8" + _64(_ADDEND),  # mov rax, addend
        b"\x48\xb9" + _64(_OTHER_ADDEND),  # mov rcx, other_addend
        b"\x48\x01\xc8",  # add rax, rcx
        b"\x48\x89\x04\x25" + _32(_WORD),  # mov [word], rax
        b"\x48\xbe" + _64(_UPPER + _WORD),  # mov rsi, upper + word
        b"\x48\x8b\x16",  # mov rdx, [rsi]
        b"\x48\xbe" + _64(_NOT_MAPPED),  # mov rsi, not_mapped
        _FAULTING,  # leaves NOT_MAPPED in rbx, see PAGE_FAULT
        b"\x48\xc1\xe3\x10",  # shl rbx, 16
        b"\x48\x01\xda",  # add rdx, rbx
        b"\x48\xc1\xea\x38",  # shr rdx, 56
        b"\x89\xd0",  # mov eax, edx
        b"\xe6\xf4",  # out 0xf4, al
        b"\xf4",  # hlt
    ]
)

# The processor has pushed an error code on top of the address to return to.
PAGE_FAULT = b"".join(
    [
        b"\x0f\x20\xd3",  # mov rbx, cr2
        b"\x48\x83\xc4\x08",  # add rsp, 8
        b"\x48\x83\x04\x24" + bytes([len(_FAULTING)]),  # add qword [rsp], length of the faulting instruction
        b"\x48\xcf",  # iretq
    ]
)

# Flat segments. They are marked as accessed: the processor would do that itself, and cannot in a ROM.
GDT = b"".join(
    [
        _64(0),
        _64(0x00CF_9B00_0000_FFFF),  # code_32
        _64(0x00CF_9300_0000_FFFF),  # data
        _64(0x00AF_9B00_0000_FFFF),  # code_64
    ]
)

_HANDLER = _UPPER + _LOW + _PAGE_FAULT
IDT = b"".join(
    [
        bytes(14 * 16),  # exceptions 0 to 13 have no handler
        _16(_HANDLER) + _16(_CODE_64) + b"\x00\x8e" + _64(_HANDLER >> 16)[:6] + _32(0),  # 14, the page fault
    ]
)

_PARTS = {
    _REAL: REAL,
    _PROTECTED: PROTECTED,
    _LONG: LONG,
    _UPPER_HALF: UPPER_HALF,
    _PAGE_FAULT: PAGE_FAULT,
    _GDT: GDT,
    _GDT_POINTER: _16(len(GDT) - 1) + _32(_LOW + _GDT),
    _IDT: IDT,
    _IDT_POINTER: _16(len(IDT) - 1) + _64(_LOW + _IDT),
    _RESET_VECTOR: RESET,
}


def assemble(parts: dict[int, bytes], size: int) -> bytes:
    """The parts at their offsets, and zeros between them."""
    image = bytearray()
    for offset, part in sorted(parts.items()):
        if offset < len(image):
            raise ValueError(f"the part at {offset:#x} starts inside the one before it")
        image += bytes(offset - len(image)) + part
    if len(image) > size:
        raise ValueError(f"the parts end at {len(image):#x}, beyond {size:#x}")
    return bytes(image) + bytes(size - len(image))


ROM = assemble(_PARTS, _SIZE)
VERSION = hashlib.sha256(ROM).hexdigest()[:16]
"""Differs for every other ROM: what an older probe found out says nothing about this one."""
