# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building anew what a host has answered: what is described is copied, nothing else, and nothing as it came. Pure.

A host may be compromised, and its answer then is what an attacker likes: other keys, other types, endless texts. What a
shape has built has only the described keys, plain types, finite numbers, and bounded and printable texts.
Null stands for what is not known, and every shape takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

LARGEST = 2**63
TEXT_LIMIT = 4096
MANY = 1000
NAME_LIMIT = 100
DEPTH = 8


class NotUnderstood(ValueError):
    """Something in an answer is not what it should be; ``path`` is where, ``why`` what it is instead."""

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.path = path

    def inside(self, where: str) -> NotUnderstood:
        """The same, seen from further out."""
        return NotUnderstood(self.why, f"{where}.{self.path}" if self.path else where)


class Shape(Protocol):
    """What one value must look like."""

    def build(self, value: Any) -> Any:
        """Return ``value``, which is not None, built anew. Raises NotUnderstood."""


@dataclass(frozen=True)
class Text:
    """A text of at most ``limit`` characters; more is cut. With ``lines``, line ends stay."""

    limit: int = TEXT_LIMIT
    lines: bool = False

    def build(self, value: Any) -> str:
        """Return it in printable ASCII."""
        if not isinstance(value, str):
            raise _other("a text", value)
        if not self.lines:
            return printable(value, self.limit)
        return "\n".join(printable(line, self.limit) for line in value[: self.limit].split("\n"))


@dataclass(frozen=True)
class Whole:
    """A whole number from ``least`` to ``most``."""

    least: int = -LARGEST
    most: int = LARGEST

    def build(self, value: Any) -> int:
        """Return it as a plain int."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise _other("a whole number", value)
        if not self.least <= value <= self.most:
            raise NotUnderstood(f"is not between {self.least} and {self.most}")
        return int(value)


@dataclass(frozen=True)
class Number:
    """A finite number from ``least`` to ``most``."""

    least: float = -LARGEST
    most: float = LARGEST

    def build(self, value: Any) -> float:
        """Return it as a plain int or float."""
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise _other("a number", value)
        # Neither infinity nor what is no number is below anything.
        if not abs(value) < LARGEST:
            raise NotUnderstood("is not finite")
        if not self.least <= value <= self.most:
            raise NotUnderstood(f"is not between {self.least} and {self.most}")
        return int(value) if isinstance(value, int) else float(value)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def build(self, value: Any) -> bool:
        """Return it."""
        if not isinstance(value, bool):
            raise _other("true or false", value)
        return value


@dataclass(frozen=True)
class Many:
    """A list of at most ``limit`` items, of which none is null; one with more is not understood."""

    of: Shape
    limit: int = MANY

    def build(self, value: Any) -> list[Any]:
        """Return the items, each built anew."""
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise _other("a list", value)
        if len(value) > self.limit:
            raise NotUnderstood(f"has more than {self.limit} items")
        return [_built(self.of, item, f"[{number}]") for number, item in enumerate(value)]


@dataclass(frozen=True)
class Table:
    """A mapping with names that nobody knows beforehand, at most ``limit`` of them."""

    of: Shape
    limit: int = MANY

    def build(self, value: Any) -> dict[str, Any]:
        """Return it with printable names."""
        if not isinstance(value, Mapping):
            raise _other("a mapping", value)
        if len(value) > self.limit:
            raise NotUnderstood(f"has more than {self.limit} keys")
        names = {key: _name(key) for key in value}
        return {name: _may_be_null(self.of, value[key], name) for key, name in names.items()}


@dataclass(frozen=True)
class Record:
    """A mapping with known keys. Others are dropped, those that are ``needed`` must be there and not null."""

    fields: Mapping[str, Shape]
    needed: tuple[str, ...] = ()

    def build(self, value: Any) -> dict[str, Any]:
        """Return what of it is described."""
        if not isinstance(value, Mapping):
            raise _other("a mapping", value)
        self.require(value)
        return {name: _may_be_null(shape, value[name], name) for name, shape in self.fields.items() if name in value}

    def require(self, value: Mapping[str, Any]) -> None:
        """Raise NotUnderstood unless all is there that is needed."""
        for name in self.needed:
            if value.get(name) is None:
                raise NotUnderstood("is missing", name)

    def with_fields(self, **fields: Shape) -> Record:
        """The same with more keys."""
        return Record({**self.fields, **fields}, self.needed)


@dataclass(frozen=True)
class Tree:
    """Anything that JSON can express, for what is only shown: at most ``nodes`` values, ``DEPTH`` levels."""

    nodes: int = 20 * MANY
    text: Text = field(default_factory=lambda: Text(1 << 18, lines=True))

    def build(self, value: Any) -> Any:
        """Return it."""
        return self._copy(value, DEPTH, iter(range(self.nodes)))

    def _copy(self, value: Any, depth: int, left: Any) -> Any:
        if next(left, None) is None or depth == 0:
            raise NotUnderstood("is too large")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text.build(value)
        if isinstance(value, (int, float)):
            return Number().build(value)
        if isinstance(value, Mapping):
            return {_name(key): self._copy(item, depth - 1, left) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self._copy(item, depth - 1, left) for item in value]
        raise _other("plain data", value)


def _built(shape: Shape, value: Any, where: str) -> Any:
    try:
        if value is None:
            raise NotUnderstood("is missing")
        return shape.build(value)
    except NotUnderstood as trouble:
        raise trouble.inside(where) from trouble


def _may_be_null(shape: Shape, value: Any, where: str) -> Any:
    return None if value is None else _built(shape, value, where)


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise _other("a name", key)
    return printable(key, NAME_LIMIT)


def _other(wanted: str, value: Any) -> NotUnderstood:
    return NotUnderstood(f"is not {wanted}, but of the type {type(value).__name__[:40]}")
