# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot loader starts this host. All that reads or sets its default or its kernels' arguments asks here."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import BootCommandLine, entry_unknown
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import Grub, uses_bls
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import (
    EFI_VARIABLES,
    BootLoader,
    loader_unknown,
    loader_variable,
    shown,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import GRUB_CONFIGS, PARTITIONS
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import names_in

_EFI = "/sys/firmware/efi"


def boot_loader_of(host: Host) -> BootLoader:
    """The boot loader that starts this host. Raises Refusal ``boot_loader_unknown``."""
    try:
        says = loader_variable(host, "LoaderInfo")  # systemd-boot always sets it, GRUB does since 2.12
        if says is not None and says.startswith("systemd-boot"):
            # Here, because most hosts have another boot loader, and would compile it for nothing.
            from ansible_collections.kho.kexec.plugins.module_utils._bootloader.systemd import SystemdBoot

            return SystemdBoot(host)
        if says is not None and not says.startswith("GRUB"):
            raise loader_unknown(f"the firmware was told that it is {shown(says)}, which is not known here")
        if says is None and _may_be_systemd_boot(host):
            raise loader_unknown(
                "systemd-boot is installed, and the firmware's variables, which would tell, cannot be read"
            )
        return _grub_of(host)
    except HostError as error:
        raise loader_unknown(error.message) from error


def _grub_of(host: Host) -> BootLoader:
    configs = [path for path in GRUB_CONFIGS if host.exists(path)]
    if len(configs) != 1:
        raise loader_unknown(f"{' and '.join(configs) or 'neither ' + ' nor '.join(GRUB_CONFIGS)} exist")
    grub = Grub(host, configs[0])
    if not uses_bls(grub.text):
        return grub
    from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grubby import Grubby

    return Grubby(host, configs[0])


def _may_be_systemd_boot(host: Host) -> bool:
    """Whether systemd-boot is installed and the firmware says nothing: its variables are off (efi=noruntime)."""
    if not host.exists(_EFI) or names_in(host, EFI_VARIABLES):
        return False
    return any(host.exists(partition + "/EFI/systemd") for partition in PARTITIONS)


def boot_command_line(host: Host, running: str | None) -> BootCommandLine:
    """What the boot loader gives the ``running`` release, or the newest that it starts. Raises nothing."""
    try:
        loader = boot_loader_of(host)
    except Refusal as refusal:
        return BootCommandLine(None, None, None, refusal.as_note())
    try:
        return loader.command_line(running)
    except KhoError as error:
        return BootCommandLine(loader.name, None, None, entry_unknown(error.message))
