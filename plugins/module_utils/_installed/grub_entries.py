# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels in GRUB's configuration, as far as they can be told without running it.

grub.cfg is a script. Here it is read line by line: of the commands in a menu entry, only those that load a kernel and
its initrds count, and everything else is passed over.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

LINES_LIMIT = 100_000
LINE_LIMIT = 8192
ENTRIES_LIMIT = 512

# The suffixes are for firmware interfaces; Fedora and RHEL write linuxefi and initrdefi, old configurations linux16.
_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi")


@dataclass(frozen=True)
class MenuEntry:
    """A menu entry that starts a kernel. Paths are as written, without quotes and without GRUB's ``(device)``.

    ``options`` is the command line as written, with its quotes and variables; None when there is none.
    """

    linux: str
    initrds: Tuple[str, ...]
    options: Optional[str]


def parse_grub_config(text: str) -> Tuple[MenuEntry, ...]:
    """The entries in their order, those of submenus too; what is not printable ASCII becomes ``?``.

    An entry whose paths hold variables is not among them.
    """
    entries: List[MenuEntry] = []
    block: Optional[List[str]] = None  # the lines of the menu entry that we are in
    for line in map(str.strip, text.split("\n", LINES_LIMIT)[:LINES_LIMIT]):
        if line.startswith("menuentry "):
            block = []
        elif line == "}" and block is not None:
            kernel = kernel_of(block)
            entries += [kernel] if kernel else []
            block = None
        elif block is not None:
            block += loading_command(line)
        if len(entries) >= ENTRIES_LIMIT:
            break
    return tuple(entries)


def loading_command(line: str) -> List[str]:
    """A line without blanks around it, as printable ASCII, in a list; nothing when it is no command that loads."""
    words = line[:16].split(None, 1)
    loads = len(words) == 2 and words[0] in _LINUX + _INITRD and len(line) <= LINE_LIMIT
    return [printable(line.replace("\t", " "), LINE_LIMIT)] if loads else []


def kernel_of(commands: Sequence[str]) -> Optional[MenuEntry]:
    """The kernel that a menu entry's loading commands start; None without one, and when only GRUB could tell it.

    Of several commands of a kind the first counts: what follows is for the case that the first way failed (Ubuntu's
    entries for clouds).
    """
    linux = next((line for line in commands if line.split()[0] in _LINUX), None)
    initrd = next((line for line in commands if line.split()[0] in _INITRD), "")
    if linux is None:
        return None
    image = _paths(" ".join(linux.split(None, 2)[1:2]))
    initrds = _paths(" ".join(initrd.split()[1:]))
    if not image or initrds is None:
        return None
    options = linux.split(None, 2)[2:]
    return MenuEntry(image[0], tuple(initrds), options[0] if options else None)


def _paths(words: str) -> Optional[List[str]]:
    """The paths in a part of a command, without quotes and devices; None when only GRUB could tell them."""
    try:
        paths = shlex.split(words)
    except ValueError:  # quotes that do not match
        return None
    paths = [path.split(")", 1)[1] if path.startswith("(") and ")" in path else path for path in paths]
    return paths if all(path.startswith("/") and "$" not in path for path in paths) else None
