# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target's command line: the running kernel's, edited without losing what is not meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import (
    BLANKS,
    begins_with,
    for_kernel,
    is_on,
    join,
    last_value,
    name,
    split,
    truth,
    value,
)

# Put there by the boot loader for the kernel that it started, and wrong for any other.
_BOOT_LOADER_PARAMETERS = ("BOOT_IMAGE", "initrd")

# No line can hold a NUL, and the others would end it or hide what it says.
_CONTROL = regex(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class CommandLineEdits:
    """What the operator wants changed on the command line; applied in this order: remove, replace, append.

    ``remove``: names, of which all occurrences go, or ``name=value``, of which those with this value go.
    ``replace``: values by name, without quotes, None for a parameter without value. The parameter keeps the place of
    its last occurrence and its other occurrences go: of most parameters the kernel takes the last, so the others
    said nothing. Those that are lists (``console=``, ``hugepagesz=``) are replaced by remove and append.
    ``append``: whole arguments for the end, with their quotes. Where they already stand together and nothing after
    them has one of their names, they are moved to the end, so a host that is upgraded again and again does not
    collect them.
    """

    append: Tuple[str, ...] = ()
    replace: Mapping[str, Optional[str]] = field(default_factory=dict)
    remove: Tuple[str, ...] = ()


NO_EDITS = CommandLineEdits()


def for_target(
    running: str,
    panic_seconds: int,
    edits: CommandLineEdits = NO_EDITS,
    built_in: Sequence[str] = (),
    init_built_in: str = "",
) -> str:
    """The target's command line, made from the running kernel's. Raises Refusal ``command_line_edit_invalid``.

    Without what the boot loader and the kernels added (``built_in``: one text for each source of arguments;
    ``init_built_in``: what was put before those for init), edited, with ``kho=on``, and with ``panic=`` unless one is
    there: a target that panics then starts the machine's firmware after that many seconds, instead of standing still
    forever. Everything else stays as it is, in its order. What is added goes before ``--``, where the kernel still
    reads it.
    """
    check_edits(edits)
    arguments = split(_with_quotes_closed(running))
    kernel = for_kernel(arguments)
    init = arguments[len(kernel) :]
    kernel = _without_all_built_in(kernel, [split(text) for text in built_in])
    init = _without_init(init, split(init_built_in))
    kernel = _without_run(kernel, edits.append)
    kernel = _without(kernel, (*_BOOT_LOADER_PARAMETERS, *edits.remove))
    for parameter, new in edits.replace.items():
        kernel = _replaced(kernel, _argument(parameter, new))
    kernel += edits.append
    if is_on(join(kernel), "kho") is not True:
        kernel.append("kho=on")
    if last_value(join(kernel), "panic") is None:
        kernel.append(f"panic={panic_seconds}")
    return join(kernel + init)


def _without_all_built_in(arguments: Sequence[str], sources: Sequence[Sequence[str]]) -> list[str]:
    """Without what the sources have added, in whatever order they did so, and however often."""
    before: list[str] = []
    left = list(arguments)
    while left != before:
        before = left
        for source in sources:
            left = _without_built_in(left, source)
    return left


def _without_init(init: Sequence[str], built_in: Sequence[str]) -> list[str]:
    """``init`` (with its ``--``) without what a boot configuration has put before what was given."""
    if not built_in:
        return list(init)
    own = list(init[1:])
    while begins_with(own, built_in):
        own = own[len(built_in) :]
    return [*init[:1], *own] if own else []


def _without_built_in(arguments: Sequence[str], built_in: Sequence[str]) -> list[str]:
    """Without what a kernel has put before what it was given, or behind it, once for each kexec.

    setup_arch() in arch/x86/kernel/setup.c, early_init_dt_scan_chosen() in drivers/of/fdt.c;
    setup_command_line() in init/main.c. What a kernel has of its own alone is kept.
    """
    left, size = list(arguments), len(built_in)
    while 0 < size < len(left) and begins_with(left, built_in):
        left = left[size:]
    while 0 < size < len(left) and begins_with(left[-size:], built_in):
        left = left[:-size]
    return left


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
        return "its quotes do not match, so it would swallow what follows"
    if split(argument) != [argument]:
        return "it is not one argument; give several as a list, and put quotes around blanks"
    return "what follows a lone -- is for init" if argument == "--" else None


def _meaning_problem(argument: str) -> str | None:
    if name(argument) == "kho" and truth(value(argument)) is not True:
        return "a handover needs kho=on, which is always added"
    if name(argument) == "panic" and value(argument) is None:
        return "panic needs a number of seconds"
    return None


def _argument(parameter: str, new: str | None) -> str:
    if new is None:
        return parameter
    return f'{parameter}="{new}"' if any(blank in new for blank in BLANKS) else f"{parameter}={new}"


def _without_run(arguments: Sequence[str], run: Sequence[str]) -> list[str]:
    """Without the last place where all of ``run`` is in one piece, unless something later has one of its names."""
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
