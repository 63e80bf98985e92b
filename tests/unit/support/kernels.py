# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of what a kernel shows: metadata blobs, device trees, log records, and whole hosts."""

from __future__ import annotations

import json
import struct
import sys
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

BOOT_ID = "14279335-2684-452e-8909-1f3ab862a53b"
KHO = "/sys/kernel/debug/kho"
# Of 2 GiB, and with 256 MiB of scratch memory.
MEMORY = "MemTotal:        2031616 kB\nCmaTotal:              0 kB\nCmaFree:          186368 kB\n"

_PREFIXES = {"little": "<", "big": ">"}


def metadata(release: bytes, count: int, version: int = 1, byteorder: str = sys.byteorder) -> bytes:
    """A ``kexec-metadata`` blob of 73 bytes."""
    return struct.pack(_PREFIXES[byteorder] + "I65sI", version, release, count)


def kmsg(*lines: str, first: int = 0, facility: int = 0) -> bytes:
    """Records of /dev/kmsg, as the kernel numbers and escapes them."""
    records = []
    for number, line in enumerate(lines, start=first):
        text = "".join(char if " " <= char <= "~" and char != "\\" else f"\\x{ord(char):02x}" for char in line)
        records.append(f"{facility * 8 + 6},{number},{number * 1000},-;{text}")
    return "\n".join(records).encode()


def journal_entry(message: Any, transport: str = "kernel", facility: str = "0") -> str:
    """One line of ``journalctl --output=json``."""
    return json.dumps({"MESSAGE": message, "_TRANSPORT": transport, "SYSLOG_FACILITY": facility})


def fdt(compatible: bytes = b"kho-v4", children: Iterable[str] = ("kexec-metadata",)) -> bytes:
    """A device tree as KHO writes it: compatible, preserved-memory-map, and a node with two addresses a subtree."""
    strings = b"compatible\0preserved-memory-map\0preserved-data\0blob-size\0"
    body = _begin(b"") + _property(strings, b"compatible", compatible + b"\0")
    body += _property(strings, b"preserved-memory-map", struct.pack("=Q", 0x1234000))
    for name in children:
        body += _begin(name.encode())
        body += _property(strings, b"preserved-data", struct.pack("=Q", 0x5678000))
        body += _property(strings, b"blob-size", struct.pack("=Q", 73)) + struct.pack(">I", 2)
    return assemble(body + struct.pack(">2I", 2, 9), strings)


def assemble(structure: bytes, strings: bytes) -> bytes:
    """A device tree from its two blocks, with an empty memory reservation block."""
    structure_at = 40 + 16
    strings_at = structure_at + len(structure)
    sizes = (len(strings), len(structure))
    header = struct.pack(">10I", 0xD00DFEED, strings_at + len(strings), structure_at, strings_at, 40, 17, 16, 0, *sizes)
    return header + bytes(16) + structure + strings


def _begin(name: bytes) -> bytes:
    return struct.pack(">I", 1) + _padded(name + b"\0")


def _property(strings: bytes, name: bytes, value: bytes) -> bytes:
    return struct.pack(">3I", 3, len(value), strings.index(name + b"\0")) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def x86_host(
    host: FakeRoot,
    release: str = "7.3.4",
    loader: int = 176,
    setup_data: Sequence[int] = (),
    command_line: str = "console=ttyS0 kho=on panic=5",
    log: bytes = b"",
) -> FakeRoot:
    """An x86 host as any user sees it, without a configuration; debugfs is mounted and has nothing of KHO."""
    host.add("/proc/sys/kernel/osrelease", release + "\n")
    host.add("/proc/sys/kernel/random/boot_id", BOOT_ID + "\n")
    host.add("/proc/sys/kernel/bootloader_type", f"{loader}\n")
    host.add("/proc/cmdline", command_line + "\n")
    host.add("/proc/meminfo", MEMORY)
    host.add_directory("/sys/kernel/boot_params")
    for number, kind in enumerate(setup_data):
        host.add(f"/sys/kernel/boot_params/setup_data/{number}/type", f"0x{kind:x}\n")
    host.add("/sys/kernel/kexec/loaded", "0\n").add("/sys/kernel/kexec/crash_loaded", "0\n")
    host.add_directory("/sys/kernel/debug/tracing")
    return host.add("/dev/kmsg", log or kmsg(f"Linux version {release}", "Run /init as init process"))


def kho_files(
    host: FakeRoot, incoming: Mapping[str, bytes], outgoing: Mapping[str, bytes], abi: bytes = b"kho-v4"
) -> FakeRoot:
    """The files of KHO in debugfs, given the blobs of both directions; 256 MiB of scratch in three areas."""
    if incoming:
        host.add(KHO + "/in/fdt", fdt(abi, incoming))
    else:
        host.add(KHO + "/out/fdt", fdt(abi, outgoing))
    for direction, blobs in (("in", incoming), ("out", outgoing)):
        for name, blob in blobs.items():
            host.add(f"{KHO}/{direction}/sub_fdts/{name}", blob)
    host.add(KHO + "/out/scratch_phys", "0x1000000\n0x0\n0x8000000\n")
    return host.add(KHO + "/out/scratch_len", "0x4000000\n0x0\n0xc000000\n")


def bzimage(
    release: bytes = b"7.3.4-kho",
    protocol: int = 0x20F,
    load_flags: int = 0x7F,
    command_line_limit: int = 2047,
    setup_sectors: int = 27,
    version_at: int = 0x3000,
    size: int = 65 * 512,
) -> bytes:
    """The beginning of an x86 image, as Documentation/arch/x86/boot.rst describes it."""
    image = bytearray(size)
    image[0x1F1] = setup_sectors
    image[0x1FE:0x200] = b"\x55\xaa"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, protocol)
    struct.pack_into("<H", image, 0x20E, version_at)
    struct.pack_into("<H", image, 0x236, load_flags)
    struct.pack_into("<I", image, 0x238, command_line_limit)
    text = release + b" (root@build) #1 SMP\0"
    if version_at >= 0x100:  # below, it would overwrite the header
        image[version_at + 512 : version_at + 512 + len(text)] = text
    return bytes(image[:size])
