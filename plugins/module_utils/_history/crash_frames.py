# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signature of a crash: what stays of a stack trace without all that changes from boot to boot and build to build.

Frames are printed as ``name+0x1f/0x40 [module buildid]`` (``%pSb``, lib/vsprintf.c); arm64 adds flags such as ``(P)``
(arch/arm64/kernel/stacktrace.c), x86 a question mark before those that may be left-overs on the stack
(arch/x86/kernel/dumpstack.c).
"""

from __future__ import annotations

import hashlib
import re
from typing import Optional, Sequence, Tuple

SIGNATURE_FRAMES = 5  # deeper frames differ with how the same function was called
SIGNATURE_DIGITS = 16
NAME_LIMIT = 128

_FRAME = re.compile(r"\s{0,8}(?:\[<[0-9a-f]{1,16}>\] )?([A-Za-z_$][\w.$]{0,511})\+0x[0-9a-f]{1,16}/0x[0-9a-f]{1,16}")
_POINTER = re.compile(r"(?:RIP: [0-9a-f]{4}:|pc : )(?:\[<[0-9a-f]{1,16}>\] )?")
# The number that the compiler gives to a crate differs between builds (Rust's v0 mangling, "disambiguator").
_RUST_CRATE = re.compile(r"(?<=C)s[0-9A-Za-z]{1,16}_")
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,16}\b|[0-9]+")

# Functions through which crashes of all kinds go: they report, print and stop, or are entries into the kernel.
_GENERIC = frozenset(
    [
        "bad_area",
        "bad_area_nosemaphore",
        "brk_handler",
        "bug_handler",
        "call_break_hook",
        "common_interrupt",
        "crash_kexec",
        "die",
        "die_addr",
        "dump_backtrace",
        "dump_stack",
        "dump_stack_lvl",
        "el0_svc",
        "el0t_64_sync",
        "el0t_64_sync_handler",
        "entry_SYSCALL_64",
        "entry_SYSCALL_64_after_hwframe",
        "do_syscall_64",
        "do_error_trap",
        "do_mem_abort",
        "do_page_fault",
        "do_sp_pc_abort",
        "do_translation_fault",
        "do_trap",
        "do_user_addr_fault",
        "fixup_bug",
        "general_protection",
        "handle_bug",
        "handle_page_fault",
        "invalid_op",
        "invoke_syscall",
        "end_report",
        "kernelmode_fixup_or_oops",
        "kfence_report_error",
        "kthread",
        "mce_panic",
        "nmi_cpu_backtrace",
        "nmi_handle",
        "nmi_panic",
        "no_context",
        "oops_begin",
        "oops_end",
        "oops_enter",
        "oops_exit",
        "page_fault",
        "page_fault_oops",
        "panic",
        "print_address_description",
        "print_report",
        "print_unlocked_report",
        "report_bug",
        "ret_from_fork",
        "ret_from_fork_asm",
        "schedule",
        "schedule_preempt_disabled",
        "schedule_timeout",
        "io_schedule",
        "io_schedule_timeout",
        "show_regs",
        "show_stack",
        "show_trace_log_lvl",
        "vpanic",
        "warn_slowpath_fmt",
        "warn_slowpath_null",
        "watchdog_timer_fn",
        "x64_sys_call",
        "secondary_startup_64",
        "arm64_notify_die",
        "arm64_serror_panic",
        "do_serror",
        "check_panic_on_warn",
        "object_err",
        "slab_err",
        "print_trailer",
        "slab_bug",
        "slab_fix",
        "default_idle_call",
    ]
)
_GENERIC_BEGINNINGS = (
    "__asan_",
    "__bad_area",
    "__die",
    "__do_kernel_fault",
    "__hwasan_",
    "__report_bug",
    "__schedule",
    "__show_regs",
    "__ubsan_",
    "__warn",
    "asm_",
    "die_kernel_fault",
    "el0_",
    "el1_",
    "el1h_",
    "exc_",
    "kasan_",
    "kunwind_",
    "sysvec_",
)


def frame(line: str) -> Optional[str]:
    """Return the function of a line of a stack trace, without offset, module and the compiler's suffixes; or None.

    ``line`` may be anything. A frame that the kernel marks as unreliable (``? name``) is none.
    """
    match = _FRAME.match(line)
    return _function(match.group(1)) if match else None


def pointer(line: str) -> Optional[str]:
    """Return the function in which the CPU was, from a line ``RIP: 0010:name+…`` or ``pc : name+…``; or None.

    There is none when the CPU ran a program, because then the line holds only a number.
    """
    match = _POINTER.match(line)
    return frame(line[match.end() :]) if match else None


def _function(symbol: str) -> str:
    """Cut what compilers add: ``.constprop.0``, ``.isra.1``, ``.part.2``, ``.cold``, ``.llvm.123``.

    No name in C has a dot, so all of them begin with the first one.
    """
    name = symbol.split(".", 1)[0]
    return (_RUST_CRATE.sub("", name) if name.startswith("_R") else name)[:NAME_LIMIT]


def is_generic(function: str) -> bool:
    """Whether crashes of all kinds go through this function, so that it says nothing of one of them."""
    return function in _GENERIC or function.startswith(_GENERIC_BEGINNINGS)


def signature(kind: str, frames: Sequence[str], message: str) -> str:
    """Return 16 hexadecimal digits that are the same for the same crash on other hosts and in other builds.

    They are made of the kind and the top frames; without any frame, of the message without its numbers.
    """
    telling: Tuple[str, ...] = tuple(frames[:SIGNATURE_FRAMES]) or (_CHANGING.sub("N", message),)
    return hashlib.sha256("\n".join((kind, *telling)).encode()).hexdigest()[:SIGNATURE_DIGITS]
