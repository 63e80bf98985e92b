# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root node of a flattened device tree (FDT), as Kexec HandOver writes it.

Only what the collection needs is read: the properties of the root node and the names of its children. The blob comes
from the previous kernel, so nothing in it is believed: every offset and length is checked against the blob, and the
walk consumes at least four bytes a step, so its time is bounded by the blob's size.

Format: Devicetree Specification, chapter 5. All numbers of the format itself are big-endian on every machine.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Mapping, NamedTuple, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, printable

MAGIC = 0xD00DFEED
HEADER = struct.Struct(">10I")
CELL = struct.Struct(">I")
VERSION = 17  # the only one that the kernel's writer (scripts/dtc/libfdt/fdt_sw.c) makes

BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9

NAME_LIMIT = 255
CHILDREN_LIMIT = 1024


class FdtError(KhoError):
    """The blob is not a device tree that can be read; ``code`` is ``fdt_damaged``."""

    def __init__(self, message: str) -> None:
        super().__init__("fdt_damaged", "The handover device tree is damaged: " + message)


class FdtRoot(NamedTuple):
    """The root node: its properties by name, and the names of its children in their order (without a path)."""

    properties: Mapping[str, bytes]
    children: Tuple[str, ...]

    @property
    def compatible(self) -> str:
        """The first string of the ``compatible`` property as printable ASCII; empty when there is none."""
        return printable(self.properties.get("compatible", b"").split(b"\0", 1)[0], NAME_LIMIT)


def parse_fdt(blob: bytes) -> FdtRoot:
    """Read the root node of a device tree. Raises ``FdtError``, and nothing else, for any other input."""
    structure, strings = _blocks(blob)
    return _Walk(structure, strings).run()


def first_property(blob: bytes) -> bytes:
    """Return the value of the root node's first property, also when the end of the tree is missing.

    Names of properties stand there, so which one it is cannot be told. Raises ``FdtError``.
    """
    if len(blob) < HEADER.size:
        raise FdtError(f"it has {counted(len(blob), 'byte')}, fewer than its header.")
    magic, _total, structure_at = HEADER.unpack_from(blob)[:3]
    if magic != MAGIC:
        raise FdtError(f"it starts with 0x{magic:08x} instead of 0x{MAGIC:08x}.")
    begin = struct.Struct(">5I")  # the root node, which has no name; the property, its size, where its name is
    value_at = structure_at + begin.size
    if structure_at < HEADER.size or value_at > len(blob):
        raise FdtError("it is cut before its first property.")
    node, name, property_, size, _name_at = begin.unpack_from(blob, structure_at)
    if (node, name, property_) != (BEGIN_NODE, 0, PROPERTY) or value_at + size > len(blob):
        raise FdtError("its root node does not begin with a property.")
    return blob[value_at : value_at + size]


def _blocks(blob: bytes) -> Tuple[bytes, bytes]:
    """Check the header, and cut out the structure block and the strings block."""
    if len(blob) < HEADER.size:
        raise FdtError(f"it has {counted(len(blob), 'byte')}, fewer than its header.")
    magic, total, structure_at, strings_at, _reserved, version, compatible_with, _cpu, strings_size, structure_size = (
        HEADER.unpack_from(blob)
    )
    if magic != MAGIC:
        raise FdtError(f"it starts with 0x{magic:08x} instead of 0x{MAGIC:08x}.")
    if version < VERSION or compatible_with > VERSION:
        raise FdtError(f"its format is version {version}, and only version {VERSION} is known.")
    if total > len(blob):
        raise FdtError(f"it claims {counted(total, 'byte')} and has {len(blob)}.")
    for start, size in ((structure_at, structure_size), (strings_at, strings_size)):
        if start < HEADER.size or start + size > total:
            raise FdtError(
                f"a block of {counted(size, 'byte')} at {start} lies outside of its {counted(total, 'byte')}."
            )
    return blob[structure_at : structure_at + structure_size], blob[strings_at : strings_at + strings_size]


class _Walk:
    """One pass over the structure block."""

    def __init__(self, structure: bytes, strings: bytes) -> None:
        self._structure = structure
        self._strings = strings
        self._position = 0
        self._depth = 0
        self._properties: Dict[str, bytes] = {}
        self._children: List[str] = []

    def run(self) -> FdtRoot:
        """Walk until the root node ends."""
        while True:
            token = self._cell()
            if token == BEGIN_NODE:
                self._begin_node()
            elif token == PROPERTY:
                self._property()
            elif token == END_NODE:
                self._depth -= 1
                if self._depth <= 0:
                    return self._finished()
            elif token != NOP:
                raise FdtError(f"an unexpected token {token} at {self._position - CELL.size}.")

    def _finished(self) -> FdtRoot:
        if self._depth < 0:
            raise FdtError("a node ends that never began.")
        return FdtRoot(self._properties, tuple(self._children))

    def _begin_node(self) -> None:
        name = self._node_name()
        if self._depth == 1:
            if len(self._children) == CHILDREN_LIMIT:
                raise FdtError(f"it has more than {CHILDREN_LIMIT} subtrees.")
            self._children.append(name)
        self._depth += 1

    def _property(self) -> None:
        size, name_at = self._cell(), self._cell()
        value = self._bytes(size)
        if self._depth == 0:
            raise FdtError("a property is outside of every node.")
        if self._depth == 1:
            self._properties[self._property_name(name_at)] = value

    def _cell(self) -> int:
        return int(CELL.unpack(self._bytes(CELL.size))[0])

    def _bytes(self, size: int) -> bytes:
        """Take ``size`` bytes, and skip the padding after them."""
        end = self._position + size
        if end > len(self._structure):
            raise FdtError(f"{size} bytes at {self._position} go beyond its end.")
        value = self._structure[self._position : end]
        self._position = (end + 3) & ~3
        return value

    def _node_name(self) -> str:
        end = self._structure.find(b"\0", self._position, self._position + NAME_LIMIT + 1)
        if end < 0:
            raise FdtError(f"a node's name at {self._position} has no end.")
        return printable(self._bytes(end + 1 - self._position)[:-1], NAME_LIMIT)

    def _property_name(self, start: int) -> str:
        end = self._strings.find(b"\0", start, start + NAME_LIMIT + 1)
        if end < 0:
            raise FdtError(f"a property's name at {start} has no end.")
        return printable(self._strings[start:end], NAME_LIMIT)
