# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding crashes in what a kernel said, line by line.

A report begins with one of ``_HEADERS`` and goes on with registers and a stack trace. Often one report is the cause of
the next: a null pointer becomes an oops, and the oops a panic. Such a chain is one crash, with the kind of its cause.

The lines are those of arch/x86/mm/fault.c and kernel/{dumpstack,traps,cpu/mce/core}.c there, arch/arm64/mm/fault.c and
kernel/traps.c there, kernel/{panic,watchdog,hung_task}.c, kernel/rcu/tree_stall.h, lib/bug.c, mm/kasan/report.c,
mm/kfence/report.c and mm/slub.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_frames import (
    frame,
    is_generic,
    pointer,
    signature,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

MESSAGE_LIMIT = 200
FRAMES_LIMIT = 10
REPORT_LIMIT = 400  # lines
CRASHES_LIMIT = 100  # in one log
LINE_LIMIT = 1024
# A panic that follows a report sooner than this many seconds is what the report led to.
CONSEQUENCE_WITHIN = 5.0
HEX = "[0-9a-fA-F]"

PANIC = "panic"
WARNING = "warning"
_HEADERS: Tuple[Tuple[str, str], ...] = (
    (PANIC, r"Kernel panic - not syncing: .*"),
    ("memory", r"BUG: (?:KASAN|KFENCE|KMSAN): .*"),
    ("memory", r"BUG: Bad (?:page|rss-counter) .*"),
    ("memory", r"BUG \S{1,64} \((?:Not tainted|Tainted:)[^)]{0,80}\): .*"),
    ("lockup", r"(?:watchdog: )?BUG: soft lockup - CPU#\d+ stuck for \d+s! .*"),
    ("lockup", r"(?:NMI )?(?:watchdog: )?(?:CPU\d+: )?Watchdog detected hard LOCKUP on cpu ?\d+.*"),
    ("rcu_stall", r"(?:rcu: )?INFO: \S{1,32} (?:self-detected stall on CPU|detected (?:expedited )?stalls on CPUs).*"),
    ("hung_task", r"INFO: task .{1,64}:\d+ blocked(?: in I/O wait)? for more than \d+ seconds\."),
    ("machine_check", r"(?:mce: )?\[Hardware Error\]: CPU \d+: Machine Check Exception: .*"),
    ("machine_check", r"SError Interrupt on CPU\d+, code .*"),
    ("bug", r"kernel BUG at .*"),
    ("oops", r"BUG: kernel NULL pointer dereference, address: .*"),
    ("oops", r"BUG: unable to handle .*"),
    ("oops", r"BUG: .{1,32} stack guard page was hit at .*"),
    ("oops", r"Unable to handle kernel .{1,80} at virtual address .*"),
    ("oops", r"(?:traps: )?PANIC: double fault.*"),
    ("oops", rf"(?:Oops: |Internal error: )?[A-Za-z][\w ,.():/+-]{{2,100}}: {HEX}{{4,16}} \[#\d+\].*"),
    (WARNING, r"WARNING: .*(?: at |, CPU).*"),
)
# The beginnings of all headers, so that most lines need only one look.
_MAY_BEGIN = re.compile(
    r"Kernel panic|BUG|NMI watchdog|watchdog:|(?:CPU\d+: )?Watchdog|rcu: |INFO: |mce: |\[Hardware|SError|kernel BUG"
    r"|Unable|traps: |PANIC|WARNING|[^\n]{1,130} \[#\d+\]"
)
_END = "---[ end "
_TRACE = re.compile(r"\s{0,8}Call [Tt]race:")
# The kernel marks where one stack ends and another begins: <TASK>, </IRQ>, <#DF>.
_STACK = re.compile(r"\s{0,8}<(/?)([A-Z#][A-Z0-9_]{1,19})>$")
_RELEASE = re.compile(r".*(?:Not tainted|Tainted: [A-Z ]{1,40}) ([0-9][A-Za-z0-9._+~-]{0,63}) #")

# What journalctl is asked for: every line that means something here.
CRASH_PATTERN = (
    r"\+0x[0-9a-f]+/0x[0-9a-f]+|^Kernel panic|BUG|LOCKUP|^(rcu: )?INFO: |Machine Check Exception|^SError|^Unable to han"
    r"|\[#[0-9]+\]|PANIC|^WARNING: |ainted|^\s*Call [Tt]race:|^\s*</?[A-Z#]|^---\[ end |^(Code|RIP|Modules linked in): "
)


@dataclass(frozen=True)
class CrashReport:
    """One crash as one log tells it.

    ``kind``: ``panic``, ``oops``, ``bug``, ``memory``, ``lockup``, ``rcu_stall``, ``hung_task``, ``machine_check`` or
    ``warning`` (one that the kernel was told to panic on). ``frames``: the functions that tell something, innermost
    first. ``fatal``: the kernel panicked. ``uptime``: seconds since the kernel's start, and ``at`` seconds since 1970;
    None when the log does not say. ``release`` is the kernel's, as the report itself names it.
    """

    kind: str
    message: str
    frames: Tuple[str, ...]
    fatal: bool
    uptime: Optional[float]
    at: Optional[float]
    release: Optional[str]

    @property
    def signature(self) -> str:
        """What this crash has in common with the same one elsewhere."""
        return signature(self.kind, self.frames, self.message)


class Line(NamedTuple):
    """What the kernel said, and when: seconds since its start, and since 1970; None when that is not known."""

    text: str
    uptime: Optional[float] = None
    at: Optional[float] = None


class CrashReader:
    """Collects the crashes of one boot's log, whose lines it is fed in their order."""

    def __init__(self) -> None:
        self._found: Dict[str, CrashReport] = {}
        self._last: Optional[CrashReport] = None
        self._draft: Optional[_Draft] = None

    def feed(self, line: Line) -> None:
        """Take the next line; any text will do."""
        text = line.text[:LINE_LIMIT]
        kind = header_kind(text)
        if kind and not self._continues(kind, line):
            self._close()
            self._draft = _Draft(kind, line)
        elif self._draft and not kind:
            self._draft.add(text)
            if self._draft.finished:
                self._close()

    def reports(self) -> Tuple[CrashReport, ...]:
        """Return what was found, each signature once; a warning only when the kernel panicked because of it."""
        self._close()
        return tuple(self._found.values())

    def _continues(self, kind: str, line: Line) -> bool:
        """Whether the header belongs to the report before it."""
        if kind == PANIC:
            return self._ends_in(line)
        draft = self._draft
        # A cause comes before its oops, with no trace between them; a machine check has a line for each bank.
        return draft is not None and not draft.frames and kind in ("oops", draft.kind) and draft.kind != WARNING

    def _ends_in(self, panic: Line) -> bool:
        """Whether the panic is what the last report led to; that report is fatal then."""
        self._close()
        last = self._last
        if last is None or last.kind == PANIC or not _is_soon(last.uptime, panic.uptime):
            return False
        if last.kind == WARNING and "panic_on_warn" not in panic.text:
            return False
        self._keep(replace(last, fatal=True))
        return True

    def _close(self) -> None:
        if self._draft:
            self._last = self._draft.report()
            self._draft = None
            if self._last.kind != WARNING:
                self._keep(self._last)

    def _keep(self, report: CrashReport) -> None:
        first = self._found.get(report.signature)
        if first:
            self._found[report.signature] = replace(first, fatal=first.fatal or report.fatal)
        elif len(self._found) < CRASHES_LIMIT:
            self._found[report.signature] = report


class _Draft:
    """A report that is being read."""

    def __init__(self, kind: str, line: Line) -> None:
        self.kind = kind
        self.frames: List[str] = []
        self.finished = False
        self._first = line
        self._release: Optional[str] = None
        self._lines = 0
        self._in_trace = self._after_trace = False

    def add(self, text: str) -> None:
        """Take a line that is no header."""
        self._lines += 1
        self.finished = text.startswith(_END) or self._lines >= REPORT_LIMIT
        named = _RELEASE.match(text) if self._release is None and "ainted" in text else None
        if named:
            self._release = named.group(1)
        elif not self._after_trace:
            self._add_to_trace(text)

    def _add_to_trace(self, text: str) -> None:
        """Only the first trace tells where it happened: others are of other tasks, of the past, or of the panic."""
        if self._in_trace:
            self._after_trace = not self._goes_on(text)
        elif _TRACE.match(text):
            self._in_trace = True
        elif not self.frames:
            self._take(pointer(text))

    def _goes_on(self, text: str) -> bool:
        stack = _STACK.match(text)
        if stack:
            # What an interrupt interrupted has nothing to do with it, unless the interrupt only brought the news.
            return not (stack.group(1) and self.frames)
        function = frame(text)
        self._take(function)
        return function is not None or text.lstrip().startswith("? ")

    def _take(self, function: Optional[str]) -> None:
        if not function or is_generic(function) or len(self.frames) >= FRAMES_LIMIT:
            return
        # Not twice in a row: the first one of arm64's trace is where the CPU was, and recursions differ in their depth.
        if self.frames[-1:] != [function]:
            self.frames.append(function)

    def report(self) -> CrashReport:
        """Return what was read until now."""
        return CrashReport(
            kind=self.kind,
            message=printable(self._first.text.strip(), MESSAGE_LIMIT),
            frames=tuple(self.frames),
            fatal=self.kind == PANIC,
            uptime=self._first.uptime,
            at=self._first.at,
            release=self._release,
        )


def header_kind(text: str) -> Optional[str]:
    """Return the kind of the crash whose report begins with this line; None when none does."""
    if not _MAY_BEGIN.match(text):
        return None
    return next((kind for kind, pattern in _HEADERS if re.fullmatch(pattern, text)), None)


def _is_soon(first: Optional[float], second: Optional[float]) -> bool:
    """Whether the second follows the first at once; without times, the order of the lines has to do."""
    if first is None or second is None:
        return True
    return 0 <= second - first <= CONSEQUENCE_WITHIN
