# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line that a boot loader gives a kernel at a cold boot, and what changes it. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import name, value

# kernel-install(8)
KERNEL_COMMAND_LINE = "/etc/kernel/cmdline"


@dataclass(frozen=True)
class BootCommandLine:
    """What the boot loader ``loader`` (grub, grubby or systemd-boot) gives the kernel ``release``.

    With a ``problem`` (boot_loader_unknown, boot_entry_unknown), what is not known is None.
    """

    loader: Optional[str]
    release: Optional[str]
    text: Optional[str]
    problem: Optional[Note] = None


@dataclass(frozen=True)
class Edit:
    """What is to be done: ``files`` are written (None: removed), then ``commands`` run.

    ``touched`` are the other files that the commands may change, and ``others`` the arguments that must still be there
    afterwards.
    """

    files: Mapping[str, Optional[bytes]]
    commands: Tuple[Tuple[str, ...], ...]
    touched: Tuple[str, ...]
    others: Tuple[str, ...] = ()


def edited(own: Sequence[str], arguments: Sequence[str], present: bool) -> List[str]:
    """With the arguments instead of others of their names, or without those that they mean."""
    if present:
        names = {name(argument) for argument in arguments}
        return [*(argument for argument in own if name(argument) not in names), *arguments]
    meant = {(name(argument), value(argument)) for argument in arguments}
    return [argument for argument in own if not meant & {(name(argument), None), (name(argument), value(argument))}]


def entry_unknown(why: str) -> Note:
    """The note that nobody can tell what the boot loader gives the kernel."""
    return Note(
        "boot_entry_unknown",
        f"It is not known which arguments the boot loader gives the kernel: {why}. Whether Kexec HandOver survives the "
        "next cold boot can then not be told, nor be changed here. Set the arguments by the boot loader's own means.",
    )
