# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two crashes have in common, on two levels.

The **bug** is the class of the crash and the function that is to blame, found past all that others call. The
**signature** is the bug and the functions by which it was reached, that one first. Both are the same for the same
crash on other hosts, in other boots and in other builds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Iterable, List, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_functions import (
    is_dispatcher,
    is_library,
    is_machinery,
    one_name,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

SIGNATURE_FRAMES = 3  # deeper frames differ with how the same function was called
DIGITS = 16
RECURSION = 3  # times that a function is on a stack

# One wrong pointer is an oops in one boot, and with a debug kernel a report of a checker's; a CPU that loops is seen by
# whichever watchdog looks first.
CLASSES = {
    "oops": "access",
    "memory": "access",
    "lockup": "stall",
    "rcu_stall": "stall",
    "hung_task": "hang",
}
STACK_OVERFLOW = "stack"
_OVERFLOW = regex(
    r".{0,200}(?:stack guard page was hit|double fault|kernel stack overflow|Insufficient stack space|"
    r"corrupted stack end)"
)
# lib/list_debug.c checks lists, and stops the kernel when their memory was overwritten.
_LIST_CHECKS = ("__list_add_valid", "__list_del_entry_valid")
# Those who loop, recurse or hang do so at a depth that is another each time.
_LOOPS = ("stall", STACK_OVERFLOW)

_BUILD_FOLDER = regex(
    r"\S*/(?=(?:arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|samples|security|"
    r"sound|virt)/)"
)
_CHANGING = regex(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,16}\b|[0-9]+")
# arch/x86/kernel/cpu/mce/core.c: the bank, and of its status the lower 16 bits, the code of the error.
_BANK = regex(r".{0,40}Machine Check(?: Exception)?: .{1,20}Bank (\d{1,3}): [0-9a-f]{12}([0-9a-f]{4})")
_TASK = regex(r"INFO: task .{1,64}:\d{1,10} ")


def is_overflow(message: str) -> bool:
    """Whether the stack of a task was too small for what it did."""
    return _OVERFLOW.match(message) is not None


def bug_class(kind: str, frames: Sequence[str], message: str) -> str:
    """Return what kinds of one class have in common."""
    if is_overflow(message):
        return STACK_OVERFLOW
    if kind == "bug" and frames and frames[0].startswith(_LIST_CHECKS):
        return "access"
    return CLASSES.get(kind, kind)


def telling(trace: Iterable[str]) -> Tuple[str, ...]:
    """Return the functions that tell something, innermost first, each not twice in a row."""
    found: List[str] = []
    for function in trace:
        # The first one of arm64's trace is where the CPU was, and recursions differ in their depth.
        if not is_machinery(function) and found[-1:] != [function]:
            found.append(function)
    return tuple(found)


def culprit(what: str, trace: Sequence[str]) -> Optional[str]:
    """Return the function of a ``trace`` (all of it, innermost first) that is to blame for a crash of this class.

    None when no function tells anything.
    """
    functions = [one for one in map(one_name, trace) if is_dispatcher(one) or not is_machinery(one)]
    kept = [one for one in functions if not is_machinery(one)]
    telling_of = [one for one in kept if not is_library(one)]
    found: Optional[str] = None
    if what == STACK_OVERFLOW:
        found = _recursing(telling_of)
    if found is None and what in _LOOPS:
        found = _looping(functions)
    return found or next(iter(telling_of or kept), None)


def _recursing(functions: Sequence[str]) -> Optional[str]:
    """Return the function that calls itself; of several that call each other, the first by its name."""
    counted = Counter(functions)
    most = max(counted.values(), default=0)
    return min(one for one, count in counted.items() if count >= most - 1) if most >= RECURSION else None


def _looping(functions: Sequence[str]) -> Optional[str]:
    """Return what the innermost dispatcher called: below it, each look finds the CPU at another place."""
    called: Optional[str] = None
    for function in functions:
        if function == "smp_call_function" and called is None:
            return function
        if called is not None and is_dispatcher(function):
            return called
        if not is_dispatcher(function) and not is_library(function):
            called = function
    return called


def bug(what: str, function: Optional[str], message: str) -> str:
    """Return 16 hexadecimal digits for a class and the function to blame; without one, for the message."""
    return _digits(what, function or normalized(message))


def signature(what: str, function: Optional[str], frames: Sequence[str], message: str) -> str:
    """Return 16 hexadecimal digits for a bug and the ``frames`` by which it was reached."""
    names = [one_name(one) for one in frames]
    begin = names.index(function) if function in names else len(names)
    path = [one for one in names[begin:] if not is_library(one) or one == function]
    if what == STACK_OVERFLOW and function in path:
        # The trace often ends before it comes to who called what recurses.
        path = path[: len(path) - path[::-1].index(function)]
    return _digits(what, function or normalized(message), *path[:SIGNATURE_FRAMES])


def normalized(message: str) -> str:
    """Return what stays of a message in other boots and builds."""
    bank = _BANK.match(message)
    if bank:
        return f"bank {bank.group(1)}, error {bank.group(2)}"
    message = _TASK.sub("INFO: task ", _BUILD_FOLDER.sub("", message))
    return _CHANGING.sub("N", message)


def _digits(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGITS]
