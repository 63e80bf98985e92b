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
from dataclasses import dataclass, field
from typing import Mapping, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._text import printable

# C's isspace(), which is what the kernel uses; str.split() would also take other characters for blanks.
_BLANKS = " \t\n\v\f\r"
_ARGUMENT = re.compile(rf'(?:[^{_BLANKS}"]|"[^"]*(?:"|$))+')

# Put there by the boot loader for the kernel that it started, and wrong for any other.
_BOOT_LOADER_PARAMETERS = ("BOOT_IMAGE", "initrd")

# What every kernel's kstrtobool() (lib/kstrtox.c) takes for true; it looks at no more than these letters.
_TRUE = ("1", "y", "on")

# No line can hold a NUL, and the others would end it or hide what it says.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class CommandLineEdits:
    """What the operator wants changed on the command line; applied in this order: remove, replace, append.

    ``remove``: names, of which all occurrences go, or ``name=value``, of which those with this value go.
    ``replace``: values by name, without quotes, None for a parameter without value. The parameter keeps the place of
    its last occurrence and its other occurrences go: of most parameters the kernel takes the last, so that the others
    said nothing. Those that are lists (``console=``, ``hugepagesz=``) are replaced by remove and append.
    ``append``: whole arguments for the end, with their quotes. Where they already stand together and nothing after
    them has one of their names, they are moved to the end, so that a host that is upgraded again and again does not
    collect them.
    """

    append: Tuple[str, ...] = ()
    replace: Mapping[str, Optional[str]] = field(default_factory=dict)
    remove: Tuple[str, ...] = ()


NO_EDITS = CommandLineEdits()


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


def for_target(running: str, panic_seconds: int, edits: CommandLineEdits = NO_EDITS) -> str:
    """The target's command line, made from the running kernel's. Raises Refusal ``command_line_edit_invalid``.

    Without what the boot loader added, edited, with ``kho=on``, and with ``panic=`` unless one is there: a target that
    panics then starts the machine's firmware after that many seconds, instead of standing still for ever. Everything
    else stays as it is, in its order. What is added goes before ``--``, where the kernel still reads it.
    """
    check_edits(edits)
    arguments = split(_with_quotes_closed(running))
    kernel = _for_kernel(arguments)
    init = arguments[len(kernel) :]
    kernel = _without_run(kernel, edits.append)
    kernel = _without(kernel, (*_BOOT_LOADER_PARAMETERS, *edits.remove))
    for parameter, new in edits.replace.items():
        kernel = _replaced(kernel, _argument(parameter, new))
    kernel += edits.append
    if not is_true(last_value(join(kernel), "kho")):
        kernel.append("kho=on")
    if last_value(join(kernel), "panic") is None:
        kernel.append(f"panic={panic_seconds}")
    return join(kernel + init)


def _with_quotes_closed(command_line: str) -> str:
    """With the quote that the kernel takes as closed at the line's end: what is added must not fall into it."""
    return command_line.rstrip("\n") + '"' * (command_line.count('"') % 2)


def check_edits(edits: CommandLineEdits) -> None:
    """Raise Refusal ``command_line_edit_invalid`` for an edit that could not mean what is written."""
    replacements = [_argument(parameter, new) for parameter, new in edits.replace.items()]
    for argument in (*edits.append, *edits.remove, *replacements):
        _refuse(argument, _syntax_problem(argument))
    for parameter, new in edits.replace.items():
        argument = _argument(parameter, new)
        is_name = parameter.replace("-", "_") == name(argument)
        if not is_name or '"' in parameter + (new or ""):
            _refuse(argument, "a name and its value are given without '=' and quotes, which are added where needed")
    for argument in (*edits.append, *replacements):
        _refuse(argument, _meaning_problem(argument))


def _refuse(argument: str, problem: str | None) -> None:
    if problem is not None:
        raise Refusal(
            "command_line_edit_invalid",
            f"The command line cannot be edited with {printable(argument)!r}: {problem}. The target would be started "
            "with something else than was meant. Correct the edit.",
        )


def _syntax_problem(argument: str) -> str | None:
    if _CONTROL.search(argument):
        return "it holds a line break or another control character"
    if argument.count('"') % 2:
        return "its quotes do not match, so that it would swallow what follows"
    if split(argument) != [argument]:
        return "it is not one argument; give several as a list, and put quotes around blanks"
    return "what follows a lone -- is for init" if argument == "--" else None


def _meaning_problem(argument: str) -> str | None:
    if name(argument) == "kho" and not is_true(value(argument)):
        return "a handover needs kho=on, which is always added"
    if name(argument) == "panic" and value(argument) is None:
        return "panic needs a number of seconds"
    return None


def _argument(parameter: str, new: str | None) -> str:
    if new is None:
        return parameter
    return f'{parameter}="{new}"' if any(blank in new for blank in _BLANKS) else f"{parameter}={new}"


def _without_run(arguments: Sequence[str], run: Sequence[str]) -> list[str]:
    """Without the last place where all of ``run`` stands in one piece, unless something later has one of its names."""
    names = [name(argument) for argument in run]
    for start in range(len(arguments) - len(run), -1, -1):
        end = start + len(run)
        if list(arguments[start:end]) == list(run):
            later = any(name(argument) in names for argument in arguments[end:])
            return list(arguments) if later else [*arguments[:start], *arguments[end:]]
    return list(arguments)


def _without(arguments: Sequence[str], removals: Sequence[str]) -> list[str]:
    """Without the arguments that have one of the names, or one of the names with its value."""
    names = {name(removal) for removal in removals if value(removal) is None}
    pairs = {(name(removal), value(removal)) for removal in removals}
    return [
        argument
        for argument in arguments
        if name(argument) not in names and (name(argument), value(argument)) not in pairs
    ]


def _replaced(arguments: Sequence[str], new: str) -> list[str]:
    """With ``new`` at the last place of its name, without the others; at the end when there is none."""
    places = [place for place, argument in enumerate(arguments) if name(argument) == name(new)]
    if not places:
        return [*arguments, new]
    return [
        new if place == places[-1] else argument for place, argument in enumerate(arguments) if place not in places[:-1]
    ]


def _for_kernel(arguments: Sequence[str]) -> list[str]:
    """The arguments before ``--``."""
    return list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
