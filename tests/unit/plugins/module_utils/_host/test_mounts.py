# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.mounts import MOUNTS, mount_of, mounts
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

TABLE = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:5 / /proc rw - proc proc rw
40 22 254:2 / /boot ro,relatime shared:2 - ext4 /dev/vda2 rw
41 40 254:3 / /boot/efi rw - vfat /dev/vda3 ro,fmask=0077
42 22 0:40 / /srv/with\040blank rw - tmpfs tmp\011fs rw
43 22 254:4 / /boot rw - ext4 /dev/vda4 rw
damaged
"""


@pytest.mark.parametrize(
    ("path", "device", "read_only"),
    [
        ("/", "254:1", False),
        ("/bootable", "254:1", False),
        ("/boot/grub", "254:4", False),  # the one that was mounted later covers the other
        ("/boot/efi/EFI", "254:3", True),
        ("/srv/with blank/x", "0:40", False),
    ],
)
def test_the_mount_of_a_path(tmp_path, path, device, read_only):
    found = mount_of(FakeRoot(tmp_path).add(MOUNTS, TABLE).add_directory(path), path)
    assert (found.device, found.read_only) == (device, read_only)


def test_a_read_only_mount(tmp_path):
    table = TABLE.replace("43 22", "43")
    assert mount_of(FakeRoot(tmp_path).add(MOUNTS, table).add_directory("/boot/grub"), "/boot/grub").read_only


def test_what_cannot_be_told(tmp_path):
    assert mount_of(FakeRoot(tmp_path), "/boot") is None
    assert mount_of(FakeRoot(tmp_path).add_directory("/boot"), "/boot") is None


def test_the_mounts_of_this_machine():
    host = LocalHost()
    found = {mount.point: mount for mount in mounts(host)}
    assert found["/proc"].kind == "proc"
    status = os.stat("/proc")
    assert mount_of(host, "/proc/self").device == f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028"])
def test_only_the_end_of_a_line_ends_it(tmp_path, character):
    """The kernel escapes blanks and the end of a line alone; who may mount chooses the rest of a name."""
    host = FakeRoot(tmp_path).add(MOUNTS, f"44 22 0:41 / /home/a{character}b rw - fuse x rw\n")
    assert [mount.device for mount in mounts(host)] == ["0:41"]
