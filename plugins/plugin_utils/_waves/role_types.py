# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the value of a role's option, where Ansible's own check would take it for something else. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.words import ACCEPTABLE, LATEST, RUNNING, TROUBLE_CODES
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import ALL_ADDRESSES
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import (
    choice_problem,
    elements_problem,
    ledger_problem,
    nearest,
    number_problem,
    ratio_problem,
    shown,
    text_problem,
)

COMMANDS = "kexec_upgrade_health_commands"
BISECT_COMMAND = "kexec_soak_bisect_command"
WINDOW = "kexec_upgrade_window"
SCRATCH = "kexec_prepare_scratch"
SCRATCH_WORDS = ("auto", "kernel")
CODES: Mapping[str, tuple[str, ...]] = {
    "kexec_upgrade_accept": ACCEPTABLE,
    "kexec_upgrade_health_ignore": TROUBLE_CODES,
}
"""Lists of codes, of which others say nothing."""
RANGES: Mapping[str, tuple[int, int]] = {"kexec_soak_jumps": (1, 1000)}
"""Of whole numbers; others are 0 or more."""
NULL_VALUES = ("kexec_upgrade_command_line_replace",)
"""Where a parameter without value is null."""
_RELEASE = re.compile(r"[\w.+~*?!\[\]{}:@-]+", re.ASCII)
# Documentation/admin-guide/kernel-parameters.txt: nn[KMG],nn[KMG],nn[KMG] or nn%.
_SCRATCH = re.compile(r"\d+[KMG]?(,\d+[KMG]?){2}|\d+%", re.ASCII | re.IGNORECASE)
_COMMAND = "[systemctl, is-active, nginx]"
# Words of other tools for the newest kernel and for the one that runs.
_SYNONYMS = {
    **dict.fromkeys(("last", "new", "newer"), LATEST),
    **dict.fromkeys(("current", "same"), RUNNING),
}
_ALIKE = 0.75


