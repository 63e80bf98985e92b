# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kexec HandOver (KHO) shows in debugfs: the most trusted source, and the only complete one.

``/sys/kernel/debug/kho/in`` exists when this kernel accepted a handover, ``out`` when KHO is on. Both hold
``sub_fdts/`` with one blob for each subtree; ``in/fdt`` or, in a chain's first boot, ``out/fdt`` names the ABI
(kernel/liveupdate/kexec_handover_debugfs.c). Only root may read them.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.access import lockdown_mode
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex, until_nul
from ansible_collections.kho.kexec.plugins.module_utils._kernel.fdt import FdtError, FdtRoot, first_property, parse_fdt
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import (
    NODE_NAME,
    MetadataError,
    Record,
    parse_metadata,
)

MOUNT = "/sys/kernel/debug"
ROOT = MOUNT + "/kho"

# The FDT and the metadata fit a page; the limit is for what claims to be one of them and is not.
BLOB_LIMIT = 1 << 20
SUBTREES_LIMIT = 256
SUBTREE_NAME_LIMIT = 64
# Kernels compare the whole string, and some compose it of parts.
ABI_LIMIT = 100
# Linux 7.4 announces the second name.
SCRATCH_LENGTHS = ("scratch_len", "bootmem_len")
SCRATCH_AREAS_LIMIT = 1 << 12

_KHO_ABI = regex(rb"kho-v[\w.;:,+-]{1,95}\0")
_LUO_ABI = regex(r"luo-v[\w.;:,+-]+", re.ASCII)
_AREA = regex(r"0x[0-9a-fA-F]{1,16}")


class HandoverFiles(NamedTuple):
    """What was found in debugfs.

    ``obstacle`` is the note that says why nothing could be read; then all else is empty. ``incoming`` and
    ``outgoing`` say which of the two directories exist; ``scratch_areas`` has the size of each area in
    bytes; ``notes`` name what exists and could not be read or understood.
    """

    obstacle: Optional[Note] = None
    incoming: bool = False
    outgoing: bool = False
    received: Optional[Record] = None
    next: Optional[Record] = None
    abi: Optional[str] = None
    luo_abi: Optional[str] = None
    subtrees: Tuple[str, ...] = ()
    scratch_areas: Optional[Tuple[int, ...]] = None
    notes: Tuple[Note, ...] = ()

    def has_note(self, code: str) -> bool:
        """Whether one of the notes has this code."""
        return any(note.code == code for note in self.notes)


def read_handover_files(host: Host) -> HandoverFiles:
    """Read everything once; what is absent is no error."""
    try:
        names = host.listdir(ROOT)
    except HostError as error:
        return HandoverFiles(obstacle=_obstacle(host, error))
    return _Reader(host, names).read()


def parse_scratch_lengths(text: str) -> Optional[Tuple[int, ...]]:
    """Return the sizes of the scratch areas in bytes; the file holds one hexadecimal length on each line."""
    areas = text.split()
    if not areas or len(areas) > SCRATCH_AREAS_LIMIT or not all(_AREA.fullmatch(area) for area in areas):
        return None
    return tuple(int(area, 16) for area in areas)


def parse_luo_abi(blob: bytes) -> Optional[str]:
    """Return the ABI of the Live Update Orchestrator, such as ``luo-v5``, from its subtree.

    Since luo-v3 the blob begins with it as a C string (``struct luo_ser``); before, the blob was a device tree.
    """
    try:
        abi = parse_fdt(blob).compatible
    except FdtError:
        abi = until_nul(blob[: ABI_LIMIT + 1], ABI_LIMIT + 1)
    return abi if len(abi) <= ABI_LIMIT and _LUO_ABI.fullmatch(abi) else None


def abi_of_cut_tree(blob: bytes) -> Optional[bytes]:
    """Return the KHO ABI, such as ``kho-v4``, of an outgoing tree whose end is missing; None when it has none.

    The file has the size of the tree when it was made, and subtrees that come later, as that of ``liveupdate=on``,
    push its end out of it (``kho_init`` and ``kho_add_subtree``, kernel/liveupdate/kexec_handover.c). The ABI is the
    first property (``kho_out_fdt_setup``).
    """
    try:
        abi = first_property(blob)
    except FdtError:
        return None
    return abi if _KHO_ABI.fullmatch(abi) else None


def _obstacle(host: Host, error: HostError) -> Optional[Note]:
    """Explain why the directory could not be listed; None when debugfs is there and simply has no KHO."""
    if error.reason == "denied":
        return Note("root_missing", f"Only root may read {ROOT}; run with become: true.")
    if error.reason != "absent":
        return Note("debugfs_unreadable", str(error))
    try:
        mounted = bool(host.listdir(MOUNT))
    except HostError as mount_error:
        if mount_error.reason == "denied":
            return Note("root_missing", f"Only root may read {MOUNT}; run with become: true.")
        mounted = False
    if mounted:
        return None
    return Note(
        "debugfs_not_mounted",
        f"debugfs is not mounted on {MOUNT}, where the kernel shows what was handed over; "
        f"mount it: mount -t debugfs debugfs {MOUNT}.",
    )


