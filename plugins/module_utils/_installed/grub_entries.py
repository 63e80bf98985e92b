# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB's configuration as the script that it is, and the kernels in it, as far as they can be told without running it.

The language is that of grub-core/script/parser.y and yylex.l. Of the commands in a menu entry, only those that load a
kernel and its initrds count.
"""

from __future__ import annotations

import itertools
import re
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

LINE_LIMIT = 8192
ENTRIES_LIMIT = 512
_DEPTH_LIMIT = 32

# The suffixes are for firmware interfaces; Fedora and RHEL write linuxefi and initrdefi, old configurations linux16.
_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi")

_TOKEN = regex(
    r"""
    (?:[ \t\r]|\\\n)+                                     # between words
    | \#[^\n]*
    | (?P<end>[\n;])
    | (?P<brace>[{}])(?=[\s;]|\Z)
    | (?P<word>(?:
        [^{}|&$;<>\s'"\\]+ | [{}](?![\s;]|\Z) | (?<=[^\s'"])[{}]
        | \\. | '[^']*' | "(?:\\.|[^"\\])*" | \$(?:\{[^}\s]*\}|\w+|[?*\#@]|)
    )+)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = r"\$(?:\{(?P<braced>[^}\s]*)\}|(?P<name>\w+|[?*\#@]))"
_OUTSIDE = regex(r"'(?P<plain>[^']*)'|\\(?P<escaped>.)|" + _NAME + r"|(?P<quote>\")|(?P<text>[^'\\$\"]+|\$)", re.DOTALL)
_INSIDE = regex(r"\\(?P<escaped>[$\"\\\n])|" + _NAME + r"|(?P<quote>\")|(?P<text>[^\\$\"]+|[\\$])", re.DOTALL)
_AT_ENTRY = regex(r"^(?=[ \t]*menuentry[ \t])", re.MULTILINE)
_RESERVED = frozenset(("then", "elif", "else", "fi", "do", "done"))
_NO_END = "a block in it has no end"


class ScriptError(ValueError):
    """It is no script that GRUB understands. The text says why, as the end of a sentence."""


class Word(NamedTuple):
    """A word of a command: texts, and the names of variables (``True``), in their order. ``raw`` is as written."""

    raw: str
    parts: Tuple[Tuple[bool, str], ...]

    @property
    def plain(self) -> Optional[str]:
        """The word when it holds no variables."""
        return None if any(is_name for is_name, _text in self.parts) else "".join(text for _is, text in self.parts)


class Command(NamedTuple):
    """A command as written (``text``), its words, and the block behind them, which is None without one."""

    text: str
    words: Tuple[Word, ...]
    block: Optional[Tuple[Node, ...]] = None

    @property
    def name(self) -> str:
        """Return the first word; empty when it holds variables."""
        return self.words[0].plain or ""


class If(NamedTuple):
    """The branches in their order: (condition, body). ``else`` has the empty condition."""

    branches: Tuple[Tuple[Tuple[Node, ...], Tuple[Node, ...]], ...]


class Loop(NamedTuple):
    """A body that runs any number of times; ``variable`` is that of ``for``."""

    variable: str
    body: Tuple[Node, ...]


class Function(NamedTuple):
    """The definition of a function."""

    name: str
    body: Tuple[Node, ...]


Node = Union[Command, If, Loop, Function]


class MenuEntry(NamedTuple):
    """A menu entry that starts a kernel. Paths are as written, without quotes and without GRUB's ``(device)``.

    ``options`` is the command line as written, with its quotes and variables; None when there is none.
    """

    linux: str
    initrds: Tuple[str, ...]
    options: Optional[str]


