# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the boot loaders have in common: a setting that names their default entry, and entries that start kernels."""

from __future__ import annotations

import abc
from typing import Any, Iterable, NamedTuple, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import (
    BootCommandLine,
    Edit,
    entry_unknown,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import of_this_system
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import KernelFile
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import release_key

GRUB, GRUBBY, SYSTEMD_BOOT = "grub", "grubby", "systemd-boot"
# RHEL 8 keeps the arguments of all entries in a variable of GRUB's environment block.
VARIABLE = "$kernelopts"
WRITING_TAKES = 60.0  # seconds; the programs are shell scripts
OPTIONS_LIMIT = 8192  # characters of what an entry gives its kernel
SHOWN_LIMIT = 400  # characters of a setting, an entry's name, or a path
# systemd.unit= and its short forms (kernel-command-line(7)), and what Debian's and Ubuntu's recovery entries have.
_RECOVERY = {"single", "s", "S", "1", "rescue", "emergency", "-b", "recovery"}
_RECOVERY_UNITS = ("systemd.unit=rescue", "systemd.unit=emergency")

# By which boot loader and system tell each other things (https://systemd.io/BOOT_LOADER_INTERFACE).
EFI_VARIABLES = "/sys/firmware/efi/efivars"
_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_ATTRIBUTES = 4  # bytes before a variable's value (Documentation/filesystems/efivarfs.rst)


class BootDefault(NamedTuple):
    """What a cold boot starts.

    ``loader`` is one of ``grub``, ``grubby`` and ``systemd-boot``; ``entry`` is the loader's name of its entry, and
    ``release`` the kernel that this one starts. Each is None when it is not known, and ``why`` says why the release is
    not. ``setting`` is what is written down as the default, None when nothing is. ``is_pinned``: the entry stays the
    default when kernels come and go. ``notes``: what else decides about the next boot.
    """

    loader: str | None
    entry: str | None = None
    release: str | None = None
    why: str | None = None
    setting: str | None = None
    is_pinned: bool = False
    notes: tuple[Note, ...] = ()

    def as_result(self) -> dict[str, str | None]:
        """Return ``{entry, release}`` as the module returns it."""
        return {"entry": shown(self.entry), "release": self.release}


class Entry(NamedTuple):
    """An entry that starts a kernel: the setting that makes it the default, and what it names on this host."""

    setting: str
    seen: KernelFile


class BootLoader(abc.ABC):
    """A boot loader on a host. Methods may raise HostError."""

    name: str
    edits_each_entry = False

    def __init__(self, host: Host) -> None:
        self.host = host

    @abc.abstractmethod
    def default(self) -> BootDefault:
        """The default as it is."""

    @abc.abstractmethod
    def meaning_of(self, setting: str | None) -> BootDefault:
        """What the next cold boot would start with this setting."""

    @abc.abstractmethod
    def entries(self) -> Iterable[Entry]:
        """All entries of this system's kernels."""

    @abc.abstractmethod
    def require_changeable(self) -> None:
        """Raise Refusal ``saved_default_off`` when a setting that is written would have no effect, or not for long."""

    @abc.abstractmethod
    def write(self, setting: str | None) -> Completed:
        """Make this the setting; None removes it."""

    @abc.abstractmethod
    def writing_needs(self) -> tuple[str, str]:
        """What ``write`` needs: a program, and the path that is written, which may be made then."""

    def mark_good(self, _setting: str, _check_mode: bool) -> Note | None:
        """Tell a boot loader that counts boots that the entry is good; None when it does not count this one's."""
        return None

    @abc.abstractmethod
    def keeps_arguments(self) -> bool:
        """Whether what keeps the arguments of all kernels is known here, and there."""

    @abc.abstractmethod
    def edit(self, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
        """How the arguments come to be ``present``, or absent. Raises Refusal ``drop_in_foreign``."""

    def command_line(self, running: str | None) -> BootCommandLine:
        """What it gives the ``running`` release; without an entry of that, the newest kernel that has one."""
        if not self.keeps_arguments():
            found = f"{self.name} starts this host, and the programs by which it keeps kernel arguments are missing"
            return BootCommandLine(None, None, None, loader_unknown(found).as_note())
        kernels = (entry.seen for entry in self.entries() if entry.seen.is_usable and not _is_recovery(entry.seen))
        usable = sorted((seen for seen in kernels if seen.options), key=_newest_last, reverse=True)
        meant = next((seen for seen in usable if seen.release == running), next(iter(usable), None))
        if meant is None:
            none = "no entry of it names a kernel and its arguments"
            return BootCommandLine(self.name, None, None, entry_unknown(none))
        text = self.options_of(meant)
        if VARIABLE in text:
            problem = entry_unknown(f"the entry of {meant.release} has them in GRUB's variable {VARIABLE}")
            return BootCommandLine(self.name, meant.release, None, problem)
        others = [self.options_of(seen) for seen in usable if seen is not meant and self.edits_each_entry]
        return BootCommandLine(self.name, meant.release, text, others=tuple(text for text in others if text))

    def options_of(self, seen: KernelFile) -> str:
        """What the entry gives its kernel."""
        return printable(seen.options or "", OPTIONS_LIMIT)

    def setting_for(self, release: str, current: str | None = None) -> str:
        """The setting that makes this release the default, and stays right when kernels come and go.

        Of several, those count that start the system which runs, and then the ``current`` one. Raises Refusal
        ``boot_entry_not_found`` or ``boot_entry_ambiguous``.
        """
        entries = list(self.entries())
        named = [entry for entry in entries if entry.seen.release == release]
        usable = [entry for entry in named if entry.seen.obstacle is None and not _is_recovery(entry.seen)]
        if not usable:
            raise _not_found(release, named, entries)
        ours = of_this_system(self.host, [entry.seen for entry in usable])
        settings = list(dict.fromkeys(entry.setting for entry in usable if entry.seen in ours))
        if len(settings) > 1 and current not in settings:
            raise Refusal(
                "boot_entry_ambiguous",
                f"Several entries of the boot loader start {printable(release)}: {_list(settings)}. They may differ in "
                "more than their names, so none of them is chosen. Remove those that are not meant, or make one of "
                "them the default by hand.",
            )
        return settings[0] if current not in settings else str(current)


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


def shown(text: str | None) -> str | None:
    """A text of the boot loader's as it may be shown."""
    return None if text is None else printable(text, SHOWN_LIMIT)


def boot_once_pending(setting: str) -> Note:
    """The note that one boot is going to start something else than the default."""
    return Note(
        "boot_once_pending",
        f"The next boot alone is to start the entry {shown(setting)}, whatever the default is: somebody asked the "
        "boot loader for that. It is left alone. If it is not wanted, remove it (grub-editenv, bootctl set-oneshot).",
    )


def unreadable(found: str) -> Refusal:
    """The refusal to change a default that cannot be told, and so could not be put back either."""
    return Refusal(
        "boot_default_unreadable",
        f"The boot loader's default cannot be determined: {printable(found, 800)}. It could be neither restored "
        "nor compared, so nothing is changed. Regenerate the boot loader's files (update-grub, grub2-mkconfig), "
        "or set the default by hand.",
    )


def loader_unknown(found: str) -> Refusal:
    """The refusal to read or write what cannot be told, or only by means that are not known here."""
    return Refusal(
        "boot_loader_unknown",
        f"Which kernel a cold boot of this host starts, with which arguments, is unknown: {printable(found, 500)}. "
        "So neither can be read or set. GRUB with one grub.cfg and systemd-boot are known, with update-grub, grubby "
        "or kernel-install for the arguments. Configure the boot loader with its own tools.",
    )


def _is_recovery(seen: KernelFile) -> bool:
    words = printable(seen.options or "", OPTIONS_LIMIT).split()
    return any(word in _RECOVERY or word.startswith(_RECOVERY_UNITS) for word in words)


def _newest_last(seen: KernelFile) -> Any:
    return release_key(seen.release)


def _not_found(release: str, named: list[Entry], entries: list[Entry]) -> Refusal:
    wanted = printable(release)
    obstacle = next((entry.seen.obstacle for entry in named if entry.seen.obstacle), None)
    if obstacle is not None:
        return Refusal(
            "boot_entry_not_found",
            f"No entry of the boot loader can start {wanted}. {obstacle.message} Otherwise a cold boot would fail, so "
            "the default stays as it is.",
        )
    others = sorted({entry.seen.release for entry in entries if entry.seen.is_usable})
    only = "Only its recovery mode has one. " if named else ""
    return Refusal(
        "boot_entry_not_found",
        f"No entry of the boot loader starts {wanted}. {only}Entries start: {_list(others)}. The default stays as it "
        "is. Install that kernel, or regenerate the boot loader's menu (update-grub, grub2-mkconfig, "
        "kernel-install).",
    )


def _list(texts: list[str]) -> str:
    return printable(", ".join(texts[:20]) or "none", 2000)
