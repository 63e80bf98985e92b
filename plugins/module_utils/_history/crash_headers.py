# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines with which the kernel begins a report of a crash.

A process chooses up to 15 characters with which some of the kernel's lines begin (``NAME[PID]: segfault at …``), and
the name of a file in the middle of them. So every pattern matches a whole line, and none fits what such names make of
one.

The lines are those of Linux 3.10 to 7.3: arch/x86/mm/fault.c and kernel/{dumpstack,traps,cpu/mce/core}.c there,
arch/arm64/mm/fault.c and kernel/traps.c there, kernel/{panic,watchdog,hung_task}.c, kernel/rcu/tree_stall.h and
tasks.h, lib/bug.c, mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c and mm/slub.c.
"""

from __future__ import annotations

from typing import Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import is_of_a_name

PANIC = "panic"
WARNING = "warning"
FAULT = "fault"
HEX = "[0-9a-fA-F]"

_SYMBOL = r"[\w.$<>]{1,512}(?:\+0x[0-9a-f]{1,16}(?:/0x[0-9a-f]{1,16})?)?"
_MODULE = r"(?: \[[\w-]{1,64}(?: [0-9a-f]{1,64})?\])?"
# How a kernel was built, after the number of the oops.
_BUILD = r"(?:\s{1,2}[A-Z][A-Z0-9_=]{1,24}(?:\([a-z]{1,16}\))?){0,12}\s*"
# arch/x86/kernel/traps.c and dumpstack.c, arch/{s390,powerpc,riscv,loongarch}/kernel/traps.c.
_EXCEPTION = (
    r"(?:Oops(?: - [\w -]{1,40})?"
    rf"|general protection(?: fault)?(?:,? (?:probably |maybe )?for [\w -]{{1,40}} 0x{HEX}{{1,16}})?"
    r"|invalid opcode|divide[ _]error|int3|overflow|bounds|double fault|stack segment|segment not present|invalid TSS"
    r"|alignment check|coprocessor segment overrun|coprocessor error|fpu exception|simd exception|iret exception"
    r"|device not available|control protection|missing ENDBR|machine check|unknown exception"
    rf"|kernel stack overflow \([\w -]{{1,32}}\)|Bad pagetable|page fault|spurious interrupt|trap"
    rf"|Corrupted page table at address {HEX}{{1,16}}"
    r"|illegal operation|specification exception|addressing exception|data exception|monitor event|kernel stack"
    r"|Kernel access of bad area|Exception in kernel mode|Machine check|Unrecoverable exception"
    r"|illegal instruction|Kernel BUG|Fatal exception)"
)
_TAINT = r"(?:Not tainted|Tainted: [A-Z () -]{1,80})"
_NUMBER = r"\d{1,10}"

HEADERS: Tuple[Tuple[str, str], ...] = (
    (PANIC, r"Kernel panic - not syncing: .*"),
    ("memory", rf"BUG: KASAN: [a-z][a-z -]{{2,60}} (?:in|on) {_SYMBOL}.*"),
    ("memory", rf"BUG: K(?:FENCE|MSAN): [a-z][a-z -]{{2,60}} in {_SYMBOL}{_MODULE}\s*"),
    ("memory", rf"BUG: Bad page (?:state|map|cache) in process .{{1,64}}?\s{{1,2}}(?:pfn|pte):{HEX}{{1,16}}.*"),
    ("memory", rf"BUG: Bad rss-counter state mm:{HEX}{{1,16}} .*"),
    ("memory", rf"BUG \S{{1,64}} \({_TAINT}\s*\): [A-Z][\w ,.'()-]{{6,120}}"),
    ("memory", r"BUG \S{1,64}: (?:Redzone|Poison|Left Redzone|Right Redzone) overwritten"),
    (
        "lockup",
        rf"(?:NMI )?(?:watchdog: )?BUG: soft lockup - CPU#{_NUMBER} stuck for {_NUMBER}s! \[.{{1,20}}:{_NUMBER}\]\s*",
    ),
    (
        "lockup",
        rf"(?:NMI )?(?:watchdog: )?(?:CPU{_NUMBER}: )?Watchdog detected hard LOCKUP on cpu ?{_NUMBER}(?:d?Modules .*)?",
    ),
    (
        "lockup",
        rf"watchdog: CPU {_NUMBER} (?:self-detected hard LOCKUP @ \S.*|detected hard LOCKUP on other CPUs \S.*)",
    ),
    (
        "rcu_stall",
        r"(?:rcu: )?INFO: [\w-]{1,32} (?:self-detected stall on CPU|detected (?:expedited )?stalls on CPUs/tasks:).*",
    ),
    ("rcu_stall", r"(?:rcu: )?INFO: [\w-]{1,32} detected stalls on tasks:\s*"),
    (
        "hung_task",
        rf"INFO: task .{{1,20}}:{_NUMBER} (?:blocked(?: in I/O wait)? for more than|can't die for more than) "
        rf"{_NUMBER} seconds\.\s*",
    ),
    (
        "machine_check",
        rf"(?:mce: )?\[Hardware Error\]: CPU {_NUMBER}: Machine Check Exception: {HEX}{{1,16}} Bank {_NUMBER}: .*",
    ),
    ("machine_check", rf"SError Interrupt on CPU{_NUMBER}, code (?:0x)?{HEX}{{1,16}} -- SError\s*"),
    ("machine_check", rf"Bad mode in Error handler detected on CPU{_NUMBER}, code 0x{HEX}{{1,16}} -- SError\s*"),
    ("bug", rf"kernel BUG at \S{{1,300}}:{_NUMBER}!\s*"),
    ("bug", rf"[kK]ernel BUG at {_SYMBOL}{_MODULE} \[verbose debug info unavailable\]\s*"),
    ("bug", rf"Kernel BUG \[#{_NUMBER}\]{_BUILD}"),
    ("oops", rf"BUG: kernel NULL pointer dereference, address: {HEX}{{1,16}}\s*"),
    (
        "oops",
        r"BUG: [uU]nable to handle (?:kernel )?(?:NULL pointer dereference|paging request|page fault|"
        r"data access|instruction fetch|unknown fault)\b.*",
    ),
    ("oops", rf"BUG: Kernel NULL pointer dereference(?: on \w{{1,16}})? at 0x{HEX}{{1,16}}\s*"),
    ("oops", r"BUG: (?:[\w#-]{1,32} )?stack guard page was hit at \S{1,32} \(stack is \S{1,64}\)\s*"),
    ("oops", rf"Unable to handle kernel [\w -]{{1,80}} at virtual address (?:0x)?{HEX}{{1,16}}.*"),
    ("oops", r"Unable to handle kernel pointer dereference in virtual \w{1,16} address space\s*"),
    ("oops", rf"(?:traps: )?PANIC: double fault(?:, \w{{1,16}}: 0x{HEX}{{1,16}}){{0,3}}\s*"),
    ("oops", r"Insufficient stack space to handle exception!\s*"),
    ("oops", rf"Internal error: [\w ,.():/-]{{0,100}}: {HEX}{{1,16}} \[#{_NUMBER}\]{_BUILD}"),
    (
        "oops",
        rf"(?:Oops: )?{_EXCEPTION}(?::? ?{HEX}{{1,16}})?(?: ilc:\d)?(?:, sig: \d{{1,3}})? \[#{_NUMBER}\]{_BUILD}",
    ),
    # Rules of its own that the kernel found broken, and went on.
    (FAULT, rf"BUG: using \w{{1,64}}(?:\(\))? in preemptible \[{HEX}{{8}}\] code: .{{1,64}}/{_NUMBER}\s*"),
    (FAULT, rf"BUG: scheduling while atomic: .{{1,64}}/{_NUMBER}/0x{HEX}{{8}}.*"),
    (FAULT, rf"BUG: sleeping function called from invalid context at \S{{1,300}}:{_NUMBER}\s*"),
    (
        FAULT,
        rf"BUG: Dentry {HEX}{{8,16}}\{{.{{1,300}}\}} {{1,2}}still in use \({_NUMBER}\) \[unmount of .{{1,80}}\]\s*",
    ),
    (FAULT, r"INFO: trying to register non-static key\.\s*"),
    # kernel/locking/lockdep.c before 4.14, fs/super.c, fs/open.c
    (FAULT, r"\[ BUG: [A-Za-z][\w /.'-]{8,80}!? \]\s*"),
    (FAULT, r"VFS: Busy inodes after unmount of \S{1,64}(?: \(\S{1,64}\))?\.? .{0,80}"),
    (FAULT, r"VFS: Close: file count is (?:zero|0)(?: \(f_op=\S{1,64}\))?\s*"),
    (WARNING, rf"WARNING: CPU: {_NUMBER} PID: {_NUMBER} at \S{{1,300}}(?: .*)?"),
    (WARNING, rf"WARNING: at \S{{1,300}}:{_NUMBER} {_SYMBOL}\(\).*"),
    (
        WARNING,
        rf"WARNING: (?:.{{1,600}}:{_NUMBER} )?at (?:{_SYMBOL}|0x{HEX}{{1,16}})(?: \[.*\])?, CPU#{_NUMBER}: .*",
    ),
)
_HEADERS = tuple((kind, regex(pattern)) for kind, pattern in HEADERS)
# The beginnings of all headers: most lines need only this one look.
_MAY_BEGIN = regex(
    r"Kernel (?:panic|BUG)|BUG|NMI watchdog|watchdog:|(?:CPU\d+: )?Watchdog|rcu: |INFO: |mce: |\[Hardware|SError"
    r"|Bad mode|kernel BUG|VFS: |\[ BUG|Unable|traps: |PANIC|Insufficient|Internal|WARNING|[^\n\[]{1,130} \[#\d"
)

# What a panic says of its cause.
_CAUSES: Tuple[Tuple[str, str], ...] = (
    ("lockup", r"softlockup: hung tasks|Hard LOCKUP|Watchdog detected hard LOCKUP"),
    ("rcu_stall", r"RCU Stall"),
    ("hung_task", r"hung_task: blocked tasks"),
    (
        "machine_check",
        r"Fatal (?:local )?machine check|Machine check|Fatal hardware error!|Asynchronous SError Interrupt|"
        r"Timeout: Not all CPUs entered|Fatal Machine check|Uncorrected (?:hardware )?memory error|"
        r"Unexpected (?:local )?machine check|MCE|Memory error",
    ),
    ("memory", r"kasan\.fault=panic|kfence\.fault=panic|kmsan\.panic|KASAN: panic_on_warn|KMSAN: panic_on_warn"),
    ("oops", r"kernel stack overflow"),
    (WARNING, r"(?:[\w -]{1,32}: )?panic_on_warn set"),
)
_CAUSE = regex(
    r"Kernel panic - not syncing: (?:" + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _CAUSES) + ")"
)
# A panic that an oops or a bug leads to (arch/*/kernel/{dumpstack,traps}.c, kernel/exit.c).
_FATAL = regex(
    r"Kernel panic - not syncing: (?:.{0,80}: )?(?:Fatal exception|Oops failed to kill thread|"
    r"Aiee, killing interrupt handler|Attempted to kill (?:init|the idle task)|stack guard page|Machine halted)"
)
FATAL_OF = ("oops", "bug", "memory")


def header_kind(text: str) -> Optional[str]:
    """Return the kind of the crash whose report begins with this line; None when none does."""
    if not _MAY_BEGIN.match(text) or is_of_a_name(text):
        return None
    return next((kind for kind, pattern in _HEADERS if pattern.fullmatch(text)), None)


def causes(panic: str) -> Tuple[str, ...]:
    """Return the kinds of reports that a panic says it comes of; none when it does not say."""
    named = named_cause(panic)
    if named:
        # A checker that is told to panic as it is on a warning says the same.
        return (named, "memory", FAULT) if named == WARNING else (named,)
    return FATAL_OF if _FATAL.match(panic) else ()


def named_cause(panic: str) -> Optional[str]:
    """Return the kind of what a panic says it comes of: known even without the report before it."""
    match = _CAUSE.match(panic)
    return match.lastgroup if match else None


# What journalctl is asked for: every line that means something here.
CRASH_PATTERN = (
    r"\+0x[0-9a-f]+/0x[0-9a-f]+|^Kernel panic|BUG|LOCKUP|^(rcu: )?INFO: |Machine Check Exception|^SError|^Unable to han"
    r"|\[#[0-9]+\]|PANIC|^WARNING: |ainted|^\s*(Call [Tt]race|Backtrace):|^\s*</?[A-Z#]|^---\[ end "
    r"|^(Code|RIP|Modules linked in): |^Insufficient stack|^Bad mode in|^VFS: (Busy|Close)"
    r"|^(Send|NMI back|Alloc|alloc|Freed|freed|Uninit)"
)
