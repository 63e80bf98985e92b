# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of boot this was: the evidence that a boot leaves without any help of Kexec HandOver, and the verdict.

x86: ``/proc/sys/kernel/bootloader_type`` (Documentation/admin-guide/sysctl/kernel.rst; the number of the loader in the
upper half, 0xD for kexec, set by kexec-bzimage64.c and by kexec-tools alike) and the types of the boot protocol's
``setup_data`` (arch/x86/include/uapi/asm/setup_data.h). arm64: properties of ``/chosen`` (drivers/of/kexec.c).
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, number_of

VMCORE = "/proc/vmcore"
BOOTLOADER_TYPE = "/proc/sys/kernel/bootloader_type"
BOOT_PARAMS = "/sys/kernel/boot_params"
CHOSEN = "/proc/device-tree/chosen"

LOADER_KEXEC = 0xD
# 0 and 0xFF say that the loader did not identify itself; kexec may have been started by a tool that does not either.
LOADERS_UNKNOWN = (0, 0xFF)
SETUP_EFI = 0x4  # only kexec passes it on
SETUP_KEXEC_KHO = 0xA
SETUP_DATA_LIMIT = 256


class StartEvidence(NamedTuple):
    """What is known of the start. None means that nothing tells.

    ``capture``: this kernel was started by a crash. ``kexec``: another kernel started this one.
    ``offered``: the other kernel passed handover data. ``accepted``: this kernel made use of it.
    """

    capture: bool
    kexec: Optional[bool]
    offered: Optional[bool]
    accepted: Optional[bool]


# The truth table: the first row whose cells all hold decides. A capture kernel comes first, because to the loader it
# is a kexec like any other. "not-yes" holds for no and for unknown.
_TABLE = """
    capture  accepted  offered  kexec    boot

    yes      any       any      any      kdump
    no       yes       any      any      handover
    no       no        yes      any      kexec
    no       unknown   yes      any      unknown
    no       not-yes   no       yes      kexec
    no       no        not-yes  yes      kexec
    no       not-yes   not-yes  no       cold
"""
BOOT_KINDS: Tuple[Tuple[str, ...], ...] = tuple(tuple(row.split()) for row in _TABLE.split("\n")[3:-1])

_CELLS: Dict[str, Tuple[Optional[bool], ...]] = {
    "any": (True, False, None),
    "yes": (True,),
    "no": (False,),
    "unknown": (None,),
    "not-yes": (False, None),
}


def boot_kind(evidence: StartEvidence) -> str:
    """Return ``cold``, ``kexec``, ``handover``, ``kdump`` or ``unknown`` by the table ``BOOT_KINDS``."""
    seen = (evidence.capture, evidence.accepted, evidence.offered, evidence.kexec)
    for row in BOOT_KINDS:
        if all(value in _CELLS[cell] for value, cell in zip(seen, row)):
            return row[-1]
    return "unknown"


class Loader(NamedTuple):
    """What the loader's traces alone say: the fields of ``StartEvidence`` that need no log and no debugfs."""

    capture: bool
    kexec: Optional[bool]
    offered: Optional[bool]


def read_loader(host: Host) -> Loader:
    """Read the traces of the loader; any user may, on either architecture."""
    setup_types = _setup_data_types(host)
    chosen = _chosen(host)
    offered = _offered(setup_types, chosen)
    kexec = True if offered else _started_by_kexec(_loader_type(host), setup_types, chosen)
    return Loader(capture=host.exists(VMCORE), kexec=kexec, offered=offered)


def _started_by_kexec(
    loader_type: Optional[int], setup_types: Optional[List[int]], chosen: Optional[List[str]]
) -> Optional[bool]:
    if loader_type is not None and loader_type not in LOADERS_UNKNOWN:
        return loader_type >> 4 == LOADER_KEXEC
    # Only kexec_file_load sets the property, so its absence does not tell kexec_load from a boot loader.
    if SETUP_EFI in (setup_types or []) or "linux,booted-from-kexec" in (chosen or []):
        return True
    return None


def _offered(setup_types: Optional[List[int]], chosen: Optional[List[str]]) -> Optional[bool]:
    if setup_types is not None:
        return SETUP_KEXEC_KHO in setup_types
    if chosen is not None:
        return "linux,kho-fdt" in chosen
    return None


def _loader_type(host: Host) -> Optional[int]:
    return number_of(host, BOOTLOADER_TYPE)


def _setup_data_types(host: Host) -> Optional[List[int]]:
    """Return the types of all entries; the directory is absent when there are none, its parent when this is no x86."""
    if not host.exists(BOOT_PARAMS):
        return None
    directory = BOOT_PARAMS + "/setup_data"
    try:
        entries = host.listdir(directory)
    except HostError as error:
        return [] if error.reason == "absent" else None
    types = (number_of(host, f"{directory}/{entry}/type") for entry in entries[:SETUP_DATA_LIMIT])
    return [number for number in types if number is not None]


def _chosen(host: Host) -> Optional[List[str]]:
    try:
        return host.listdir(CHOSEN)
    except HostError:
        return None
