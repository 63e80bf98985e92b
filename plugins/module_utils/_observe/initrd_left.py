# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the firmware keeps the address of an initrd that is gone.

The kernel's EFI stub takes an initrd from the boot loader and leaves its address in EFI's table LINUX_EFI_INITRD
(efi_load_initrd() in drivers/firmware/efi/libstub). Every kernel that is executed later finds the table, names it in
its line ``efi:``, and takes the initrd from there if it was given none (drivers/firmware/efi/efi.c).
"""

from __future__ import annotations

from typing import Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import (
    FRAME_PATTERN,
    early_journal_messages,
    early_messages,
    journal_argv,
)

EFI = "/sys/firmware/efi"
JOURNAL_ARGV = journal_argv("^efi: " + FRAME_PATTERN)
_JOURNAL_TAKES = 20.0  # seconds
_NAMED = regex(r"efi: (?:\S.* )?INITRD=0x[0-9a-f]{1,16}(?: .*)?")


def initrd_left(host: Host) -> bool:
    """Whether the kernel names the table. What cannot be read names nothing."""
    if not host.exists(EFI):
        return False
    return _named(_of_ring(host)) or _named(_of_journal(host))


def _named(messages: Tuple[str, ...]) -> bool:
    return any(_NAMED.fullmatch(message) for message in messages)


def _of_ring(host: Host) -> Tuple[str, ...]:
    try:
        return early_messages(host.kernel_log())
    except HostError:
        return ()


def _of_journal(host: Host) -> Tuple[str, ...]:
    try:
        done = host.run(JOURNAL_ARGV, timeout=_JOURNAL_TAKES)
    except HostError:
        return ()
    return early_journal_messages(done.stdout)[1]
