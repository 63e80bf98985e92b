# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firmware updates that the next start of the firmware installs, and which a kexec passes by."""

from __future__ import annotations

import json
import struct
import uuid
from typing import Any, Dict, Iterator, List, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

EFI_VARIABLES = "/sys/firmware/efi/efivars"
ESRT = "/sys/firmware/efi/esrt/entries"
# What fwupd leaves for its EFI program: fwupd-DEVICE-NUMBER (plugins/uefi-capsule/fu-uefi-update-info.c in fwupd).
_FWUPD_VARIABLE = "0abba7dc-e516-4167-bbf5-4d9d1c739416"
# Four bytes of attributes, then the version, the device's GUID, flags, the instance, a time, and the status.
_UPDATE = struct.Struct("<4xI16sIQ16sI")
_TO_BE_TRIED = 1
# "Delivery of Capsules via file on Mass Storage Device" in the UEFI specification
_CAPSULES = tuple(partition + "/EFI/UpdateCapsule" for partition in ("/boot/efi", "/efi", "/boot"))
FWUPD_HISTORY = "/var/lib/fwupd/pending.db"
_WAITING_STATES = (1, 4, "pending", "needs-reboot")
_RUN_TAKES = 20.0  # seconds
_KINDS = {"1": "the system's firmware", "2": "a device's firmware", "3": "an EFI driver"}
_MOST = 20


def pending_firmware(host: Host) -> Tuple[str, ...]:
    """The updates that wait for a reset, by names for people; what cannot be read waits for nothing."""
    found = [*_of_fwupd(host), *_for_its_program(host), *_capsules(host)]
    return tuple(dict.fromkeys(found))[:_MOST]


def _names(host: Host, directory: str) -> List[str]:
    try:
        return host.listdir(directory)[:1000]
    except HostError:
        return []


def _for_its_program(host: Host) -> Iterator[str]:
    for name in _names(host, EFI_VARIABLES):
        if name.startswith("fwupd-") and name.endswith(_FWUPD_VARIABLE):
            try:
                data = host.read_bytes(f"{EFI_VARIABLES}/{name}")
            except HostError:
                continue
            if len(data) >= _UPDATE.size:
                _version, device, _flags, _instance, _time, status = _UPDATE.unpack_from(data)
                if status == _TO_BE_TRIED:
                    yield _of_device(host, str(uuid.UUID(bytes_le=device)))


def _of_device(host: Host, device: str) -> str:
    for entry in _names(host, ESRT):
        if (line_of(host, f"{ESRT}/{entry}/fw_class") or "").lower() == device:
            return f"{_KINDS.get(line_of(host, f'{ESRT}/{entry}/fw_type') or '', 'firmware')} ({device})"
    return f"firmware of {device}"


def _capsules(host: Host) -> Iterator[str]:
    for directory in _CAPSULES:
        for name in _names(host, directory):
            yield f"the capsule {printable(name, 100)}"


def _of_fwupd(host: Host) -> Iterator[str]:
    if not host.exists(FWUPD_HISTORY):
        return
    try:
        told = host.run(["fwupdmgr", "get-history", "--json"], timeout=_RUN_TAKES)
        devices = json.loads(told.stdout)["Devices"] if told.rc == 0 else []
    except (HostError, ValueError, KeyError, TypeError):
        return
    for device in devices if isinstance(devices, list) else []:
        if isinstance(device, dict) and device.get("UpdateState") in _WAITING_STATES:
            yield " ".join(_shown(device))


def _shown(device: Dict[str, Any]) -> Iterator[str]:
    yield printable(str(device.get("Name", "a device")), 100)
    releases = device.get("Releases")
    first = releases[0] if isinstance(releases, list) and releases else None
    if isinstance(first, dict) and "Version" in first:
        yield printable(str(first["Version"]), 100)