def parse_grub_script(text: str) -> Tuple[Tuple[Node, ...], Optional[ScriptError]]:
    """The script's statements, up to the first one that is none, and what is wrong with that."""
    nodes: List[Node] = []
    try:
        _Parser(text).statements((), nodes, 0)
    except ScriptError as error:
        return tuple(nodes), error
    return tuple(nodes), None


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0

    @property
    def ahead(self) -> Optional[re.Match[str]]:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def statements(self, stops: Sequence[str], nodes: List[Node], depth: int) -> str:
        """Read statements into ``nodes`` until one of ``stops`` begins one, and return that."""
        if depth > _DEPTH_LIMIT:
            raise ScriptError("its blocks are too deep")
        while self.ahead is not None:
            token, raw = self.ahead, self.ahead.group()
            if token.lastgroup == "end":
                self.at += 1
            elif raw in stops:
                self.at += 1
                return raw
            elif raw in _RESERVED or token.lastgroup == "brace":
                raise ScriptError("its blocks do not match")
            else:
                nodes.append(self._statement(raw, depth + 1))
        if stops:
            raise ScriptError(_NO_END)
        return ""

    def _statement(self, first: str, depth: int) -> Node:
        if first == "if":
            return self._if(depth)
        if first in ("while", "until", "for"):
            return self._loop(depth)
        if first == "function":
            return self._function(depth)
        return self._command(depth)

    def _body(self, stops: Sequence[str], depth: int) -> Tuple[Tuple[Node, ...], str]:
        nodes: List[Node] = []
        stop = self.statements(stops, nodes, depth)
        return tuple(nodes), stop

    def _if(self, depth: int) -> Node:
        branches = []
        stop = "if"
        self.at += 1
        while stop != "fi":
            condition: Tuple[Node, ...] = ()
            if stop != "else":
                condition, _then = self._body(("then",), depth)
            body, stop = self._body(("fi",) if stop == "else" else ("elif", "else", "fi"), depth)
            branches.append((condition, body))
        return If(tuple(branches))

    def _loop(self, depth: int) -> Node:
        variable, head = "", ()  # type: str, Tuple[Node, ...]
        if self._take() == "for":
            variable = self._for()
        else:
            head, _do = self._body(("do",), depth)
        body, _done = self._body(("done",), depth)
        return Loop(variable, head + body)

    def _for(self) -> str:
        """The variable of ``NAME in WORDS; do``."""
        words = self._words()
        while self.ahead is not None and self.ahead.lastgroup == "end":
            self.at += 1
        if not words or self._take() != "do":
            raise ScriptError(_NO_END)
        return words[0].raw

    def _function(self, depth: int) -> Node:
        self.at += 1
        name = self._take()
        while self.ahead is not None and self.ahead.group() == "\n":
            self.at += 1
        if self._take() != "{":
            raise ScriptError("a function in it has no body")
        return Function(name, self._body(("}",), depth)[0])

    def _command(self, depth: int) -> Node:
        first = self.tokens[self.at]
        words = self._words()
        text = self.text[first.start() : self.tokens[self.at - 1].end()]
        if self.ahead is None or self.ahead.group() != "{":
            return Command(text, tuple(words))
        self.at += 1
        return Command(text, tuple(words), self._body(("}",), depth)[0])

    def _words(self) -> List[Word]:
        words = []
        while self.ahead is not None and self.ahead.lastgroup == "word":
            words.append(_word(self._take()))
        return words

    def _take(self) -> str:
        if self.ahead is None:
            raise ScriptError(_NO_END)
        self.at += 1
        return self.tokens[self.at - 1].group()


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ScriptError(f"line {text.count(chr(10), 0, at) + 1} of it is not GRUB script")
        if token.lastgroup is not None:
            yield token
        at = token.end()


def _word(raw: str) -> Word:
    parts: List[Tuple[bool, str]] = []
    at, pattern = 0, _OUTSIDE
    while at < len(raw):
        found = pattern.match(raw, at)
        if found is None:
            raise ScriptError("quotes in it do not match")
        at, kind = found.end(), str(found.lastgroup)
        if kind == "quote":
            pattern = _INSIDE if pattern is _OUTSIDE else _OUTSIDE
        else:
            text = found.group(kind)
            parts.append((kind in ("name", "braced"), "" if (kind, text) == ("escaped", "\n") else text))
    return Word(raw, tuple(part for part in parts if part[1]))


def parse_grub_config(text: str) -> Tuple[MenuEntry, ...]:
    """The entries in their order, those of submenus too; what is not printable ASCII becomes ``?``.

    An entry whose paths hold variables is not among them. In a script with an error, each entry is read by itself.
    """
    nodes, error = parse_grub_script(text)
    if error is not None:
        nodes = tuple(node for part in _AT_ENTRY.split(text) for node in parse_grub_script(part)[0])
    entries = (kernel_of(command.block or ()) for command in commands_in(nodes, "menuentry"))
    return tuple(itertools.islice(filter(None, entries), ENTRIES_LIMIT))


def last_set(text: str, name: str) -> str:
    """The value that the last ``set`` of the variable gives it; empty without one, and when it holds variables."""
    value = ""
    for command in commands_in(parse_grub_script(text)[0], "set"):
        for word in command.words[1:2]:
            if word.raw.startswith(name + "="):
                value = (word.plain or "")[len(name) + 1 :]
    return value


def commands_in(nodes: Sequence[Node], *names: str) -> Iterator[Command]:
    """Yield the commands of these names, wherever in the script they are."""
    for node in nodes:
        if isinstance(node, If):
            for condition, body in node.branches:
                yield from commands_in(condition + body, *names)
        elif not isinstance(node, Command):
            yield from commands_in(node.body, *names)
        elif node.name in names:
            yield node
        else:
            yield from commands_in(node.block or (), *names)


def kernel_of(block: Sequence[Node]) -> Optional[MenuEntry]:
    """The kernel that a menu entry's commands start; None without one, and when only GRUB could tell it.

    Of several commands of a kind the first counts: what follows is for the case that the first way failed (Ubuntu's
    entries for clouds).
    """
    linux, initrd = (next(_loading(block, names), None) for names in (_LINUX, _INITRD))
    if linux is None:
        return None
    image = _paths(linux.words[1:2])
    initrds = _paths(initrd.words[1:]) if initrd else []
    if not image or initrds is None:
        return None
    options = printable(linux.text.replace("\t", " "), LINE_LIMIT).split(None, 2)[2:]
    return MenuEntry(image[0], tuple(initrds), options[0] if options else None)


def _loading(block: Sequence[Node], names: Sequence[str]) -> Iterator[Command]:
    return (
        command for command in commands_in(block, *names) if len(command.words) > 1 and len(command.text) <= LINE_LIMIT
    )


def _paths(words: Sequence[Word]) -> Optional[List[str]]:
    """The paths in a part of a command, without quotes and devices; None when only GRUB could tell them."""
    paths = []
    for word in words:
        text = "".join("$" + text if is_name else text for is_name, text in word.parts)
        if text.startswith("(") and ")" in text:
            text = text.split(")", 1)[1]
        if not text.startswith("/") or "$" in text:
            return None
        paths.append(printable(text, LINE_LIMIT))
    return paths
