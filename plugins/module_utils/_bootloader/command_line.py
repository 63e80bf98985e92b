# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line that the boot loader gives a kernel at a cold boot, and what keeps it on this host."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.programs import has_program
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import ENTRIES_LIMIT, PARTITIONS
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import names_in

GRUB = "grub"
GRUBBY = "grubby"
SYSTEMD_BOOT = "systemd-boot"
GRUB_CONFIG = "/boot/grub/grub.cfg"

# RHEL 8 keeps the arguments of all entries in a variable of GRUB's environment block.
_VARIABLE = "$kernelopts"


@dataclass(frozen=True)
class BootCommandLine:
    """What the boot loader gives the kernel ``release``.

    ``loader`` is what keeps the arguments: grub (Debian's update-grub), grubby or systemd-boot. With a ``problem``
    (boot_loader_unknown, boot_entry_unknown), what is not known is None.
    """

    loader: Optional[str]
    release: Optional[str]
    text: Optional[str]
    problem: Optional[Note] = None


def boot_command_line(host: Host, candidates: Sequence[Candidate], running: Optional[str]) -> BootCommandLine:
    """The command line of the ``running`` release's entry; without one, that of the newest kernel that has one."""
    loader = boot_loader(host)
    if loader is None:
        return BootCommandLine(None, None, None, _loader_unknown())
    usable = [candidate for candidate in candidates if candidate.obstacle is None and candidate.options]
    meant = next((candidate for candidate in usable if candidate.release == running), next(iter(usable), None))
    if meant is None:
        return BootCommandLine(loader, None, None, _entry_unknown("no entry of it names a kernel and its arguments"))
    text = printable(meant.options or "", 8192)
    if _VARIABLE in text:
        problem = _entry_unknown(f"the entry of {meant.release} has them in GRUB's variable {_VARIABLE}")
        return BootCommandLine(loader, meant.release, None, problem)
    return BootCommandLine(loader, meant.release, text)


def boot_loader(host: Host) -> Optional[str]:
    """What keeps kernel arguments on this host; None when it is nothing that is known here."""
    if has_program(host, "update-grub") and host.exists(GRUB_CONFIG):
        return GRUB
    if has_program(host, "grubby") and bls_entries(host):
        return GRUBBY
    if has_program(host, "kernel-install") and any(host.exists(path + "/loader/loader.conf") for path in PARTITIONS):
        return SYSTEMD_BOOT
    return None


def bls_entries(host: Host) -> Sequence[str]:
    """The paths of all entries of the Boot Loader Specification."""
    directories = [partition + "/loader/entries" for partition in PARTITIONS]
    return [
        posixpath.join(directory, name)
        for directory in directories
        for name in names_in(host, directory)[:ENTRIES_LIMIT]
        if name.endswith(".conf")
    ]


def _loader_unknown() -> Note:
    return Note(
        "boot_loader_unknown",
        f"The boot loader of this host is none that is known here: there is neither update-grub with {GRUB_CONFIG}, "
        "nor grubby with entries in /boot/loader/entries, nor kernel-install with systemd-boot's loader.conf. So it is "
        "not known what the next cold boot starts, and nothing can be set. Configure it by its own means.",
    )


def _entry_unknown(why: str) -> Note:
    return Note(
        "boot_entry_unknown",
        f"It is not known which arguments the boot loader gives the kernel: {why}. Whether Kexec HandOver survives the "
        "next cold boot can then not be told, nor be changed here. Set the arguments by the boot loader's own means.",
    )