class _Reader:
    """Reads the files below ``/sys/kernel/debug/kho`` and collects what went wrong."""

    def __init__(self, host: Host, names: List[str]) -> None:
        self._host = host
        self._incoming = "in" in names
        self._outgoing = "out" in names
        self._notes: List[Note] = []

    def read(self) -> HandoverFiles:
        incoming = self._list("in/sub_fdts") if self._incoming else []
        outgoing_files = self._list("out") if self._outgoing else []
        outgoing = self._list("out/sub_fdts") if "sub_fdts" in outgoing_files else []
        tree = self._tree(outgoing_files)
        return HandoverFiles(
            incoming=self._incoming,
            outgoing=self._outgoing,
            received=self._record("in/sub_fdts/" + NODE_NAME) if NODE_NAME in incoming else None,
            next=self._record("out/sub_fdts/" + NODE_NAME) if NODE_NAME in outgoing else None,
            abi=self._abi(tree),
            luo_abi=self._luo_abi(incoming, outgoing),
            subtrees=self._subtrees(tree, incoming),
            scratch_areas=self._scratch(outgoing_files),
            notes=tuple(self._notes),
        )

    def _list(self, name: str) -> List[str]:
        try:
            return self._host.listdir(f"{ROOT}/{name}")
        except HostError as error:
            self._unreadable(error)
            return []

    def _bytes(self, name: str) -> Optional[bytes]:
        try:
            return self._host.read_bytes(f"{ROOT}/{name}", BLOB_LIMIT)
        except HostError as error:
            self._unreadable(error)
            return None

    def _unreadable(self, error: HostError) -> None:
        """Note an error; one note of a kind is enough."""
        note = Note("debugfs_unreadable", str(error))
        mode = lockdown_mode(self._host) if error.reason == "denied" else None
        if mode:
            note = Note("lockdown", f"Kernel lockdown ({mode}) keeps debugfs from being read: {error}")
        if all(known.code != note.code for known in self._notes):
            self._notes.append(note)

    def _record(self, name: str) -> Optional[Record]:
        blob = self._bytes(name)
        if blob is None:
            return None
        try:
            return parse_metadata(blob)
        except MetadataError as error:
            self._damaged(name, error)
            return None

    def _tree(self, outgoing_files: List[str]) -> Optional[FdtRoot]:
        """Read the tree that came in; a kernel that nothing was handed to shows the one that it will hand over."""
        name = "in/fdt" if self._incoming else "out/fdt"
        if not self._incoming and "fdt" not in outgoing_files:
            return None
        blob = self._bytes(name)
        if blob is None:
            return None
        try:
            return parse_fdt(blob)
        except FdtError as error:
            abi = None if self._incoming else abi_of_cut_tree(blob)
            if abi is not None:
                return FdtRoot({"compatible": abi}, ())
            self._damaged(name, error)
            return None

    def _damaged(self, name: str, error: KhoError) -> None:
        self._notes.append(Note(error.code, f"{error.message} ({ROOT}/{name})"))

    def _abi(self, tree: Optional[FdtRoot]) -> Optional[str]:
        abi = tree.compatible if tree else ""
        return abi if 0 < len(abi) <= ABI_LIMIT else None

    def _luo_abi(self, incoming: List[str], outgoing: List[str]) -> Optional[str]:
        """Ask the outgoing state first, which is this kernel's own."""
        for directory, names in (("out", outgoing), ("in", incoming)):
            blob = self._bytes(directory + "/sub_fdts/LUO") if "LUO" in names else None
            abi = parse_luo_abi(blob) if blob is not None else None
            if abi:
                return abi
        return None

    def _subtrees(self, tree: Optional[FdtRoot], incoming: List[str]) -> Tuple[str, ...]:
        if not self._incoming:
            return ()
        names = sorted(tree.children) if tree else incoming
        return tuple(printable(name, SUBTREE_NAME_LIMIT) for name in names[:SUBTREES_LIMIT])

    def _scratch(self, outgoing_files: List[str]) -> Optional[Tuple[int, ...]]:
        for name in SCRATCH_LENGTHS:
            blob = self._bytes("out/" + name) if name in outgoing_files else None
            if blob is not None:
                return self._scratch_areas(name, blob)
        return None

    def _scratch_areas(self, name: str, blob: bytes) -> Optional[Tuple[int, ...]]:
        areas = parse_scratch_lengths(blob.decode("latin-1"))
        if areas is None:
            self._notes.append(Note("scratch_damaged", f"{ROOT}/out/{name} holds something else than lengths."))
        return areas
