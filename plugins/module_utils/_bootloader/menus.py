# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GRUB's script makes of its environment: the default, and the menu as a tree.

The script is followed with what is known: the variables that GRUB keeps between boots, and those that the script sets.
Of an ``if`` whose condition is known, one branch counts; otherwise all may run, and what they leave behind counts only
as far as they agree. What only GRUB could tell raises ``MenuError``.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import (
    ENTRIES_LIMIT,
    Command,
    If,
    Loop,
    MenuEntry,
    Node,
    Word,
    commands_in,
    kernel_of,
    parse_grub_script,
)

SAVED = "${saved_entry}"
# These are for one boot, or until it is known to be good: what they lead to is no default that stays.
PASSING = ("next_entry", "boot_counter")
_MARK = "\0saved"
_STEPS_LIMIT = 100_000
_CALLS_LIMIT = 16
# What GRUB itself sets; a variable that it does not set, and neither the script nor its environment, is empty.
_OF_GRUB = regex(
    r"[?*#@0-9]|(feature|grub|net|color|pxe|efi|cpuid|shim)_?\w*|root|prefix|cmdpath|config_\w+|theme|lang|locale_dir"
    r"|gfx\w*|pager|timeout\w*|chosen|lockdown|check_\w+|debug|superusers|icondir|biosnum|package_version|bootdev"
)
_ID_OPTIONS = ("$menuentry_id_option", "${menuentry_id_option}", "--id")
_WITH_VALUE = ("--class", "--users", "--hotkey", "--source")
_MENU_COMMANDS = ("menuentry", "submenu")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-le": operator.le,
    "-gt": operator.gt,
    "-ge": operator.ge,
}

Variables = Dict[str, Optional[str]]


class MenuError(ValueError):
    """Only GRUB could tell. The text says why, as the end of a sentence."""


class MenuItem(NamedTuple):
    """An entry or a submenu. ``items`` is None for an entry, and ``kernel`` what an entry starts, if it can be told.

    ``is_conditional``: whether it is there is only known when GRUB runs.
    """

    title: str
    id: str
    items: Optional[Tuple[MenuItem, ...]]
    kernel: Optional[MenuEntry]
    is_conditional: bool


def parse_grub_default(text: str, environment: Optional[Mapping[str, str]] = None) -> str:
    """The default that a grub.cfg sets with these variables, ``SAVED`` for the saved entry, whatever that is.

    Empty (the first entry) when it sets none. What is for one boot alone is left out of account. Raises MenuError.
    """
    stays = {name: value for name, value in (environment or {}).items() if name not in PASSING}
    default = _default(text, {**stays, "saved_entry": _MARK})
    return SAVED if default == _MARK else default


def started_next(text: str, environment: Mapping[str, str]) -> str:
    """What the next boot starts, with all that GRUB remembers. Raises MenuError."""
    return _default(text, environment)


def grub_variables(text: str, environment: Mapping[str, str]) -> Dict[str, str]:
    """The variables that are known at the end of the script. Raises MenuError."""
    variables = _run(text, environment).variables
    return {name: value for name, value in variables.items() if value is not None}


def parse_grub_menu(text: str, environment: Optional[Mapping[str, str]] = None) -> Tuple[MenuItem, ...]:
    """The menu's entries and submenus, outermost ones first. Raises MenuError."""
    return tuple(_run(text, environment or {}).items)


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


def _default(text: str, environment: Mapping[str, str]) -> str:
    default = _run(text, environment).variables.get("default", "")
    if default is None:
        raise MenuError("it sets several defaults, and which of them counts is only known when GRUB runs")
    return default


def _run(text: str, environment: Mapping[str, str]) -> _State:
    nodes, error = parse_grub_script(text)
    if error is not None:
        raise MenuError(str(error)) from error
    state = _State(dict(environment))
    try:
        _Runner().run(nodes, state)
    except RecursionError as error:
        raise MenuError("its blocks and functions are too deep") from error
    return state


@dataclass
class _State:
    """The variables (None: not known) and the menu so far."""

    variables: Variables
    items: List[MenuItem] = field(default_factory=list)

    def get(self, name: str) -> Optional[str]:
        unset = None if _OF_GRUB.fullmatch(name) else ""
        return self.variables.get(name, unset)

    def expand(self, word: Word) -> Optional[str]:
        """The word's text; None when a variable in it is not known."""
        texts = [self.get(text) if is_name else text for is_name, text in word.parts]
        return None if None in texts else "".join(text or "" for text in texts)

    def assign(self, word: Word) -> None:
        """Do what a word ``NAME=VALUE`` says; other words say nothing."""
        name = re.match(r"(\w+)=", word.raw)
        if name is not None:
            text = self.expand(word)
            self.variables[name.group(1)] = None if text is None else text[name.end() :]

    def count(self, name: str, by: int) -> None:
        """Do what ``increment`` and ``decrement`` do."""
        text = self.get(name) or ""
        self.variables[name] = str(int(text) + by) if re.fullmatch("-?[0-9]{1,9}", text) else None

    def take_over(self, others: Sequence[_State]) -> None:
        """Go on after branches of which only one was run: what they do not agree in is not known."""
        names = {name for other in others for name in other.variables}
        values = {name: {other.get(name) for other in others} for name in names}
        self.variables = {name: found.pop() if len(found) == 1 else None for name, found in values.items()}