def type_problem(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    """Return what is wrong with the value of an option that is no time, as a sentence; None when nothing is."""
    kind = option.get("type", "str")
    if "choices" in option and kind == "str":
        return choice_problem(name, value, option["choices"])
    problem = _OWN[name](value) if name in _OWN else _KINDS.get(kind, _something)(name, option, value)
    return f"{name}: it {problem}" if problem else None


def code_problems(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each option that lists codes, with what is none of these and the nearest."""
    found = []
    for name, known in CODES.items():
        given = values.get(name) or []
        codes = given.split(",") if isinstance(given, str) else given
        unknown = [code for code in codes if code not in known] if isinstance(codes, (list, tuple)) else []
        if unknown:
            said = ", ".join(f"{shown(code)}{nearest(str(code), known)}" for code in unknown[:3])
            found.append(f"{name}: there is no {said}; there are {', '.join(known)}")
    return found


def release_problem(value: Any) -> str | None:
    """Return what is wrong with the name of a target, or a glob for it."""
    problem = text_problem(value)
    if problem:
        return problem
    if value == "":
        return f"is empty; leave it out for {LATEST!r}"
    strange = next((char for char in value if not _RELEASE.fullmatch(char)), None)
    if strange is not None:
        return f"is {shown(value)}, with {ascii(strange)}, which no release has; write it as uname -r prints it"
    if value in (LATEST, RUNNING):
        return None
    word = value.lower()
    meant = nearest(_SYNONYMS.get(word, word), (LATEST, RUNNING), _ALIKE)
    return f"is {shown(value)}, which is no release{meant}" if meant else None


def _releases(value: Any) -> str | None:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        return text_problem(value) or f"is {shown(value)}, which is no list"
    if not listed:
        return "is empty, so there would be nothing to do"
    problem = next(filter(None, map(release_problem, listed)), None)
    return f"holds something that {problem}" if problem else None


def _release_of_a_bisection(value: Any) -> str | None:
    """Without any, the bisection itself says what is missing."""
    return None if value == "" else release_problem(value)


def _origins(value: Any) -> str | None:
    return None if value == [] else _releases(value)


def _commands(value: Any) -> str | None:
    if not isinstance(value, (list, tuple)):
        return f"is {shown(value)}, and must be a list of commands, such as [{_COMMAND}]"
    for command in value:
        if not isinstance(command, (list, tuple)) or not command:
            return f"holds {shown(command)}, and each command is a list of a program and arguments, such as {_COMMAND}"
        problem = next((text for text in map(_word_problem, command) if text), None)
        if problem:
            return f"holds a command with a word that {problem}"
        if not str(command[0]) or " " in str(command[0]):
            return f"holds {shown(command[0])} as a program; each command is a list of words, such as {_COMMAND}"
    return None


def _word_problem(word: Any) -> str | None:
    """Arguments may have blanks and more lines; what YAML makes of a word must still be what was typed."""
    return None if isinstance(word, str) and "\0" not in word else text_problem(word, may_be_number=True)


def _window(value: Any) -> str | None:
    """What windows hold is looked at where they are made."""
    empty = value is None or (not value and value != [])
    return f"is {shown(value)}, which is no window; write [] for always, or leave it out" if empty else None


def _scratch(value: Any) -> str | None:
    problem = text_problem(value)
    if problem or value in SCRATCH_WORDS or _SCRATCH.fullmatch(value):
        return problem
    return f"is {shown(value)}, no value of kho_scratch={nearest(value, SCRATCH_WORDS)}; write 512M,128M,256M or 200%"


def _something(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    del name, option
    return "has no value (null); give it one, or leave it out" if value is None else None


def _text(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    problem = text_problem(value)
    if problem and isinstance(value, str) and name in ALL_ADDRESSES:
        return "has a blank at an end, or a character that cannot be shown; remove it (it is not shown here)"
    if problem is None and value == "" and option.get("default"):
        return f"is empty; leave it out for {option['default']!r}"
    return problem


def _number(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    del option
    return number_problem(value, *RANGES.get(name, (0, None)))


def _ratio(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    del name, option
    return ratio_problem(value)


def _list(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    if name == BISECT_COMMAND and isinstance(value, (list, tuple)):
        return next((f"holds a word that {problem}" for word in value if (problem := _word_problem(word))), None)
    if option.get("elements", "str") == "str":
        return elements_problem(value)
    if not isinstance(value, (list, tuple)):
        return f"is {shown(value)}, and must be a list"
    texts = [key for key, inner in option.get("options", {}).items() if inner.get("type", "str") == "str"]
    for number, one in enumerate(value, 1):
        given = {key: one[key] for key in texts if isinstance(one, Mapping) and one.get(key) is not None}
        problem = next((f"`{key}` that {why}" for key in given if (why := _word_problem(given[key]))), None)
        if problem:
            return f"holds, as number {number}, a {problem}"
    return None


def _mapping(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    del option
    if isinstance(value, str):
        return None
    if not isinstance(value, Mapping):
        return f"is {shown(value)}, and must be a mapping"
    # The kernel knows parameters whose value is empty, such as console= for no console.
    may_be_null = name in NULL_VALUES
    given = {key: None if may_be_null and one == "" else one for key, one in value.items()}
    return elements_problem(given, may_be_null)


_KINDS: Mapping[str, Callable[[str, Mapping[str, Any], Any], str | None]] = {
    "str": _text,
    "path": _text,
    "int": _number,
    "float": _ratio,
    "list": _list,
    "dict": _mapping,
}
_OWN: Mapping[str, Callable[[Any], str | None]] = {
    "kexec_upgrade_target": release_problem,
    "kexec_soak_targets": _releases,
    COMMANDS: _commands,
    WINDOW: _window,
    SCRATCH: _scratch,
    "kexec_soak_bisect_origins": _origins,
    "kexec_soak_bisect_target": _release_of_a_bisection,
    **dict.fromkeys(("kexec_report_url", "kexec_soak_ledger_url"), ledger_problem),
}
