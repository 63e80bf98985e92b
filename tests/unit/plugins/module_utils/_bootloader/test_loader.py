# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import BootLoader, Entry, shown
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import KernelFile
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

OLD, NEW = "6.12.9-amd64", "6.12.10-amd64"


class Made(BootLoader):
    """A boot loader with given entries."""

    name = "made"
    default = meaning_of = require_changeable = write = writing_needs = edit = None
    kept = True

    def __init__(self, *entries: Entry) -> None:
        super().__init__(FakeRoot(Path("/nowhere")))
        self._entries: List[Entry] = list(entries)

    def entries(self) -> List[Entry]:
        return self._entries

    def keeps_arguments(self) -> bool:
        return self.kept


def entry(setting: str, release: str, options: Optional[str] = "ro quiet", obstacle: Optional[Note] = None) -> Entry:
    return Entry(setting, KernelFile(f"/boot/vmlinuz-{release}", "made", release, options=options, obstacle=obstacle))


def test_setting_of_a_release():
    assert Made(entry("a", OLD), entry("b", NEW), entry("r", NEW, "ro single")).setting_for(NEW) == "b"


@pytest.mark.parametrize(
    ("entries", "code", "says"),
    [
        ([entry("a", OLD)], "boot_entry_not_found", f"Entries start: {OLD}"),
        ([entry("r", NEW, "ro systemd.unit=rescue.target")], "boot_entry_not_found", "Only its recovery mode has one"),
        ([entry("a", NEW, obstacle=Note("no_image", "It is gone."))], "boot_entry_not_found", "It is gone."),
        ([entry("a", NEW), entry("b", NEW)], "boot_entry_ambiguous", "a, b"),
    ],
)
def test_release_without_one_entry_of_its_own(entries, code, says):
    with pytest.raises(Refusal) as caught:
        Made(*entries).setting_for(NEW)
    assert caught.value.code == code
    assert says in caught.value.message


@pytest.mark.parametrize(("running", "release"), [(OLD, OLD), (NEW, NEW), ("5.10.0", NEW), (None, NEW)])
def test_arguments_of_the_running_kernel_or_else_of_the_newest(running, release):
    found = Made(entry("a", OLD, "old"), entry("b", NEW, "new"), entry("c", "6.13.0", None)).command_line(running)
    assert (found.release, found.text) == (release, {OLD: "old", NEW: "new"}[release])


def test_arguments_that_are_not_there():
    found = Made(entry("a", NEW, "root=x $kernelopts")).command_line(NEW)
    assert (found.release, found.text) == (NEW, None)
    assert "$kernelopts" in found.problem.message
    assert Made(entry("r", NEW, "single")).command_line(NEW).problem.code == "boot_entry_unknown"
    loader = Made(entry("a", NEW))
    loader.kept = False
    assert loader.command_line(NEW).problem.code == "boot_loader_unknown"


def test_names_of_entries_are_shown_printable():
    assert (shown(None), shown("a\x1b[2J")) == (None, "a?[2J")
