# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB's menu as a tree, and which of its entries a default names.

As in ``_grub_entries``, grub.cfg is read line by line and not run. What only running it could tell raises
``MenuError``: an entry inside of an ``if``, or a file that is written in another way than grub-mkconfig does.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import (
    ENTRIES_LIMIT,
    LINES_LIMIT,
    MenuEntry,
    kernel_of,
    loading_command,
)

SAVED = "${saved_entry}"
_ONCE = "${next_entry}"
_DEFAULT = re.compile(r'^[ \t]*set default="?([^"\n]*)"?[ \t]*$', re.MULTILINE)
_ID_OPTIONS = ("$menuentry_id_option", "${menuentry_id_option}", "--id")
_MENU_COMMANDS = ("menuentry", "submenu")
_CLOSED_BY = {"menuentry": "}", "submenu": "}", "function": "}", "if": "fi", "for": "done", "while": "done"}


class MenuError(ValueError):
    """Only GRUB could tell. The text says why, as the end of a sentence."""


@dataclass(frozen=True)
class MenuItem:
    """An entry or a submenu. ``items`` is None for an entry, and ``kernel`` what an entry starts, if it can be told.

    ``is_conditional``: whether it is there is only known when GRUB runs.
    """

    title: str
    id: str
    items: Optional[Tuple[MenuItem, ...]]
    kernel: Optional[MenuEntry]
    is_conditional: bool


@dataclass
class _Block:
    """A block of the script that is not closed yet; ``words`` are those that begin it."""

    words: List[str]
    items: List[MenuItem] = field(default_factory=list)
    commands: List[str] = field(default_factory=list)

    @property
    def is_menu(self) -> bool:
        return self.words[0] in _MENU_COMMANDS


def parse_grub_default(text: str) -> str:
    """The default that a grub.cfg sets when no entry is to be started once; empty (the first entry) when it sets none.

    Raises MenuError when it sets several.
    """
    found = {value for value in _DEFAULT.findall(text) if value != _ONCE}
    if len(found) > 1:
        raise MenuError("it sets several defaults")
    return found.pop() if found else ""


def parse_grub_menu(text: str) -> Tuple[MenuItem, ...]:
    """The menu's entries and submenus, outermost ones first. Raises MenuError."""
    blocks = [_Block(["menu"])]
    count = 0
    for line in map(str.strip, text.split("\n", LINES_LIMIT)[:LINES_LIMIT]):
        if line in ("}", "fi", "done"):
            _close(blocks, line)
        elif _opens(line):
            blocks.append(_Block(_words(line)))
            count += blocks[-1].is_menu
        else:
            blocks[-1].commands += loading_command(line)
        if count > ENTRIES_LIMIT:
            raise MenuError(f"it has more than {ENTRIES_LIMIT} entries")
    if len(blocks) > 1:
        raise MenuError("a block in it has no end")
    return tuple(blocks[0].items)


def find_item(items: Tuple[MenuItem, ...], setting: str) -> Tuple[MenuItem, ...]:
    """The entry that a default names, after the submenus around it; an empty default means the first entry.

    The parts of a default are separated by ``>``; each is a number, an id or a title (get_entry_number() in
    grub-core/normal/menu.c). Raises MenuError.
    """
    path: List[MenuItem] = []
    for part in setting.split(">") if setting else ["0"]:
        path.append(_pick(items, part))
        items = path[-1].items or ()
    if path[-1].items is not None:
        raise MenuError("it names a submenu, and no entry in it")
    return tuple(path)


def _pick(items: Tuple[MenuItem, ...], part: str) -> MenuItem:
    """The item of one menu. GRUB counts from 0, and takes what begins with a digit for a number."""
    if re.fullmatch("[0-9]{1,4}", part):
        before = items[: int(part) + 1]
        if len(before) <= int(part) or any(item.is_conditional for item in before):
            raise MenuError("it counts entries, and how many there are is only known when GRUB runs")
        return before[-1]
    found = next((item for item in items if part in (item.id, item.title)), None)
    if found is None or part[:1].isdigit():
        raise MenuError("no entry has that name")
    if found.is_conditional:
        raise MenuError("whether there is an entry of that name is only known when GRUB runs")
    return found


def _opens(line: str) -> bool:
    """Whether the line begins a block that ends on another line."""
    words = line.split(None, 1)
    if len(words) < 2 or words[0] not in _CLOSED_BY:
        return False
    if _CLOSED_BY[words[0]] == "}" and not line.endswith("{"):
        raise MenuError("an entry in it is not written as grub-mkconfig does")
    return not line.endswith(_CLOSED_BY[words[0]])


def _words(line: str) -> List[str]:
    command = line.split(None, 1)[0]
    if command not in _MENU_COMMANDS:
        return [command]
    try:
        words = shlex.split(line[:-1])
    except ValueError as error:
        raise MenuError("quotes in it do not match") from error
    if len(words) < 2:
        raise MenuError("an entry in it has no title")
    return words


def _close(blocks: List[_Block], line: str) -> None:
    """Close the innermost block, and put what it is into the menu around it, through blocks that are no menus."""
    block = blocks.pop()
    if _CLOSED_BY.get(block.words[0]) != line:
        raise MenuError("its blocks do not match")
    if block.is_menu:
        blocks[-1].items.append(_item(block, blocks[-1].words[0] not in ("menu", "submenu")))
    else:
        blocks[-1].items += block.items
        blocks[-1].commands += block.commands


def _item(block: _Block, is_conditional: bool) -> MenuItem:
    title = block.words[1]
    following = dict(zip(block.words[2:], block.words[3:]))
    name = next((following[option] for option in _ID_OPTIONS if option in following), title)
    is_submenu = block.words[0] == "submenu"
    return MenuItem(
        title=title,
        id=name,
        items=tuple(block.items) if is_submenu else None,
        kernel=None if is_submenu else kernel_of(block.commands),
        is_conditional=is_conditional,
    )
