# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd-boot's default entry (systemd-boot(7), loader.conf(5), https://systemd.io/BOOT_LOADER_INTERFACE)."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Iterator, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import (
    KERNEL_COMMAND_LINE,
    BootCommandLine,
    Edit,
    edited,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import (
    SYSTEMD_BOOT,
    WRITING_TAKES,
    BootDefault,
    BootLoader,
    Entry,
    boot_once_pending,
    shown,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, Host, HostError, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.programs import has_program
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import (
    PARTITIONS,
    bls_entries,
    seen_as_uki,
    seen_in_bls,
)
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import find_modules, names_in
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import join, split
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import name as argument_name

VENDOR_COMMAND_LINE = "/usr/lib/kernel/cmdline"
# What boot loaders add by themselves.
_NOT_KEPT = ("BOOT_IMAGE", "initrd", "systemd.machine_id")
EFI_VARIABLES = "/sys/firmware/efi/efivars"
_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_ATTRIBUTES = 4  # bytes before a variable's value (Documentation/filesystems/efivarfs.rst)
# An entry's file, and its id: the name without the counter of boots that are left.
_ENTRY_FILE = re.compile(r"(.+?)(?:\+[0-9]+(?:-[0-9]+)?)?(\.conf|\.efi)", re.IGNORECASE)
# Entries that the boot loader makes itself, which a glob may match too.
_AUTOMATIC = (
    "auto-windows",
    "auto-osx",
    "auto-efi-shell",
    "auto-efi-default",
    "auto-reboot-to-firmware-setup",
    "auto-poweroff",
    "auto-reboot",
)


def loader_variable(host: Host, name: str) -> str | None:
    """A text that boot loader and system tell each other by the firmware; None when it is not there, or empty.

    Raises HostError.
    """
    try:
        data = host.read_bytes(f"{EFI_VARIABLES}/{name}-{_VENDOR}")
    except HostError as error:
        if error.reason == "absent":
            return None
        raise
    return data[_ATTRIBUTES:].decode("utf-16-le", "replace").split("\0", 1)[0] or None


class SystemdBoot(BootLoader):
    """systemd-boot. The setting is the variable LoaderEntryDefault: an entry's id, or a glob."""

    name = SYSTEMD_BOOT

    def default(self) -> BootDefault:
        default = self.meaning_of(loader_variable(self.host, "LoaderEntryDefault"))
        once = loader_variable(self.host, "LoaderEntryOneShot")
        return replace(default, notes=(boot_once_pending(once),)) if once else default

    def meaning_of(self, setting: str | None) -> BootDefault:
        if loader_variable(self.host, "LoaderEntryPreferred") or self._configured("preferred"):
            why = "A preferred entry is set, which goes before the default as long as the boot loader finds it good."
            return BootDefault(self.name, setting=setting, why=why)
        ids = [*dict.fromkeys(_ids(self.host)), *_AUTOMATIC]
        for pattern in filter(None, (setting, self._configured("default"))):
            if pattern.startswith("@"):
                why = f"The default is {shown(pattern)}, which the boot loader decides."
                return BootDefault(self.name, setting=setting, why=why)
            matching = [name for name in ids if fnmatchcase(name, pattern)]
            if len(matching) > 1:
                why = f"The default {shown(pattern)} fits {len(matching)} entries, of which the boot loader takes one."
                return BootDefault(self.name, setting=setting, why=why)
            if matching:
                return self._meaning(setting, matching[0])
        why = "No default is set, so that the boot loader takes the first entry in an order of its own."
        return BootDefault(self.name, setting=setting, why=why)

    def _meaning(self, setting: str | None, entry: str) -> BootDefault:
        seen = next((found.seen for found in self.entries() if found.setting == entry), None)
        if seen is None or not seen.is_usable:
            found = seen.obstacle.message if seen and seen.obstacle else "It names no kernel whose release can be told."
            why = f"The default entry is {shown(entry)}. {found}"
            return BootDefault(self.name, entry, None, why, setting)
        return BootDefault(self.name, entry, seen.release, None, setting, is_pinned=setting == entry)

    def _configured(self, option: str) -> str | None:
        """An option in loader.conf; the last one counts."""
        found = None
        for partition in PARTITIONS:
            for line in self._lines(partition + "/loader/loader.conf"):
                words = line.split(None, 1)
                if len(words) == 2 and words[0] == option:
                    found = words[1].strip()
        return found

    def _lines(self, path: str) -> list[str]:
        try:
            return self.host.read_text(path).split("\n")
        except HostError as error:
            if error.reason == "absent":
                return []
            raise

    def entries(self) -> Iterator[Entry]:
        modules = find_modules(self.host)
        for kernel_files in (seen_in_bls(self.host, modules), seen_as_uki(self.host)):
            for seen in kernel_files:
                entry = _id(posixpath.basename(seen.found_in))
                if entry is not None:
                    yield Entry(entry, seen)

    def require_changeable(self) -> None:
        """The variable goes before everything else, so that a change always has its effect."""

    def write(self, setting: str | None) -> Completed:
        return self.host.run(["bootctl", "set-default", setting or ""], timeout=WRITING_TAKES)

    def keeps_arguments(self) -> bool:
        return has_program(self.host, "kernel-install")

    def edit(self, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
        """kernel-install(8) writes each kernel's entry anew, from the file that it takes the command line from."""
        texts = (read_lossless(self.host, path) for path in (KERNEL_COMMAND_LINE, VENDOR_COMMAND_LINE))
        text = next(filter(None, texts), entry.text or "")
        own = [argument for argument in split(text) if argument_name(argument) not in _NOT_KEPT]
        line = join(edited(own, arguments, present)) + "\n"
        commands = tuple(("kernel-install", "add", release, image) for release, image in _packaged(self.host))
        content = line.encode("utf-8", "surrogateescape")
        return Edit({KERNEL_COMMAND_LINE: content}, commands, tuple(bls_entries(self.host)))


def _ids(host: Host) -> list[str]:
    """The ids of all entries that have a file."""
    folders = [partition + folder for partition in PARTITIONS for folder in ("/loader/entries", "/EFI/Linux")]
    found = [_id(name) for folder in folders for name in names_in(host, folder)]
    return [entry for entry in found if entry is not None]


def _id(file_name: str) -> str | None:
    match = _ENTRY_FILE.fullmatch(file_name)
    return match.group(1) + match.group(2) if match else None


def _packaged(host: Host) -> Iterator[tuple[str, str]]:
    """Yield each kernel (release, image) with modules that is there beside what kernel-install(8) made of it."""
    for release, directory in find_modules(host).directories.items():
        images = (f"{directory}/vmlinuz", f"/boot/vmlinuz-{release}")
        image = next((path for path in images if host.exists(path)), None)
        if image is not None:
            yield release, image
