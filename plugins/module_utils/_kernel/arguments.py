# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel's command line as an ordered, lossless list of arguments.

The rules are those of the kernel's ``next_arg()`` (lib/cmdline.c): blanks separate arguments, a double quote protects
blanks up to the next one, nothing can be escaped, and ``-`` and ``_`` are the same in a parameter's name. What follows
a lone ``--`` is for init, not for the kernel (init/main.c).
"""

from __future__ import annotations

from typing import Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

# C's isspace(), which is what the kernel uses; str.split() would also take other characters for blanks.
BLANKS = " \t\n\v\f\r"
_ARGUMENT = regex(rf'(?:[^{BLANKS}"]|"[^"]*(?:"|$))+')

# What kstrtobool() (lib/kstrtox.c) understands, without regard to case; it looks at no more than these letters. Kernels
# that have KHO know all of them; those before 6.14 know no "e" and no "d".
_TRUE = ("1", "y", "t", "e", "on")
_FALSE = ("0", "n", "f", "d", "of")


def split(command_line: str) -> list[str]:
    """The arguments in their order, each exactly as written, with its quotes."""
    return _ARGUMENT.findall(command_line)


def join(arguments: Sequence[str]) -> str:
    """One line from arguments; ``split(join(arguments))`` gives them back."""
    return " ".join(arguments)


def name(argument: str) -> str:
    """The parameter's name as the kernel compares it: without quotes and value, with ``_`` for ``-``."""
    bare = argument[1:] if argument.startswith('"') else argument
    # The kernel looks for "=" from the second character on, so a name is never empty.
    end = bare.find("=", 1)
    return (bare if end < 0 else bare[:end]).strip('"').replace("-", "_")


def value(argument: str) -> str | None:
    """The parameter's value without its quotes; None when there is no ``=``."""
    quoted = argument.startswith('"')
    bare = argument[1:] if quoted else argument
    end = bare.find("=", 1)
    if end < 0:
        return None
    text = bare[end + 1 :]
    if text.startswith('"'):
        text, quoted = text[1:], True
    return text[:-1] if quoted and text.endswith('"') else text


def last_value(command_line: str, parameter: str) -> str | None:
    """The value that counts for the kernel: the last one before ``--``. None when the parameter has no value."""
    arguments = split(command_line)
    values = [value(argument) for argument in for_kernel(arguments) if name(argument) == parameter]
    return values[-1] if values else None


def truth(text: str | None) -> bool | None:
    """What the kernel makes of a value that says yes or no; None when it does not understand it."""
    lower = (text or "").lower()
    return True if lower.startswith(_TRUE) else False if lower.startswith(_FALSE) else None


def is_on(command_line: str, parameter: str) -> bool | None:
    """Whether the parameter is switched on: the last value that the kernel understands counts. None without one."""
    own = [argument for argument in for_kernel(split(command_line)) if name(argument) == parameter]
    understood = [said for said in map(truth, map(value, own)) if said is not None]
    return understood[-1] if understood else None


def for_kernel(arguments: Sequence[str]) -> list[str]:
    """The arguments before ``--``."""
    return list(arguments[: arguments.index("--")] if "--" in arguments else arguments)


def begins_with(arguments: Sequence[str], run: Sequence[str]) -> bool:
    """Whether the first arguments are those of ``run``, however they are quoted; no value and an empty one are one."""
    return [*map(_compared, arguments[: len(run)])] == [*map(_compared, run)]


def _compared(argument: str) -> tuple[str, str]:
    return name(argument), value(argument) or ""
