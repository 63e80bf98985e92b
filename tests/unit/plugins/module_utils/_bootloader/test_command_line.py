# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that kernel-install(8) takes arguments from."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.arguments import keep_arguments
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import KERNEL_COMMAND_LINE
from ansible_collections.kho.kexec.tests.unit.support.boot_loader_host import (
    SystemdBootHost,
)


def keep(host, *arguments, state="present", check_mode=False):
    return keep_arguments(host, list(arguments), state, check_mode)


def test_the_file_of_kernel_install_is_begun_with_what_the_entry_has(tmp_path):
    host = SystemdBootHost(tmp_path)
    keep(host, "panic=10")
    assert host.read_text(KERNEL_COMMAND_LINE) == "root=/dev/vda2 ro panic=10\n"


def test_the_file_of_kernel_install_keeps_what_is_in_it(tmp_path):
    host = SystemdBootHost(tmp_path).add(KERNEL_COMMAND_LINE, "root=LABEL=x rw panic=5\n")
    keep(host, "panic=10")
    assert host.read_text(KERNEL_COMMAND_LINE) == "root=LABEL=x rw panic=10\n"
