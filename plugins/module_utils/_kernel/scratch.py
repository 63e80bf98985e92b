# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much scratch memory a handover takes, and the ``kho_scratch=`` that reserves it. All sizes are bytes.

Scratch memory is reserved at the cold boot and stays as it is for the whole chain: one area below 4 GiB, one anywhere,
and one on each NUMA node (kernel/liveupdate/kexec_handover.c, kho_reserve_scratch()).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import release_key

PAGE = 4096
PAGE_STRUCTURE = 64
MIB = 1 << 20
# Sizes are rounded up to whole blocks of the page allocator (CMA_MIN_ALIGNMENT_BYTES), 4 MiB with pages of 4 KiB.
BLOCK = 4 * MIB
AREA_SLACK = 32 * MIB
NODE_SLACK = 16 * MIB
LOW_SLACK = 16 * MIB
# The memory for a crash kernel begins at a multiple of it (CRASH_ALIGN in arch/x86/include/asm/crash_reserve.h).
CRASH_ALIGNMENT = 16 * MIB
# Kernels on machines with memory above 4 GiB take 64 MiB below it for devices that reach no higher (IO_TLB_DEFAULT_SIZE
# in include/linux/swiotlb.h).
BOUNCE_BUFFERS = 64 * MIB
FOUR_GIB = 4096 * MIB

# The argument that reserves it, and what it is called since Linux 7.4, where scratch memory became "bootmem".
PARAMETER, NEW_PARAMETER = "kho_scratch", "kho_bootmem"
_FIRST_OF_NEW = "7.4-rc0"

_SIZES = regex(r"([0-9]{1,12})([KMG]?),([0-9]{1,12})([KMG]?),([0-9]{1,12})([KMG]?)", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}


class Need(NamedTuple):
    """What a target wants of the scratch memory until the handover is taken in.

    ``kernel`` and ``initrd`` are the segments that are loaded, in whole pages, ``crash`` the memory for a crash kernel,
    each of which must lie inside of one area; ``structures`` are those of the host's memory.
    """

    kernel: int
    initrd: int
    crash: int
    structures: int

    @property
    def largest(self) -> int:
        """The size that the largest area must have."""
        return max(self.kernel, self.initrd, self.crash_room)

    @property
    def crash_room(self) -> int:
        """The size of an area in which there is certainly room for a crash kernel; 0 when none is wanted.

        The target puts itself at a random place in the scratch areas (process_kho_entries() in
        arch/x86/boot/compressed/kaslr.c), and may divide what is left of an area in two.
        """
        return 2 * (self.crash + CRASH_ALIGNMENT) + self.kernel + self.initrd if self.crash else 0

    @property
    def total(self) -> int:
        """The size that all areas together must have."""
        return self.kernel + self.initrd + self.structures


class Areas(NamedTuple):
    """The sizes of the scratch areas: below 4 GiB, anywhere, and on each of the ``nodes`` NUMA nodes."""

    low: int
    anywhere: int
    node: int
    nodes: int

    @property
    def largest(self) -> int:
        """The size of the largest area."""
        return max(self.low, self.anywhere, self.node)

    @property
    def total(self) -> int:
        """The size of all areas together."""
        return self.low + self.anywhere + self.node * self.nodes

    @property
    def value(self) -> str:
        """The value of ``kho_scratch=`` that reserves them."""
        return ",".join(f"{mib(size)}M" for size in (self.low, self.anywhere, self.node))


def need_of(init_size: int, initrd_bytes: int, crash_bytes: int, memory_bytes: int) -> Need:
    """The need of a kernel, from the sizes that it and its host have.

    ``struct page`` takes 64 bytes for each page of 4096 (include/linux/mm_types.h; sparse_init() in mm/sparse.c).
    """
    structures = memory_bytes // PAGE * PAGE_STRUCTURE
    return Need(pages(init_size), pages(initrd_bytes), crash_bytes, structures)


def areas_for(need: Need, memory_bytes: int, nodes: int) -> Areas:
    """Areas in which the need is met, with room for what is not counted: page tables, per-CPU memory, hash tables.

    The memory for a crash kernel must be below 4 GiB, and the first area is the one that certainly is.
    """
    low = LOW_SLACK + (BOUNCE_BUFFERS if memory_bytes > FOUR_GIB else 0) + need.crash_room
    anywhere = need.kernel + need.initrd + AREA_SLACK
    node = need.structures * 5 // 4 // nodes + NODE_SLACK
    return Areas(_blocks(low), _blocks(anywhere), _blocks(node), nodes)


def parse_areas(value: str, nodes: int) -> Areas | None:
    """The areas that a value of ``kho_scratch=`` reserves; None for a percentage and what the kernel does not take."""
    match = _SIZES.fullmatch(value)
    if match is None:
        return None
    low, anywhere, node = (
        _blocks(int(match.group(at)) << _UNITS[match.group(at + 1).upper()]) for at in range(1, 7, 2)
    )
    return Areas(low, anywhere, node, nodes)


def is_bootmem_release(release: str) -> bool:
    """Whether a kernel of this release reserves its scratch memory by ``kho_bootmem=``."""
    return release_key(release) >= release_key(_FIRST_OF_NEW)


def pages(size: int) -> int:
    """The size in whole pages."""
    return -(-size // PAGE) * PAGE


def mib(size: int) -> int:
    """The size in MiB, rounded up."""
    return -(-size // MIB)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
