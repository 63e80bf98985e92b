# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of hosts whose health is observed, and of what is observed on them."""

from __future__ import annotations

from typing import Any, TypeVar

from ansible_collections.kho.kexec.plugins.module_utils._health.hardware import Device, Disk, Link
from ansible_collections.kho.kexec.plugins.module_utils._health.log import Complaint
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import Health
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, kmsg

START = "Linux version 7.3.4 (root@vm) #1 SMP PREEMPT"
ROOT = "/sys/devices/pci0000:00"
WARNING = Complaint("kernel_warning", "drm_wait", "WARNING: drm.c:1 at drm_wait+0x1/0x2, CPU#0: sh/1")
GIB = 1 << 30

AnyRoot = TypeVar("AnyRoot", bound=FakeRoot)


def healthy_host(host: AnyRoot, *said: str) -> AnyRoot:
    """Make it a host with an interface, a disk with two partitions, and whatever else is observed."""
    host.add("/dev/kmsg", kmsg(START, *said)).add("/proc/sys/kernel/random/boot_id", BOOT_ID + "\n")
    host.add("/proc/sys/kernel/tainted", "0\n").add("/sys/devices/system/cpu/online", "0-2,5\n")
    host.add("/proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          524288 kB\n")
    host.add("/sys/kernel/kexec/crash_size", f"{GIB >> 3}\n").add("/sys/kernel/kexec/crash_loaded", "1\n")
    pci_device(host, "0000:00:02.0", "1234:1111", "")
    pci_device(host, "0000:00:03.0", "1AF4:1041", "virtio-pci")
    pci_device(host, "0000:00:04.0", "1AF4:1042", "virtio-pci")
    interface(host, "/sys/devices/virtual", "lo", "unknown")
    interface(host, f"{ROOT}/0000:00:03.0/virtio1", "eth0", "up")
    disk(host, f"{ROOT}/0000:00:04.0/virtio2", "vda", 2, serial="root-disk")
    disk(host, "/sys/devices/virtual", "loop0", 0)
    return host


def pci_device(host: FakeRoot, address: str, make: str, driver: str) -> None:
    """Put a PCI device on the host; an empty driver is none."""
    driven = f"DRIVER={driver}\n" if driver else ""
    host.add(f"{ROOT}/{address}/uevent", f"{driven}PCI_CLASS=20000\nPCI_ID={make}\nPCI_SLOT_NAME={address}\n")
    host.link(f"/sys/bus/pci/devices/{address}", f"{ROOT}/{address}")


def interface(host: FakeRoot, device: str, name: str, state: str, port: int = 0) -> None:
    """Put a network interface of the device in sysfs on the host."""
    host.add(f"{device}/net/{name}/operstate", state + "\n").add(f"{device}/net/{name}/dev_port", f"{port}\n")
    host.link(f"/sys/class/net/{name}", f"{device}/net/{name}")


def disk(host: FakeRoot, device: str, name: str, partitions: int, **files: str) -> None:
    """Put a disk of the device in sysfs on the host, with files such as ``serial``."""
    folder = f"{device}/block/{name}"
    for file, text in {"removable": "0", "size": "2048", **files}.items():
        host.add(f"{folder}/{file}", text + "\n")
    host.link(f"/sys/class/block/{name}", folder)
    for number in range(1, partitions + 1):
        host.add(f"{folder}/{name}{number}/partition", f"{number}\n")
        host.link(f"/sys/class/block/{name}{number}", f"{folder}/{name}{number}")


def health(**changes: Any) -> Health:
    """What ``healthy_host`` shows."""
    facts: dict[str, Any] = {
        "taint": 0,
        "log": "complete",
        "complaints": (),
        "failed_units": (),
        "devices": (
            Device("0000:00:02.0", "1234:1111", None),
            Device("0000:00:03.0", "1af4:1041", "virtio-pci"),
            Device("0000:00:04.0", "1af4:1042", "virtio-pci"),
        ),
        "links": (Link("0000:00:03.0/virtio", "eth0", True),),
        "disks": (Disk("root-disk", "vda", 2),),
        "cpus": 4,
        "memory_bytes": GIB,
        "crash_bytes": GIB >> 3,
        "crash_image_loaded": True,
    }
    return Health(**{**facts, **changes})
