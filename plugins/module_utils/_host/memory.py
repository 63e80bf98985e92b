# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory the running kernel has, in which pages, and how much of it is set aside for a crash kernel."""

from __future__ import annotations

import re
import struct
from typing import Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

MEMORY = "/proc/meminfo"
# As with _kexec_state: the first since Linux 6.19, the second before.
CRASH_SIZES = ("/sys/kernel/kexec/crash_size", "/sys/kernel/kexec_crash_size")

# The values that the kernel gives each program at its start (getauxval(3)): pairs of unsigned longs.
AUXILIARY = "/proc/self/auxv"
_PAIR = struct.Struct("LL")
_AT_PAGESZ = 6

_MEMORY = regex(r"^MemTotal: +([0-9]{1,15}) kB$", re.MULTILINE)
_SIZE = regex(r"[0-9]{1,18}")


def memory_bytes(host: Host) -> Optional[int]:
    """MemTotal of proc_meminfo(5), which is in KiB: without what is set aside for a crash kernel. None: unknown."""
    try:
        match = _MEMORY.search(host.read_text(MEMORY))
    except HostError:
        return None
    return int(match.group(1)) << 10 if match else None


def contiguous_bytes(host: Host) -> Optional[Tuple[Optional[int], Optional[int]]]:
    """CmaTotal and CmaFree of proc_meminfo(5): the memory that is kept for large allocations. None: cannot be read.

    One that the kernel does not name is None: it names both with CONFIG_CMA alone (fs/proc/meminfo.c). Scratch memory
    is lent out as such. The kernel counts what is free of it, and not all of it in the total.
    """
    text = read_lossless(host, MEMORY)
    if not text:
        return None
    found = (re.search(rf"^{name}: +([0-9]{{1,15}}) kB$", text, re.MULTILINE) for name in ("CmaTotal", "CmaFree"))
    total, free = (int(match.group(1)) << 10 if match else None for match in found)
    return total, free


def page_bytes(host: Host) -> Optional[int]:
    """The size of the running kernel's pages; None when it does not say."""
    try:
        data = host.read_bytes(AUXILIARY)
    except HostError:
        return None
    return dict(_PAIR.iter_unpack(data[: len(data) // _PAIR.size * _PAIR.size])).get(_AT_PAGESZ)


def crash_bytes(host: Host) -> Optional[int]:
    """The memory that is set aside for a crash kernel; None when the kernel does not say, as one without kexec."""
    for path in CRASH_SIZES:
        size = line_of(host, path)
        if size and _SIZE.fullmatch(size):
            return int(size)
    return None
