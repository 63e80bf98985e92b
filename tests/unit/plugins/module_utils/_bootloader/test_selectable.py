# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default_record import RECORD_PATH
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.selectable import why_not_selectable
from ansible_collections.kho.kexec.plugins.module_utils._host.mounts import MOUNTS
from ansible_collections.kho.kexec.tests.unit.support.boot_host import (
    GRUB2ENV,
    GRUBENV,
    BootHost,
    bls_host,
    environment,
    grub_host,
    pinned,
    systemd_boot_host,
)

OLD, NEW, NEWER = "7.2.13-kho", "7.3.4-kho", "7.4.0-kho"


def with_programs(host):
    for program in ("grub-set-default", "grub2-set-default", "grubby", "bootctl"):
        host.add("/usr/bin/" + program)
    return host


@pytest.mark.parametrize(
    ("make", "place"),
    [(grub_host, "/boot/grub"), (bls_host, "/boot/grub2"), (systemd_boot_host, "/sys/firmware/efi/efivars")],
)
def test_what_the_commit_needs_is_known_before(tmp_path, make, place):
    host = make(tmp_path, NEW, OLD)
    host.add(GRUB2ENV if make is bls_host else GRUBENV, environment(saved_entry="gone"))
    assert "is not there" in why_not_selectable(host, NEW)
    with_programs(host)
    assert why_not_selectable(host, NEW) is None
    assert NEWER in why_not_selectable(host, NEWER)
    host.add_directory(place).add(MOUNTS, f"22 1 254:1 / {place} ro,relatime - ext4 /dev/vda1 rw\n")
    assert f"{place} is mounted read-only" in why_not_selectable(host, NEW)
    assert ([argv for argv in host.ran if argv[1:] != ["--default-kernel"]], host.exists(RECORD_PATH)) == ([], False)


def test_a_default_that_is_right_already_needs_nothing(tmp_path):
    host = grub_host(tmp_path, NEW, OLD).add(GRUBENV, environment(saved_entry=pinned(OLD)))
    assert why_not_selectable(host, OLD) is None


def test_a_default_that_cannot_be_set_and_is_right_by_chance(tmp_path):
    host = grub_host(tmp_path, NEW, OLD, header='set default="0"\n')
    assert why_not_selectable(host, NEW) is None
    assert "does not start a saved default" in why_not_selectable(host, OLD)


def test_no_boot_loader_that_is_known(tmp_path):
    assert "grub.cfg" in why_not_selectable(BootHost(tmp_path), NEW)
