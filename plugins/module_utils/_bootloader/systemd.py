# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd-boot's default entry (systemd-boot(7), loader.conf(5), https://systemd.io/BOOT_LOADER_INTERFACE)."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from typing import Iterator, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import (
    KERNEL_COMMAND_LINE,
    BootCommandLine,
    Edit,
    comments_in,
    edited_text,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import (
    EFI_VARIABLES,
    SYSTEMD_BOOT,
    WRITING_TAKES,
    BootDefault,
    BootLoader,
    Entry,
    boot_once_pending,
    loader_variable,
    shown,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.access import has_program
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
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
# An entry's file: its name, the counter of boots (left, done), and its kind.
_ENTRY_FILE = regex(r"(?P<name>.+?)(?:\+(?P<left>[0-9]{1,9})(?:-[0-9]{1,9})?)?(?P<kind>\.conf|\.efi)", re.IGNORECASE)
# LoaderInfo: the major and minor version, and what shows that it is none of a release.
_VERSION = regex(r"systemd-boot ([0-9]{3})(?:\.([0-9]{1,4}))?(~|-?rc|-devel)?")
_STRIPS_SINCE = (257, 8)
# The kernel tells the boot loader the reason of a restart (drivers/firmware/efi/efibc.c), which no entry is called.
_WRITTEN_BY_KEXEC = "kexec reboot"
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


class SystemdBoot(BootLoader):
    """systemd-boot. The setting is the variable LoaderEntryDefault: an entry's id, or a glob.

    The id of an entry whose boots are counted (``NAME+LEFT-DONE.conf``) is its name without the counter; for older
    loaders it is the whole name of the file, which is another one after each boot.
    """

    name = SYSTEMD_BOOT

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        # Files of entries that are, or in check mode would be, marked as good, and their names afterwards.
        self._good: dict[str, str] = {}

    def default(self) -> BootDefault:
        default = self.meaning_of(loader_variable(self.host, "LoaderEntryDefault"))
        once = loader_variable(self.host, "LoaderEntryOneShot")
        if once and once != _WRITTEN_BY_KEXEC:
            default = default._replace(notes=(*default.notes, boot_once_pending(once)))
        return default

    def meaning_of(self, setting: str | None) -> BootDefault:
        if loader_variable(self.host, "LoaderEntryPreferred") or self._configured("preferred"):
            why = "A preferred entry is set, which takes precedence over the default while the loader finds it good."
            return BootDefault(self.name, setting=setting, why=why)
        for pattern in filter(None, (setting, self._configured("default"))):
            if pattern.startswith("@"):
                why = f"The default is {shown(pattern)}, which the boot loader decides."
                return BootDefault(self.name, setting=setting, why=why)
            matching = self._matching(pattern)
            if matching is None:
                why = (
                    f"Whether the default {shown(pattern)} is an entry whose boots are counted depends on the boot "
                    "loader's version, which is not known."
                )
                return BootDefault(self.name, setting=setting, why=why)
            if len(matching) > 1:
                why = f"The default {shown(pattern)} fits {len(matching)} entries, of which the boot loader takes one."
                return BootDefault(self.name, setting=setting, why=why)
            if matching:
                return self._meaning(setting, *matching[0])
        why = "No default is set, so the boot loader takes the first entry in an order of its own."
        if setting:
            why = f"No entry has the id {shown(setting)} for this version of the boot loader. {why}"
        return BootDefault(self.name, setting=setting, why=why)

    def _matching(self, pattern: str) -> list[tuple[str, str]] | None:
        """The entries (id, name of the file) that the boot loader takes the pattern for; None when it is not known."""
        names = list(dict.fromkeys(_names(self.host)))
        found = []
        for strips in (True, False) if self._strips_counters() is None else (self._strips_counters(),):
            ids = [*((self._loaders_id(name, bool(strips)), name) for name in names), *zip(_AUTOMATIC, _AUTOMATIC)]
            found.append([(entry, name) for entry, name in ids if fnmatchcase(entry.lower(), pattern.lower())])
        return found[0] if all(other == found[0] for other in found) else None

    def _loaders_id(self, name: str, strips: bool) -> str:
        name = self._good.get(name, name)
        return _id(name) if strips else name

    def _strips_counters(self) -> bool | None:
        """Whether an entry's id has no counter (https://github.com/systemd/systemd/pull/38897, and 257.8)."""
        version = _VERSION.match(loader_variable(self.host, "LoaderInfo") or "")
        if version is None or version.group(3):
            return None
        return (int(version.group(1)), int(version.group(2) or 0)) >= _STRIPS_SINCE

    def _meaning(self, setting: str | None, entry: str, name: str) -> BootDefault:
        found = next((one for one in self.entries() if posixpath.basename(_path(one)) == name), None)
        seen = found.seen if found else None
        if seen is None or not seen.is_usable:
            said = seen.obstacle.message if seen and seen.obstacle else "It names no kernel whose release is known."
            return BootDefault(self.name, entry, None, f"The default entry is {shown(entry)}. {said}", setting)
        is_pinned = setting is not None and setting.lower() == entry.lower() == _id(entry).lower()
        notes = (_marked_bad(entry),) if _is_bad(self._good.get(name, name)) else ()
        return BootDefault(self.name, entry, seen.release, None, setting, is_pinned, notes)

    def mark_good(self, setting: str, check_mode: bool) -> Note | None:
        """Take the counter from the name of the entry's file, which systemd-bless-boot does after a cold boot alone."""
        path = next((_path(entry) for entry in self.entries() if entry.setting == setting), "")
        directory, name = posixpath.split(path)
        good = _id(name)
        if not path or good == name or self.host.exists(f"{directory}/{good}"):
            return None
        if not check_mode:
            done = self.host.run(["mv", "-n", "--", path, f"{directory}/{good}"], timeout=WRITING_TAKES)
            if done.rc != 0 or not self.host.exists(f"{directory}/{good}"):
                raise HostError(path, "failed", f"mv {done.ending()}")
            self.host.run(["sync", "-f", directory], timeout=WRITING_TAKES)
        self._good[name] = good
        return Note(
            "boot_entry_marked_good",
            f"The boot loader counts the boots of {shown(good)}, and this kernel is confirmed: the entry is marked as "
            "good, by a name without the counter. systemd-bless-boot does that after a cold boot, and not after a "
            "kexec.",
        )

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
                name = posixpath.basename(seen.found_in)
                if _ENTRY_FILE.fullmatch(name):
                    yield Entry(_id(name), seen)

    def require_changeable(self) -> None:
        """The variable goes before everything else, so a change always has its effect."""

    def writing_needs(self) -> tuple[str, str]:
        return "bootctl", EFI_VARIABLES

    def write(self, setting: str | None) -> Completed:
        return self.host.run(["bootctl", "set-default", setting or ""], timeout=WRITING_TAKES)

    def keeps_arguments(self) -> bool:
        return has_program(self.host, "kernel-install")

    def edit(self, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
        """kernel-install(8) writes each kernel's entry anew, from the file that it takes the command line from."""
        path = next(filter(self.host.exists, (KERNEL_COMMAND_LINE, VENDOR_COMMAND_LINE)), None)
        if path is None:
            text = join([word for word in split(entry.text or "") if argument_name(word) not in _NOT_KEPT])
        else:
            text = self.host.read_bytes(path).decode("utf-8", "surrogateescape")
        commands = tuple(("kernel-install", "add", release, image) for release, image in _packaged(self.host))
        content = edited_text(text, arguments, present).encode("utf-8", "surrogateescape")
        comments = tuple(word for word in comments_in(text) if word not in split(entry.text or ""))
        return Edit({KERNEL_COMMAND_LINE: content}, commands, tuple(bls_entries(self.host)), comments=comments)


def _names(host: Host) -> Iterator[str]:
    """The names of all entries' files."""
    for partition in PARTITIONS:
        for folder in ("/loader/entries", "/EFI/Linux"):
            yield from (name for name in names_in(host, partition + folder) if _ENTRY_FILE.fullmatch(name))


def _id(file_name: str) -> str:
    """The name without the counter."""
    match = _ENTRY_FILE.fullmatch(file_name)
    return match.group("name") + match.group("kind") if match else file_name


def _is_bad(file_name: str) -> bool:
    match = _ENTRY_FILE.fullmatch(file_name)
    return match is not None and bool(match.group("left")) and int(match.group("left")) == 0


def _path(entry: Entry) -> str:
    return entry.seen.found_in.partition(":")[2]


def _marked_bad(entry: str) -> Note:
    return Note(
        "boot_entry_marked_bad",
        f"The default entry {shown(entry)} is marked as bad: the boot loader started it as often as it was allowed to, "
        "and no boot was confirmed. Find out why it failed (journalctl --list-boots); when it is good, take the "
        "counter from the name of its file.",
    )


def _packaged(host: Host) -> Iterator[tuple[str, str]]:
    """Yield each kernel (release, image) with modules that is there beside what kernel-install(8) made of it."""
    for release, directory in find_modules(host).directories.items():
        images = (f"{directory}/vmlinuz", f"/boot/vmlinuz-{release}")
        image = next((path for path in images if host.exists(path)), None)
        if image is not None:
            yield release, image
