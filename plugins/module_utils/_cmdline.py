# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's command line as an ordered, lossless list of arguments.

The rules are those of the kernel's ``next_arg()`` (lib/cmdline.c): blanks separate arguments, a double quote protects
blanks up to the next one, nothing can be escaped, and ``-`` and ``_`` are the same in a parameter's name. What follows
a lone ``--`` is for init, not for the kernel (init/main.c).
"""

from __future__ import annotations

import re
from typing import Sequence

# C's isspace(), which is what the kernel uses; str.split() would also take other characters for blanks.
_ARGUMENT = re.compile(r'(?:[^ \t\n\v\f\r"]|"[^"]*(?:"|$))+')

# Put there by the boot loader for the kernel that it started, and wrong for any other.
_BOOT_LOADER_PARAMETERS = ("BOOT_IMAGE", "initrd")

# What every kernel's kstrtobool() (lib/kstrtox.c) takes for true; it looks at no more than these letters.
_TRUE = ("1", "y", "on")


def split(command_line: str) -> list[str]:
    """The arguments in their order, each exactly as written, with its quotes."""
    return _ARGUMENT.findall(command_line)


def join(arguments: Sequence[str]) -> str:
    """One line from arguments; ``split(join(arguments))`` gives them back."""
    return " ".join(arguments)


def name(argument: str) -> str:
    """The parameter's name as the kernel compares it: without quotes and value, with ``_`` for ``-``."""
    bare = argument[1:] if argument.startswith('"') else argument
    # The kernel looks for "=" from the second character on, so that a name is never empty.
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
    values = [value(argument) for argument in _for_kernel(arguments) if name(argument) == parameter]
    return values[-1] if values else None


def is_true(text: str | None) -> bool:
    """Whether the kernel takes the value for true. False also for what it would not understand."""
    return text is not None and text.lower().startswith(_TRUE)


def for_target(running: str, panic_seconds: int) -> str:
    """The target's command line, made from the running kernel's.

    Without what the boot loader added, with ``kho=on``, and with ``panic=`` unless one is there: a target that panics
    then starts the machine's firmware after that many seconds, instead of standing still for ever. Everything else
    stays as it is, in its order. What is added goes before ``--``, where the kernel still reads it.
    """
    arguments = split(running)
    kernel = [argument for argument in _for_kernel(arguments) if name(argument) not in _BOOT_LOADER_PARAMETERS]
    init = arguments[len(_for_kernel(arguments)) :]
    if not is_true(last_value(running, "kho")):
        kernel.append("kho=on")
    if last_value(running, "panic") is None:
        kernel.append(f"panic={panic_seconds}")
    return join(kernel + init)


def _for_kernel(arguments: Sequence[str]) -> list[str]:
    """The arguments before ``--``."""
    return list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
