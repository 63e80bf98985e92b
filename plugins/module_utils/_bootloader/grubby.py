# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB's default entry on Fedora and its relatives: entries of the Boot Loader Specification, and grubby."""

from __future__ import annotations

import posixpath
from typing import Iterator, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import (
    KERNEL_COMMAND_LINE,
    BootCommandLine,
    Edit,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import OPTIONS, Grub
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import (
    GRUBBY,
    OPTIONS_LIMIT,
    BootDefault,
    Entry,
    shown,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.menus import grub_variables
from ansible_collections.kho.kexec.plugins.module_utils._host.access import has_program
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._installed.entries import bls_entries, seen_in_bls
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import KernelFile
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import join, name, split

_VARIABLE = regex(r"\$\{?(\w+)\}?")
_READING_TAKES = 60.0  # seconds


class Grubby(Grub):
    """GRUB with entries of the Boot Loader Specification. The setting is an entry's file name, without ``.conf``."""

    name = GRUBBY
    edits_each_entry = True

    def meaning_of(self, setting: str | None) -> BootDefault:
        entries = list(self.entries())
        named = [entry for entry in entries if entry.setting == setting]
        if named:
            return self._meaning(setting, named, is_pinned=True)
        # Nothing, a number or a title: which entry that is depends on the order of all of them, which grubby knows.
        done = self.host.run(["grubby", "--default-kernel"], timeout=_READING_TAKES)
        kernel = done.stdout.strip()
        same = [entry for entry in entries if kernel and entry.seen.image == kernel]
        if done.rc != 0 or not same:
            said = shown(" ".join((kernel or done.stderr).split())) or "nothing"
            why = f"grubby --default-kernel ended with exit code {done.rc} and said: {said}, which no entry starts."
            return BootDefault(self.name, setting=setting, why=why)
        return self._meaning(setting, same, is_pinned=False)

    def _meaning(self, setting: str | None, entries: list[Entry], is_pinned: bool) -> BootDefault:
        """What the entries, which all start the same image, mean; which of several it is, is not known."""
        seen = entries[0].seen
        why = None
        if not seen.is_usable:
            nameless = f"The name of {shown(seen.image)} does not tell its release."
            why = seen.obstacle.message if seen.obstacle else nameless
        entry = entries[0].setting if len(entries) == 1 else None
        return BootDefault(self.name, entry, None if why else seen.release, why, setting, is_pinned)

    def entries(self) -> Iterator[Entry]:
        for seen in seen_in_bls(self.host, self._modules):
            if seen.found_in.startswith("bls:/boot/loader/entries/"):
                yield Entry(posixpath.basename(seen.found_in)[: -len(".conf")], seen)

    def options_of(self, seen: KernelFile) -> str:
        """With the variables of GRUB that are known ($kernelopts, $tuned_params)."""
        known = self._variables()
        text = _VARIABLE.sub(lambda found: known.get(found.group(1), found.group()), super().options_of(seen))
        return printable(join(split(text)), OPTIONS_LIMIT)

    def _variables(self) -> dict[str, str]:
        try:
            environment = self._environment()
            return {**environment, **grub_variables(self.text, environment)}
        except ValueError:
            return {}

    def writing_needs(self) -> tuple[str, str]:
        return "grubby", self.environment_path

    def write(self, setting: str | None) -> Completed:
        image = next((entry.seen.image for entry in self.entries() if entry.setting == setting), None)
        if image is None:
            return super().write(setting)
        return self.run_and_settle(["grubby", f"--set-default={image}"])

    def keeps_arguments(self) -> bool:
        return has_program(self.host, "grubby") and any(True for _entry in self.entries())

    def edit(self, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
        """Old versions of grubby take the name of one argument for the beginning of another, hence ``others``."""
        option = "--args=" if present else "--remove-args="
        names = {name(argument) for argument in arguments}
        return Edit(
            files={},
            commands=(("grubby", "--update-kernel=ALL", option + join(arguments)),),
            touched=(*bls_entries(self.host), KERNEL_COMMAND_LINE, OPTIONS, self.environment_path),
            others=tuple(argument for argument in split(entry.text or "") if name(argument) not in names),
        )
