# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a stack trace, as every version and architecture prints them.

Frames are printed as ``name+0x1f/0x40 [module buildid]`` (``%pSb``, lib/vsprintf.c), before 4.10 behind their address;
arm64 adds flags such as ``(P)`` (arch/arm64/kernel/stacktrace.c), x86 a question mark before those that may be
left-overs on the stack (arch/x86/kernel/dumpstack.c), and arm prints ``name from caller`` (arch/arm/kernel/traps.c).
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

NAME_LIMIT = 128

_NAME = r"([A-Za-z_$][\w.$]{0,511})"
_SYMBOL = _NAME + r"\+0x[0-9a-f]{1,16}/0x[0-9a-f]{1,16}"
# "[<ffffffff81000000>]", of powerpc two without "<>", of s390 in brackets.
_ADDRESS = r"\(?\[<?[0-9a-f]{1,16}>?\] ?"
_MARK = r"<(/?)([A-Z#<][A-Z0-9_]{1,19})>{1,2}"
_FRAME = regex(rf"\s{{0,8}}(?:{_MARK}\s{{0,4}})?(?:{_ADDRESS}){{0,2}}(\? )?\(?{_SYMBOL}")
_ARM = regex(rf"\s{{0,8}}(?:{_ADDRESS})?\(?{_NAME}(?:\+0x\S{{1,40}})?\)? from (?:{_ADDRESS})?\(?{_SYMBOL}")
_STACK = regex(rf"\s{{0,8}}{_MARK}\s*$")
_POINTER = regex(
    r"(?:[RE]?IP: (?:[0-9a-f]{4}:)?|pc : |epc : |[PE]C is at |EIP is at |NIP |Krnl PSW : [0-9a-f ]{1,40}\()"
    rf"\s{{0,2}}(?:{_ADDRESS}\s{{0,4}}){{0,2}}{_SYMBOL}"
)
# "push %rbp; mov %rsp,%rbp" are four bytes: before them, an x86 function has no frame of its own.
_FRAMELESS = regex(
    rf"(?:[RE]IP: (?:[0-9a-f]{{4}}:)?|EIP is at )\s{{0,2}}(?:{_ADDRESS}\s{{0,4}}){{0,2}}{_NAME}\+0x[0-3]/"
)
# arch/arm64/kernel/process.c: where a function goes back to that has called nothing yet.
_LINK = regex(rf"lr : {_SYMBOL}")
_PLACE = regex(rf" in:? {_SYMBOL}")
_USER = regex(r"RIP: 0033:|RIP: 002b:|EIP: 0073:")
# The number that the compiler gives to a crate differs between builds (Rust's v0 mangling, "disambiguator").
_RUST_CRATE = regex(r"(?<=C)s[0-9A-Za-z]{1,16}_")


class Frame(NamedTuple):
    """A line of a trace: its functions, innermost first, and the stack that begins (``IRQ``) or ends (``/IRQ``).

    ``unreliable`` is the function that the kernel marks so (``? name``), which is none of ``functions``.
    """

    functions: Tuple[str, ...] = ()
    stack: Optional[str] = None
    unreliable: Optional[str] = None


def read_frame(line: str) -> Optional[Frame]:
    """Return what a line of a trace tells; None when it is no such line. ``line`` may be anything."""
    if not line or line[0] not in " \t[(<" and "+0x" not in line:
        return None
    alone = _STACK.match(line)
    if alone:
        return Frame((), _stack(alone.group(1), alone.group(2)))
    match = _ARM.match(line) if " from " in line else None
    if match:
        return Frame((function_of(match.group(1)), function_of(match.group(2))))
    match = _FRAME.match(line)
    if match is None:
        return None
    ended, name, unreliable, symbol = match.groups()
    stack, function = _stack(ended, name) if name else None, function_of(symbol)
    return Frame((), stack, function) if unreliable else Frame((function,), stack)


def _stack(ended: str, name: str) -> str:
    """Return the name of the stack; ``EOI`` and ``EOE`` end that of an interrupt or exception (before 4.9)."""
    name = name.lstrip("<")
    return f"/{name}" if ended or name in ("EOI", "EOE") else name


def pointer(line: str) -> Optional[str]:
    """Return the function in which the CPU was, from a line ``RIP: 0010:name+…`` or ``pc : name+…``; or None.

    There is none when the CPU ran a program, because then the line holds only a number.
    """
    match = _POINTER.match(line)
    return function_of(match.group(1)) if match else None


def is_frameless(line: str) -> bool:
    """Whether a line ``RIP: 0010:name+…`` shows that the CPU had just entered the function.

    What lies on the stack first is the address to which it goes back then. The unwinder that goes by frame pointers
    leaves out that caller, and the kernel marks it as unreliable (arch/x86/kernel/unwind_frame.c).
    """
    return _FRAMELESS.match(line) is not None


def link(line: str) -> Optional[str]:
    """Return the function of a line ``lr : name+…``; or None."""
    match = _LINK.match(line)
    return function_of(match.group(1)) if match else None


def is_user(line: str) -> bool:
    """Whether the line shows that the CPU ran a program."""
    return _USER.match(line) is not None


def named_place(message: str) -> Optional[str]:
    """Return the function that the first line of a report names as the place, as in ``BUG: KASAN: … in name+…``."""
    match = _PLACE.search(message)
    return function_of(match.group(1)) if match else None


def function_of(symbol: str) -> str:
    """Cut what compilers add: ``.constprop.0``, ``.isra.1``, ``.part.2``, ``.cold``, ``.llvm.123``.

    No name in C has a dot, so all of them begin with the first one.
    """
    name = symbol.split(".", 1)[0]
    return (_RUST_CRATE.sub("", name) if name.startswith("_R") else name)[:NAME_LIMIT]