class _Runner:
    def __init__(self) -> None:
        self.functions: Dict[str, Tuple[Node, ...]] = {}
        self.steps = self.calls = self.entries = 0

    def run(self, nodes: Sequence[Node], state: _State) -> Optional[bool]:
        """Follow the statements, and return whether the last one succeeds; None when that is not known."""
        success: Optional[bool] = True
        for node in nodes:
            self.steps += 1
            if self.steps > _STEPS_LIMIT:
                raise MenuError("it is too long to be followed")
            success = None
            if isinstance(node, Command):
                success = self._command(node, state)
            elif isinstance(node, If):
                self._if(node, state)
            elif isinstance(node, Loop):
                self._loop(node, state)
            else:
                self.functions[node.name] = node.body
        return success

    def _if(self, node: If, state: _State) -> None:
        """Follow the branches up to one that certainly runs when those before it do not."""
        ends: List[_State] = []
        for condition, body in node.branches:
            holds = self.run(condition, state) if condition else True
            if holds and not ends:
                self.run(body, state)
                return
            if holds is not False:
                ends.append(self._maybe(body, state))
            if holds:
                break
        else:
            ends.append(state)
        state.take_over(ends)

    def _loop(self, node: Loop, state: _State) -> None:
        """Follow the body once, without what earlier rounds may have set."""
        commands = commands_in(node.body, "set", "increment", "decrement")
        changing = [node.variable, *(command.words[-1].raw.split("=", 1)[0] for command in commands)]
        state.variables.update(dict.fromkeys(filter(None, changing)))
        state.take_over([state, self._maybe(node.body, state)])

    def _maybe(self, nodes: Sequence[Node], state: _State) -> _State:
        """Follow what may run; what it adds to the menu may be there."""
        branch = _State(dict(state.variables))
        self.run(nodes, branch)
        state.items += [item._replace(is_conditional=True) for item in branch.items]
        return branch

    def _command(self, command: Command, state: _State) -> Optional[bool]:
        name = state.expand(command.words[0]) or ""
        if name in _MENU_COMMANDS:
            self._menu(name, command, state)
        elif name in self.functions:
            return self._call(name, state)
        elif name in ("[", "test"):
            return _test([state.expand(word) for word in command.words[1:]], name)
        elif name in ("true", "false"):
            return name == "true"
        elif name == "unset":
            state.variables.update(dict.fromkeys((word.raw for word in command.words[1:]), ""))
        elif name in ("increment", "decrement"):
            state.count(command.words[-1].raw, 1 if name == "increment" else -1)
        else:
            for word in command.words[1:2] if name == "set" else command.words[:1]:
                state.assign(word)
        return None

    def _call(self, name: str, state: _State) -> Optional[bool]:
        self.calls += 1
        if self.calls > _CALLS_LIMIT:
            raise MenuError("its functions call each other")
        success = self.run(self.functions[name], state)
        self.calls -= 1
        return success

    def _menu(self, kind: str, command: Command, state: _State) -> None:
        self.entries += 1
        if self.entries > ENTRIES_LIMIT:
            raise MenuError(f"it has more than {ENTRIES_LIMIT} entries")
        title, name = _title_and_id(command.words[1:], state)
        block = command.block or ()
        inner = _State(dict(state.variables))
        if kind == "submenu":
            self.run(block, inner)
        state.items.append(
            MenuItem(
                title=title,
                id=title if name is None else name,
                items=tuple(inner.items) if kind == "submenu" else None,
                kernel=None if kind == "submenu" else kernel_of(block),
                is_conditional=False,
            )
        )


def _title_and_id(words: Sequence[Word], state: _State) -> Tuple[str, Optional[str]]:
    """Return the title and the id; a text with variables that are not known as it is written."""
    title = name = None
    following = iter(words)
    for word in following:
        text = state.expand(word)
        text = word.raw if text is None else text
        if word.raw in _ID_OPTIONS or text in _WITH_VALUE:
            value = next(following, word)
            name = (state.expand(value) or value.raw) if text not in _WITH_VALUE else name
        elif text.startswith("--"):
            name = text[len("--id=") :] if text.startswith("--id=") else name
        elif title is None:
            title = text
    if title is None:
        raise MenuError("an entry in it has no title")
    return title, name


def _test(arguments: Sequence[Optional[str]], name: str) -> Optional[bool]:
    """GRUB's ``test`` (grub-core/commands/test.c), where ``-a`` goes before ``-o``; None when it is not known."""
    if "(" in arguments or (name == "[" and (not arguments or arguments[-1] != "]")):
        return None
    either: Optional[bool] = False
    for alternative in _parts(arguments[:-1] if name == "[" else arguments, "-o"):
        results = [_holds(part) for part in _parts(alternative, "-a")]
        both = False if False in results else None if None in results else True
        either = True if either or both else None if None in (either, both) else False
    return either


def _parts(arguments: Sequence[Optional[str]], separator: str) -> List[List[Optional[str]]]:
    parts: List[List[Optional[str]]] = [[]]
    for argument in arguments:
        if argument == separator:
            parts.append([])
        else:
            parts[-1].append(argument)
    return parts


def _holds(arguments: List[Optional[str]]) -> Optional[bool]:
    if arguments[:1] == ["!"]:
        holds = _holds(arguments[1:])
        return None if holds is None else not holds
    if None in arguments:
        return None
    first, *rest = [argument or "" for argument in arguments] or [""]
    if not rest:
        return first != ""
    if len(rest) == 1:
        return {"-n": rest[0] != "", "-z": rest[0] == ""}.get(first)
    if len(rest) != 2 or rest[0] not in _COMPARISONS:
        return None
    numbers = rest[0].startswith("-")
    if numbers and not all(re.fullmatch("-?[0-9]{1,9}", text) for text in (first, rest[1])):
        return None
    return _COMPARISONS[rest[0]](int(first), int(rest[1])) if numbers else _COMPARISONS[rest[0]](first, rest[1])
