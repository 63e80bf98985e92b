# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.hardware import (
    Device,
    Disk,
    Link,
    place_on_bus,
    read_cpus,
    read_devices,
    read_disks,
    read_links,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.health import ROOT, disk, interface, pci_device


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_devices_with_and_without_driver(host):
    pci_device(host, "0000:00:1f.2", "8086:2922", "ahci")
    pci_device(host, "0000:01:00.0", "10DE:1EB8", "")
    assert read_devices(host) == (
        Device("0000:00:1f.2", "8086:2922", "ahci"),
        Device("0000:01:00.0", "10de:1eb8", None),
    )


def test_a_device_that_disappears_meanwhile_is_passed_over(host):
    pci_device(host, "0000:00:1f.2", "8086:2922", "ahci")
    host.add_directory("/sys/bus/pci/devices/0000:00:1f.3")
    assert len(read_devices(host)) == 1


def test_a_host_without_pci(host):
    assert read_devices(host) == ()


def test_what_may_not_be_read_is_an_error(host):
    host.deny("/sys/bus/pci")
    with pytest.raises(HostError):
        read_devices(host)


def test_text_of_a_device_is_made_printable(host):
    pci_device(host, "0000:00:1f.2", "8086:2922", "{{ bad }}\x1b")
    assert read_devices(host)[0].driver == "?{ bad }}?"


def test_links_of_hardware_and_bonds(host):
    card = f"{ROOT}/0000:00:1c.0/0000:3b:00.1"
    interface(host, card, "ens1", "up")
    interface(host, card, "ens1d1", "down", port=1)
    interface(host, "/sys/devices/virtual", "bond0", "up")
    interface(host, "/sys/devices/virtual", "docker0", "up")
    host.add("/proc/net/bonding/bond0")
    assert set(read_links(host)) == {
        Link("bond0", "bond0", True),
        Link("0000:3b:00.1", "ens1", True),
        Link("0000:3b:00.1 port 1", "ens1d1", False),
    }


@pytest.mark.parametrize("file", ["wwid", "serial", "device/serial", "device/wwid"])
def test_a_disk_is_known_by_what_it_says_it_is(host, file):
    disk(host, f"{ROOT}/0000:00:04.0/nvme/nvme0", "nvme0n1", 0, **{file: " naa.5000 "})
    assert read_disks(host) == (Disk("naa.5000", "nvme0n1", 0),)


def test_a_disk_that_says_nothing_is_known_by_its_place(host):
    disk(host, f"{ROOT}/0000:00:04.0/virtio7", "vdb", 3, serial="")
    assert read_disks(host) == (Disk("0000:00:04.0/virtio", "vdb", 3),)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("loop0", {}),
        ("dm-3", {}),
        ("zram0", {}),
        ("sr0", {}),
        ("nvme0c1n1", {}),
        ("sdb", {"removable": "1"}),
        ("sdc", {"size": "0"}),
    ],
)
def test_what_is_no_disk(host, name, files):
    disk(host, f"{ROOT}/0000:00:04.0", name, 0, **files)
    assert read_disks(host) == ()


@pytest.mark.parametrize(("text", "count"), [("0", 1), ("0-63", 64), ("0-2,5,8-9", 6)])
def test_processors_online(host, text, count):
    host.add("/sys/devices/system/cpu/online", text + "\n")
    assert read_cpus(host) == count


@pytest.mark.parametrize("text", ["", "x", "0-", "1,,2", "9999999"])
def test_processors_that_cannot_be_counted(host, text):
    host.add("/sys/devices/system/cpu/online", text + "\n")
    with pytest.raises(HostError):
        read_cpus(host)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/sys/devices/pci0000:00/0000:00:03.0/virtio2", "0000:00:03.0/virtio"),
        ("/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.1", "0000:3b:00.1"),
        (
            "/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:1:0",
            "0000:00:1f.2/ata/host/target:0:0/:0:1:0",
        ),
        ("/sys/devices/pci0000:00/0000:00:14.0/usb2/2-4/2-4:1.0", "0000:00:14.0/usb/2-4/2-4:1.0"),
        ("/sys/devices/platform/fe300000.mmc/mmc_host/mmc0", "/sys/devices/platform/fe300000.mmc/mmc_host/mmc"),
    ],
)
def test_a_place_on_the_bus_has_no_numbers_of_discovery(path, place):
    assert place_on_bus(path) == place
