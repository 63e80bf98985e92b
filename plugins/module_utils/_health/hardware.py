# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hardware that the running kernel found and drives, as sysfs shows it: PCI devices, links, disks, processors.

Everything is known by an identity that other kernels give it too: its place on the bus, or what the disk itself says it
is. Names such as eth0 and nvme0n1 may differ from boot to boot and are kept for people only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional, Tuple, TypeVar

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

PCI = "/sys/bus/pci/devices"
NETWORK = "/sys/class/net"
BONDS = "/proc/net/bonding"
BLOCK = "/sys/class/block"
CPUS = "/sys/devices/system/cpu/online"
VIRTUAL = "/sys/devices/virtual/"
# Of each kind, no more than this are looked at.
MOST = 4096
TEXT_LIMIT = 200

# Where disks say which one they are: nvme and scsi (wwid), virtio (serial), nvme before 4.8.
DISK_NAMES = ("wwid", "device/wwid", "serial", "device/serial")
# Not hardware, or with a medium that may be taken out; and the hidden paths of a multipath nvme disk.
_NO_DISK = regex(r"(?:loop|ram|zram|dm-|md|nbd|drbd|rbd|zd|sr|fd|mtdblock)\d|nvme\d+c\d+n")
_PCI_ADDRESS = regex(r"(?:^|.*/)(?=[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?:/|$))")
# What the kernel counts in the order of discovery: virtio2, usb1, and the host of host:channel:target:lun.
_DISCOVERED = regex(r"(?<=[a-z])\d+(?=/|$)|(?<=/)\d+(?=:\d+:\d+:\d+)|(?<=target)\d+")
_RANGE = regex(r"(\d{1,6})(?:-(\d{1,6}))?")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Device:
    """A PCI device: its address, vendor and device as ``vvvv:dddd``, and its driver (None: no driver drives it)."""

    identity: str
    name: str
    driver: Optional[str]


@dataclass(frozen=True)
class Link:
    """A network interface of hardware, or a bond: where it is on the bus, its name, and whether its link is up."""

    identity: str
    name: str
    up: bool


@dataclass(frozen=True)
class Disk:
    """A disk: what it says it is (else where it is on the bus), its name, and its number of partitions."""

    identity: str
    name: str
    partitions: int


def read_devices(host: Host) -> Tuple[Device, ...]:
    """Return the PCI devices; none when the kernel has no PCI. Raises HostError."""
    return _each(host, PCI, lambda address: _device(host, address))


def read_links(host: Host) -> Tuple[Link, ...]:
    """Return the links. Raises HostError."""
    bonds = _listed(host, BONDS)
    return _each(host, NETWORK, lambda name: _link(host, name, name in bonds))


def read_disks(host: Host) -> Tuple[Disk, ...]:
    """Return the disks that are not removable and not empty. Raises HostError."""
    return _each(host, BLOCK, lambda name: _disk(host, name))


def read_cpus(host: Host) -> int:
    """Return how many processors are online. Raises HostError."""
    text = host.read_text(CPUS, 4096).strip()
    parts = [_RANGE.fullmatch(part) for part in text.split(",")]
    if not text or None in parts:
        raise HostError(CPUS, "failed", printable(f"it holds {text!r}", TEXT_LIMIT))
    return sum(int(part.group(2) or part.group(1)) - int(part.group(1)) + 1 for part in parts if part)


def place_on_bus(path: str) -> str:
    """Return what names a device in every boot, from its path in sysfs: from its last PCI address on."""
    path = _PCI_ADDRESS.sub("", path, count=1)
    return printable(_DISCOVERED.sub("", path), TEXT_LIMIT)


def _each(host: Host, folder: str, look: Callable[[str], Optional[Item]]) -> Tuple[Item, ...]:
    """Look at every name in a folder; what disappears meanwhile is passed over."""
    return tuple(_seen(_listed(host, folder)[:MOST], look))


def _seen(names: List[str], look: Callable[[str], Optional[Item]]) -> Iterator[Item]:
    for name in names:
        try:
            item = look(name)
        except HostError as error:
            if error.reason == "denied":
                raise
            continue
        if item is not None:
            yield item


def _listed(host: Host, folder: str) -> List[str]:
    """Return the names in a folder; none when there is no such folder."""
    try:
        return host.listdir(folder)
    except HostError as error:
        if error.reason == "absent":
            return []
        raise


def _device(host: Host, address: str) -> Device:
    """The device's uevent file holds all in one: DRIVER (only when there is one) and PCI_ID."""
    values = dict(
        line.partition("=")[::2] for line in _printable_lines(host.read_text(f"{PCI}/{address}/uevent", 1 << 14))
    )
    return Device(printable(address), values.get("PCI_ID", "").lower(), values.get("DRIVER"))


def _printable_lines(text: str) -> List[str]:
    """Return the lines as printable ASCII."""
    return [printable(line, TEXT_LIMIT) for line in text.splitlines()]


def _link(host: Host, name: str, is_bond: bool) -> Optional[Link]:
    path = host.resolve(f"{NETWORK}/{name}")
    if is_bond:
        identity = printable(name)
    elif path.startswith(VIRTUAL):
        return None
    else:
        identity = place_on_bus(path.rpartition("/net/")[0]) + _port(host, name)
    state = host.read_text(f"{NETWORK}/{name}/operstate", 64).strip()
    return Link(identity, printable(name), state == "up")


def _port(host: Host, name: str) -> str:
    """Return which of several ports of one device the interface is; empty for the first."""
    port = line_of(host, f"{NETWORK}/{name}/dev_port")
    return "" if port in (None, "0") else f" port {port}"


def _disk(host: Host, name: str) -> Optional[Disk]:
    folder = f"{BLOCK}/{name}"
    if _NO_DISK.match(name) or host.exists(folder + "/partition"):
        return None
    if line_of(host, folder + "/removable") == "1" or line_of(host, folder + "/size") == "0":
        return None
    partitions = [entry for entry in host.listdir(folder) if entry.startswith(name)]
    named = next((text for text in (line_of(host, f"{folder}/{file}", TEXT_LIMIT) for file in DISK_NAMES) if text), "")
    identity = named or place_on_bus(host.resolve(folder).rpartition("/block/")[0])
    return Disk(identity, printable(name), len(partitions))
