# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.detect import boot_command_line, boot_loader_of
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import Grub
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grubby import Grubby
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.systemd import SystemdBoot
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.tests.unit.support.boot_host import (
    bls_host,
    grub_host,
    systemd_boot_host,
)

OLD, NEW = "6.12.9-amd64", "6.12.10-amd64"
MAKERS = {Grub: grub_host, Grubby: bls_host, SystemdBoot: systemd_boot_host}


@pytest.mark.parametrize("loader", list(MAKERS), ids=lambda loader: loader.__name__)
def test_each_is_known(tmp_path, loader):
    assert boot_loader_of(MAKERS[loader](tmp_path, NEW, OLD)).__class__ is loader


@pytest.mark.parametrize(("says", "loader"), [("GRUB 2.12", Grub), ("systemd-boot 257", SystemdBoot)])
def test_the_firmware_is_believed_where_files_of_both_are_there(tmp_path, says, loader):
    host = grub_host(tmp_path, NEW, OLD)
    host.set_variable("LoaderInfo", says)
    assert boot_loader_of(host).__class__ is loader


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda host: host.set_variable("LoaderInfo", "rEFInd\x1b 0.14"), "rEFInd? 0.14"),
        (lambda host: host.add("/boot/grub2/grub.cfg", ""), "/boot/grub/grub.cfg and /boot/grub2/grub.cfg exist"),
        (
            lambda host: host.add("/sys/firmware/efi/fw_platform_size", "64\n").add("/efi/EFI/systemd/x.efi", ""),
            "systemd-boot is installed, and the firmware's variables",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, change, says):
    host = grub_host(tmp_path, NEW, OLD)
    change(host)
    with pytest.raises(Refusal) as caught:
        boot_loader_of(host)
    assert caught.value.code == "boot_loader_unknown"
    assert says in caught.value.message
    found = boot_command_line(host, NEW)
    assert (found.loader, found.text, found.problem.code) == (None, None, "boot_loader_unknown")


def test_host_without_any(tmp_path):
    host = grub_host(tmp_path, NEW)
    assert host.remove("/boot/grub/grub.cfg")
    with pytest.raises(Refusal, match="neither /boot/grub/grub.cfg nor /boot/grub2/grub.cfg"):
        boot_loader_of(host)
