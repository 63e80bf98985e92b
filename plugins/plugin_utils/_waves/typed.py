# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was typed and would not do what it says: YAML has changed it, a word is nearly another, a list is a text. Pure.

Ansible's own check makes a text of whatever it is given: 7.10 without quotes is the number 7.1, and off is False.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

NEAR = 0.6
_LEDGERS = re.compile(r"sqlite:////.|postgres(ql)?(\+psycopg)?://", re.ASCII)
_UNQUOTED = {True: "on, yes and true", False: "off, no and false"}


def nearest(word: str, words: Iterable[str], near: float = NEAR) -> str:
    """Return a question with the word that is meant, in brackets after a blank; empty where none is near."""
    by_lower = {known.lower(): known for known in words}
    # A hyphen is often typed for an underscore, and editors make other dashes of it.
    plain = "".join("_" if not char.isalnum() else char for char in word.strip().lower())
    for typed in (word.strip().lower(), plain):
        found = get_close_matches(typed, by_lower, 1, near)
        if found:
            return f" (is {by_lower[found[0]]} meant?)"
    return ""


def text_problem(value: Any, may_be_number: bool = False) -> str | None:
    """Return what is wrong with a value that must be a text, as what follows its name; None when nothing is."""
    if value is None:
        return "has no value (null); give it one, or leave it out"
    if isinstance(value, bool):
        return f"is the truth value {value}, which YAML makes of {_UNQUOTED[value]} without quotes; write it in quotes"
    if isinstance(value, float) or (isinstance(value, int) and not may_be_number):
        return (
            f"is the number {value}; without quotes, a number loses what it ends with (7.10 is 7.1): write it in quotes"
        )
    if not isinstance(value, (str, int)):
        return f"is {shown(value)}, which is no text"
    return _text_problem(str(value))


def _text_problem(text: str) -> str | None:
    if text != text.strip():
        return f"is {shown(text)}, with a blank at an end; remove it"
    strange = next((char for char in text if not char.isprintable()), None)
    return f"is {shown(text)}, with the character {ascii(strange)}; remove it" if strange else None


def elements_problem(value: Any, may_be_null: bool = False) -> str | None:
    """Return what is wrong with a list of texts, or with the texts that a mapping holds; None when nothing is."""
    if isinstance(value, Mapping):
        return next(filter(None, (_inside(one, may_be_null) for one in [*value, *value.values()])), None)
    if isinstance(value, str):
        return next(filter(None, map(_inside, value.split(",") if value else ())), None)
    if not isinstance(value, (list, tuple)):
        return text_problem(value) or f"is {shown(value)}, which is no list"
    return next(filter(None, map(_inside, value)), None)


def _inside(one: Any, may_be_null: bool = False) -> str | None:
    if one is None and may_be_null:
        return None
    problem = text_problem(one, may_be_number=True) if one != "" else "is empty"
    return f"holds something that {problem}" if problem else None


def ledger_problem(value: Any) -> str | None:
    """Return what is wrong with the address of a ledger, which is not shown: it can hold a password; empty is none."""
    if not isinstance(value, str):
        return "is no text"
    if value != value.strip():
        return "has a blank at an end; remove it"
    if value and (text_problem(value) or not _LEDGERS.match(value)):
        return "is no address of a ledger; write sqlite:////absolute/path/ledger.db or postgresql://user@host/name"
    return None


def number_problem(value: Any, least: int, most: int | None = None) -> str | None:
    """Return what is wrong with a whole number; a text of digits is one, as the command line gives it."""
    text = value.strip() if isinstance(value, str) else str(value)
    digits = text[1:] if text.startswith("-") else text
    if isinstance(value, (bool, float)) or value is None or not (digits.isascii() and digits.isdigit()):
        return f"is {shown(value)}, which is no whole number"
    number = int(text[:20])
    if number < least:
        return f"is {number}, which is less than {least}"
    return f"is {number}, which is more than {most}" if most is not None and number > most else None


def ratio_problem(value: Any) -> str | None:
    """Return what is wrong with a number of 0 or more that may have a fraction."""
    try:
        number = math.nan if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        number = math.nan
    return (
        None if math.isfinite(number) and number >= 0 else f"is {shown(value)}, which is no number of 0 or more (1.5)"
    )


def choice_problem(name: str, value: Any, choices: Sequence[str]) -> str | None:
    """Return what is wrong with a value that must be one of the choices, as Ansible says it, with the nearest."""
    if isinstance(value, str) and value in choices:
        return None
    said = f"value of {name} must be one of: {', '.join(choices)}, got: {printable(str(value), 60)}"
    if isinstance(value, str):
        return said + nearest(value, choices)
    return f"{said} (it {text_problem(value)})"


def shown(value: Any) -> str:
    """Return a value as it can be shown, in one line."""
    return printable(ascii(value), 60)
