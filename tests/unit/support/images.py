# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of kernel images: bzImage, arm64 and zboot, unified kernel images, and the kernel proper inside of them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import time
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._image.metadata_version import TEXT
from ansible_collections.kho.kexec.plugins.module_utils._image.read import (
    IMAGE_LIMIT,
    Clock,
    KernelImage,
    describe,
    open_image,
    scan_payload,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import bzimage

INIT_SIZE = 15437824
CONFIG = b"CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_LIVEUPDATE=y\nCONFIG_MODULES=y\n"
CERTIFICATE = b"\x20\0\0\0\0\x02\x02\0" + b"signature".ljust(24, b"\0")

COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "xz": lambda data: lzma.compress(data, lzma.FORMAT_XZ),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    "zstd": lambda data: b"\x28\xb5\x2f\xfd" + data,  # made up, and so are the programs' answers
    "lz4": lambda data: b"\x02\x21\x4c\x18" + data,
    "lzo": lambda data: b"\x89LZO" + data,
    "unknown": lambda data: data,
}


def kernel(
    release: str = "7.3.4-kho",
    abi: str = "kho-v4",
    luo: str = "luo-v5",
    metadata: bool = True,
    config: Optional[bytes] = CONFIG,
    filling: int = 3000,
    version: int = 1,
) -> bytes:
    """A decompressed kernel: a few texts between other bytes; without an ``abi`` it says to take no handover.

    ``version`` is that of the record that its code takes, if it knows the ``metadata``.
    """
    texts = [f"Linux version {release} (root@build) (gcc) #1 SMP\n\0".encode()]
    texts.append(abi.encode() + b"\0" if abi else b"Passed KHO data, but CONFIG_KEXEC_HANDOVER not set. Ignoring.\n\0")
    texts.append(luo.encode() + b"\0" if luo else b"")
    texts.append(b"\x016exec from: %s (count %u)\n\0" if metadata else b"")
    texts.append(b"IKCFG_ST" + gzip.compress(config, mtime=0) + b"IKCFG_ED" if config is not None else b"")
    # What is there without Kexec HandOver too, and proves nothing.
    texts.append(b"kho_scratch\0luo-v\0kho-vx\0IKCFG_ST\0")
    body = b"".join(bytes([65 + number]) * filling + text for number, text in enumerate(texts))
    return elf(body + TEXT, code(version, LOAD_TEXT)) if metadata else elf(body)


# Where an ELF file by elf() begins in memory, and what stands for the instruction that puts the address of TEXT into
# %rdi in the code of one.
BASE = 0xFFFFFFFF81000000
LOAD_TEXT = b"<TEXT>"


def code(version: int, load: bytes) -> bytes:
    """What gcc makes of kho_in_kexec_metadata() where it refuses a record."""
    number = bytes([version])
    return b"\x83\xf8" + number + b"\x74\x15\xba" + number + b"\0\0\0\x89\xc6" + load + b"\xe8\x60\x34\x57\xff\xeb\x55"


def elf(body: bytes, machine_code: bytes = b"", base: int = BASE, machine: int = 62) -> bytes:
    """An ELF file with one segment, which holds all of it; each ``LOAD_TEXT`` in the code becomes an instruction."""
    start = 64 + 56
    address = base + start + body.find(TEXT)
    machine_code = machine_code.replace(LOAD_TEXT, b"\x48\xc7\xc7" + struct.pack("<Q", address)[:4])
    content = body + b"\x90" * 64 + machine_code + b"\x90" * 64
    size = start + len(content)
    header = struct.pack(
        "<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 2, machine, 1, base, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 1 << 21) + content


def x86_image(payload: bytes, compression: str = "gzip", unpacked_size: Optional[int] = None, **header: Any) -> bytes:
    """A bzImage with this kernel in it; its build appends the size to all but gzip, which has it."""
    packed = COMPRESSORS[compression](payload)
    if compression != "gzip":
        packed += struct.pack("<I", len(payload) if unpacked_size is None else unpacked_size)
    return x86_with(packed, **header)


def x86_with(packed: bytes, offset: int = 0x100, length: Optional[int] = None, **header: Any) -> bytes:
    """A bzImage with these bytes where its payload is."""
    image = bytearray(bzimage(size=28 * 512, **header))
    struct.pack_into("<II", image, 0x248, offset, len(packed) if length is None else length)
    struct.pack_into("<I", image, 0x260, INIT_SIZE)
    return bytes(image) + bytes(0x100) + packed + bytes(64)


def arm64_header(size: int = INIT_SIZE, flags: int = 0, first: bytes = b"\0\0\0\x14") -> bytes:
    """The 64 bytes that an arm64 kernel begins with."""
    return first.ljust(8, b"\0") + struct.pack("<QQQ", 0, size, flags) + bytes(24) + b"ARM\x64" + bytes(4)


def zboot(payload: bytes, compression: str = "gzip", machine: int = 0xAA64, **pe: int) -> bytes:
    """An EFI program that decompresses a kernel."""
    packed = COMPRESSORS[compression](payload)
    image = bytearray(portable({".text": b"code"}, machine=machine, **pe))
    struct.pack_into("<4sII", image, 4, b"zimg", len(image), len(packed))
    return bytes(image) + packed


def portable(
    sections: Mapping[str, bytes],
    machine: int = 0x8664,
    certificate: bytes = b"",
    padding: int = 512,
    more: Sequence[Tuple[bytes, int, int, int]] = (),
) -> bytes:
    """A portable executable; ``more`` are (name, size in memory, size in file, offset) of sections without content."""
    start, optional_size = 0x80, 240
    table_at = start + 24 + optional_size
    count = len(sections) + len(more)
    body_at = -(-(table_at + 40 * count) // padding) * padding
    table, body = b"", b""
    for name, content in sections.items():
        filled = content + bytes(-len(content) % padding)
        table += struct.pack("<8sIIII16x", name.encode(), len(content), 0x1000, len(filled), body_at + len(body))
        body += filled
    for raw, in_memory, in_file, offset in more:
        table += struct.pack("<8sIIII16x", raw, in_memory, 0x1000, in_file, offset)
    optional = bytearray(optional_size)
    struct.pack_into("<H", optional, 0, 0x20B)
    struct.pack_into("<I", optional, 108, 16)
    if certificate:
        struct.pack_into("<II", optional, 112 + 8 * 4, body_at + len(body), len(certificate))
    header = bytearray(start)
    struct.pack_into("<2s", header, 0, b"MZ")
    struct.pack_into("<I", header, 0x3C, start)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, count, 0, 0, 0, optional_size, 0x22)
    return (bytes(header) + coff + bytes(optional) + table).ljust(body_at, b"\0") + body + certificate


def uki(linux: bytes, **others: bytes) -> bytes:
    """A unified kernel image; the other sections by their names without the dot."""
    sections = {".text": b"stub", ".osrel": b"ID=debian\n", ".linux": linux}
    sections.update({"." + name: content for name, content in others.items()})
    return portable(sections)


def read_image(host: Host, path: str, config_path: Optional[str], clock: Clock = time.monotonic) -> KernelImage:
    """What an image says, without the cache."""
    image = open_image(host.read_bytes(path, IMAGE_LIMIT))
    return describe(host, image, scan_payload(host, image, clock), config_path)
