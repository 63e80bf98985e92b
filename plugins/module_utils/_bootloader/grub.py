# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB's default entry, where grub-mkconfig writes the menu: Debian, Ubuntu, SUSE, Arch."""

from __future__ import annotations

import posixpath
import re
from typing import Iterator, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import BootCommandLine, Edit, edited
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import (
    GRUB,
    WRITING_TAKES,
    BootDefault,
    BootLoader,
    Entry,
    boot_once_pending,
    shown,
    unreadable,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.menus import (
    SAVED,
    MenuError,
    MenuItem,
    find_item,
    parse_grub_default,
    parse_grub_menu,
    started_next,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.settings import (
    ENVIRONMENT_LIMIT,
    parse_environment,
    parse_grub_default_option,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.access import has_program
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import GRUB_BYTES_LIMIT, kernel_file_in_grub
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import (
    KernelFile,
    find_modules,
    names_in,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import join, split

OPTIONS = "/etc/default/grub"
DEBIANS_CONFIG = "/boot/grub/grub.cfg"
# Debian's grub-mkconfig sources these after /etc/default/grub, in the order of their names.
DROP_IN = "/etc/default/grub.d/kho-kexec.cfg"
# At the end of the line of ordinary entries, where it counts more than what comes before, and not in those for
# recovery.
_DROP_IN_TEXT = """\
# Written by kho.kexec.kernel_arguments. Arguments of your own belong into /etc/default/grub.
GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {arguments}"
"""
_DROP_IN = regex(re.escape(_DROP_IN_TEXT).replace(re.escape("{arguments}"), r"([A-Za-z0-9_.,:/@+%= -]+)"))
_SYNC_TAKES = 120.0  # seconds
# The ids that util/grub.d/10_linux.in gives to this system's kernels. Those of other systems begin otherwise.
_OURS = "gnulinux-"
# util/grub.d/08_fallback_counting.in of Fedora's and RHEL's grub2
_USED_UP = ("0", "-1")
# Of these, "simple" is the newest kernel's, whichever that is, and "recovery" and "init-..." start it in another way.
_NOT_OF_ONE_KERNEL = regex(r"gnulinux-simple(-.*)?|gnulinux-.+-(recovery|init-[a-z]+)(-.*)?")


def uses_bls(text: str) -> bool:
    """Whether a grub.cfg makes its menu of entries of the Boot Loader Specification."""
    return any(line.split()[:1] == ["blscfg"] for line in text.split("\n"))


class Grub(BootLoader):
    """GRUB. ``config`` is the path of its grub.cfg; the setting is ``saved_entry`` in the grubenv beside it."""

    name = GRUB

    def __init__(self, host: Host, config: str) -> None:
        super().__init__(host)
        self.config = config
        self.directory = posixpath.dirname(config)
        # grub-set-default and /boot/grub, or grub2-set-default and /boot/grub2
        self.prefix = posixpath.basename(self.directory)
        self.text = host.read_text(config, GRUB_BYTES_LIMIT)
        self._modules = find_modules(host)

    def default(self) -> BootDefault:
        try:
            environment = self._environment()
            configured = parse_grub_default(self.text, environment)
        except ValueError as error:
            raise unreadable(f"{self.config} or {self.environment_path}: {error}") from error
        setting = environment.get("saved_entry") or None if configured == SAVED else configured
        return self.meaning_of(setting)._replace(notes=tuple(self._passing(environment, setting or "")))

    def _passing(self, environment: dict[str, str], setting: str) -> Iterator[Note]:
        """What else than the default decides about the next boot."""
        once, counter = environment.get("next_entry"), environment.get("boot_counter")
        if once:
            yield boot_once_pending(once)
        if counter in _USED_UP and "boot_counter" in self.text:
            try:
                started = started_next(self.text, environment)
            except MenuError:
                started = setting
            yield _boot_counter_used_up(counter, None if started == setting else started)

    def meaning_of(self, setting: str | None) -> BootDefault:
        try:
            path = find_item(self._menu(), setting or "")
        except MenuError as error:
            named = f"names {shown(setting)}" if setting else "is the first entry"
            return BootDefault(
                self.name, setting=setting, why=f"The default in {self.config} {named}, which is not known: {error}."
            )
        item, entry = path[-1], ">".join(part.id for part in path)
        seen = self._kernel_file(item)
        return BootDefault(
            self.name,
            entry,
            seen.release if seen and seen.is_usable else None,
            None if seen and seen.is_usable else self._unknown_kernel(entry, seen),
            setting,
            is_pinned=_is_of_one_kernel(item) and not re.search(r"(^|>)[0-9]", setting or "0"),
        )

    def entries(self) -> Iterator[Entry]:
        try:
            items = self._menu()
        except MenuError as error:
            raise unreadable(f"{self.config}: {error}") from error
        known = set()
        for entry in self._entries_in(items, ""):
            # Of an entry that is there twice, as in Ubuntu's menu on ZFS, the first will do.
            key = (entry.setting.rpartition(">")[2], entry.seen.image)
            if key not in known:
                known.add(key)
                yield entry

    def _entries_in(self, items: tuple[MenuItem, ...], outer: str) -> Iterator[Entry]:
        for item in items:
            path = outer + item.id
            if item.is_conditional or ">" in item.id or printable(path, len(path)) != path:
                continue
            if item.items is not None:
                yield from self._entries_in(item.items, path + ">")
                continue
            seen = self._kernel_file(item)
            if seen is not None and _is_of_one_kernel(item):
                yield Entry(path, seen)

    def _kernel_file(self, item: MenuItem) -> KernelFile | None:
        """What an entry of this system's kernels names; None for other entries."""
        if item.kernel is None or not item.id.startswith(_OURS):
            return None
        return kernel_file_in_grub(self.host, self._modules, self.config, item.kernel)

    def _unknown_kernel(self, entry: str, seen: KernelFile | None) -> str:
        if seen is None:
            return f"The default entry {shown(entry)} is not one that grub-mkconfig makes for this system's kernels."
        if seen.obstacle is not None:
            return seen.obstacle.message
        return f"The default entry {shown(entry)} starts {shown(seen.image)}, whose name does not tell its release."

    def require_changeable(self) -> None:
        try:
            configured, option = parse_grub_default(self.text), self._option()
        except ValueError as error:
            raise self._off(f"{error}") from error
        if option != "saved":
            raise self._off(f"{OPTIONS} (and what follows it) sets GRUB_DEFAULT={shown(option)}")
        if configured != SAVED:
            raise self._off(f"{OPTIONS} sets GRUB_DEFAULT=saved, but {self.config} was made before that")

    def _off(self, found: str) -> Refusal:
        return Refusal(
            "saved_default_off",
            f"GRUB does not start a saved default: {printable(found, 500)}. A default that is set would have no "
            f"effect, or be lost with the next kernel that is installed. Set GRUB_DEFAULT=saved in {OPTIONS} and run "
            f"{self.prefix}-mkconfig -o {self.config}.",
        )

    def _option(self) -> str:
        """GRUB_DEFAULT as grub-mkconfig sees it; only Debian's and Ubuntu's reads more than one file."""
        paths = [OPTIONS]
        if self.prefix == "grub":
            more = names_in(self.host, OPTIONS + ".d")
            paths += [f"{OPTIONS}.d/{name}" for name in more if name.endswith(".cfg") and not name.startswith(".")]
        return parse_grub_default_option([self._text_of(path) for path in paths])

    def _text_of(self, path: str) -> str:
        try:
            return self.host.read_text(path)
        except HostError as error:
            if error.reason == "absent":
                return ""
            raise

    def _menu(self) -> tuple[MenuItem, ...]:
        try:
            environment = self._environment()
        except ValueError:
            environment = {}
        return parse_grub_menu(self.text, environment)

    def _environment(self) -> dict[str, str]:
        """The variables in grubenv. Raises ValueError and HostError."""
        try:
            return parse_environment(self.host.read_bytes(self.environment_path, ENVIRONMENT_LIMIT))
        except HostError as error:
            if error.reason == "absent":
                return {}
            raise

    @property
    def environment_path(self) -> str:
        """Where GRUB remembers the saved default."""
        return self.directory + "/grubenv"

    def writing_needs(self) -> tuple[str, str]:
        return f"{self.prefix}-set-default", self.environment_path

    def write(self, setting: str | None) -> Completed:
        if setting is None:
            argv = [f"{self.prefix}-editenv", self.environment_path, "unset", "saved_entry"]
        else:
            argv = [f"{self.prefix}-set-default", setting]
        return self.run_and_settle(argv)

    def run_and_settle(self, argv: list[str]) -> Completed:
        """Run a program that writes grubenv, and bring that to where GRUB finds it after a power cut.

        The program makes the file's blocks anew and syncs it, which a journalling file system does by its journal, and
        GRUB reads no journals: without the sync of the whole file system it would find the old blocks.
        """
        done = self.host.run(argv, timeout=WRITING_TAKES)
        synced = self.host.run(["sync", "-f", self.directory], timeout=_SYNC_TAKES)
        if synced.rc != 0:
            raise HostError("sync", "failed", printable(synced.stderr.strip()))
        return done

    def keeps_arguments(self) -> bool:
        return self.config == DEBIANS_CONFIG and has_program(self.host, "update-grub")

    def edit(self, _entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
        kept = edited(self._drop_in_arguments(), arguments, present)
        text = _DROP_IN_TEXT.format(arguments=join(kept)).encode() if kept else None
        return Edit({DROP_IN: text}, (("update-grub",),), (self.config,))

    def _drop_in_arguments(self) -> list[str]:
        """The arguments of our drop-in; none when there is no drop-in."""
        text = self._text_of(DROP_IN)
        match = _DROP_IN.fullmatch(text)
        if text and match is None:
            raise Refusal(
                "drop_in_foreign",
                f"The file {DROP_IN} was not written by this collection, or was changed since. It would be "
                "overwritten. Move what is in it to a file of another name.",
            )
        return split(match.group(1)) if match else []


def _is_of_one_kernel(item: MenuItem) -> bool:
    return item.id.startswith(_OURS) and not _NOT_OF_ONE_KERNEL.fullmatch(item.id)


def _boot_counter_used_up(counter: str, started: str | None) -> Note:
    """The note that GRUB goes back to another entry by itself; ``started`` is the one that the next boot starts."""
    when = (
        "As soon as a boot is not known to be good (boot_success), the boot after it starts another entry"
        if started is None
        else f"Until a boot is known to be good (boot_success=1), each one starts the entry {shown(started)}"
    )
    return Note(
        "boot_counter_used_up",
        f"GRUB counts the boots that were not known to be good, and none is left: boot_counter is {counter} in its "
        f"grubenv. {when} instead of the default. It is left alone. If it is not wanted, remove the counter "
        "(grub2-editenv - unset boot_counter).",
    )
