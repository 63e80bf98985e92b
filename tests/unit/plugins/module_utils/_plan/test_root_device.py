# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._plan.root_device import find_root_device
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

UUID = "0f7d9c1e-3b1f-4a3b-9d8e-2c6f5a4b3c2d"


@pytest.fixture
def host(tmp_path):
    root = FakeRoot(tmp_path)
    for path in (
        "vda2",
        "block/254:2",
        "mapper/rootvg-root",
        "rootvg/root",
        "disk/by-uuid/" + UUID,
        "disk/by-label/my\\x20root\\x2f1",
        "disk/by-label/größe",
        "disk/by-partuuid/5c1e3a7b-02",
        "disk/by-partlabel/root",
    ):
        root.add("/dev/" + path)
    return root


@pytest.mark.parametrize(
    ("command_line", "value"),
    [
        (f"quiet root=UUID={UUID} ro", f"UUID={UUID}"),
        (f'"root=UUID={UUID}"', f"UUID={UUID}"),
        ('root="LABEL=my root/1"', "LABEL=my root/1"),
        ("root=LABEL=größe", "LABEL=gr??e"),
        ("root=PARTUUID=5C1E3A7B-02", "PARTUUID=5C1E3A7B-02"),
        ("root=PARTLABEL=root", "PARTLABEL=root"),
        ("root=/dev/vda2", "/dev/vda2"),
        ("root=/dev/mapper/rootvg-root", "/dev/mapper/rootvg-root"),
        ("root=/dev/rootvg/root", "/dev/rootvg/root"),
        (r"root=/dev/disk/by-label/my\x20root\x2f1", r"/dev/disk/by-label/my\x20root\x2f1"),
        ("root=254:2", "254:2"),
        ("root=/dev/sda1 root=/dev/vda2", "/dev/vda2"),
    ],
)
def test_devices_that_are_there(host, command_line, value):
    device = find_root_device(host, command_line)
    assert (device.value, device.exists) == (value, True)
    assert device.reason.endswith(" exists.")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (f"UUID={UUID[:-1]}0", f"/dev/disk/by-uuid/{UUID[:-1]}0"),
        ("LABEL=other", "/dev/disk/by-label/other"),
        ("LABEL=../../vda2", r"/dev/disk/by-label/..\x2f..\x2fvda2"),
        ("PARTUUID=5c1e3a7b-03", "/dev/disk/by-partuuid/5c1e3a7b-03"),
        ("/dev/sda1", "/dev/sda1"),
        ("/dev/rootvg/other", "/dev/rootvg/other"),
        ("8:1", "/dev/block/8:1"),
    ],
)
def test_devices_that_are_not_there(host, value, path):
    device = find_root_device(host, "root=" + value)
    assert (device.value, device.exists, device.reason) == (value, False, f"There is no {path} on this host.")


@pytest.mark.parametrize(
    "value",
    [
        "ZFS=rpool/ROOT/debian", "zfs:AUTO", "live:LABEL=x", "nfs:10.0.0.1:/srv", "/dev/nfs", "/dev/root", "/dev/ram0",
        "ubi0:rootfs", "/dev/ubi0_0", "mtd:root", "overlay", "tmpfs", "gpt-auto", "801", "/dev/../etc/passwd", "UUID=",
        "PARTUUID=5c1e3a7b-02/PARTNROFF=1", "/dev/" + "x" * 300, "/srv/root",
    ],
)  # fmt: skip
def test_forms_that_cannot_be_told(host, value):
    device = find_root_device(host, "root=" + value)
    assert device.exists is None
    assert "not a form that can be looked up" in device.reason


@pytest.mark.parametrize("command_line", ["", "quiet", "root", "root=", "quiet -- root=/dev/vda2", "rootfstype=nfs"])
def test_a_command_line_without_root(host, command_line):
    device = find_root_device(host, command_line)
    assert (device.value, device.exists) == (None, None)
    assert "no root=" in device.reason


@pytest.mark.parametrize(("value", "where"), [("LABEL=root", "/dev/disk"), ("/dev/vda1", "/dev")])
def test_a_host_that_shows_no_devices(tmp_path, value, where):
    host = FakeRoot(tmp_path)
    if where == "/dev/disk":
        host.add("/dev/vda1")
    device = find_root_device(host, "root=" + value)
    assert device.exists is None
    assert f"There is no {where} on this host" in device.reason


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_whatever_stands_there_nothing_outside_of_dev_is_looked_at(text):
    class Watched(FakeRoot):
        def exists(self, path):
            assert path == "/dev" or path.startswith("/dev/")
            assert ".." not in path.split("/")[:-1]
            return False

    device = find_root_device(Watched(None), f'root="{text}"')
    assert device.exists is not True
    assert device.reason.isascii()
    assert device.reason.isprintable()
