# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One report of a crash while it is read: which of its lines are the trace that tells where it happened.

Only the first trace that tells anything counts. Others are of other tasks, of the past, or of the panic.
"""

from __future__ import annotations

from typing import List, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_bug import is_overflow
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_frames import (
    Frame,
    is_frameless,
    is_user,
    link,
    pointer,
    read_frame,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_functions import is_entry, is_machinery, is_news
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

REPORT_LIMIT = 400  # lines
TRACE_LIMIT = 64  # functions; no stack of the kernel's is deeper in what matters
FOREIGN_LIMIT = 12  # lines in a row that are of something else; longer, and the trace is over

_END = "---[ end "
_TRACE = regex(r"\s{0,8}(?:Call [Tt]race|Backtrace):")
_RELEASE = regex(r".*(?:Not tainted|Tainted: [A-Z () -]{1,80}?) \(?([0-9][A-Za-z0-9._+~-]{0,63}) #")
# What comes after a trace, in reports of the kernel's checkers and of all crashes.
_AFTER = regex(
    r"(?:Allocated|allocated|Freed|freed) (?:by|in)|Uninit was|Local variable|Last potentially|Second to last"
    r"|The buggy|Memory state|Modules linked in|Kernel Offset|Rebooting in|Showing all locks|\d+ locks? held by"
    r"|Sending NMI|Mem-Info|page:|kfence-#|CPU: \d+ (?:UID|PID)|rcu: |Dumping ftrace|task:|NMI backtrace for|={20}"
    r"|INFO: (?:Allocated|Freed|Slab|Object)|Tasks state|Bytes \d+|Memory limit"
)
# Kinds that a timer or another CPU notices: what notices them stands above what was interrupted.
NOTICED = ("lockup", "rcu_stall", "hung_task", "machine_check", "warning", "panic")


class Trace:
    """The functions of a report's trace, innermost first, read line by line."""

    def __init__(self, kind: str, whole: bool = False) -> None:
        """``whole``: that the stack itself is what matters, wherever the CPU was."""
        self.functions: List[str] = []
        self._kind = kind
        self._whole = whole
        self._inside = self._over = False
        self._since = 0  # where the functions of the stack begin that is being read
        self._news = self._interrupted = False
        self._foreign = 0
        self._caller: Optional[str] = None
        self._frameless = False  # the CPU had just entered the function, and no frame was read since

    @property
    def begun(self) -> bool:
        """Whether there was more than the place where the CPU was."""
        return self._inside or self._over

    @property
    def tells(self) -> bool:
        """Whether a function tells anything."""
        return any(not is_machinery(function) for function in self.functions)

    def add(self, text: str) -> None:
        """Take the next line of the report."""
        if self._over:
            return
        if _TRACE.match(text):
            self._begin()
        elif self._inside:
            self._go_on(text)
        else:
            self._before(text)

    def _begin(self) -> None:
        if self._inside and self._told():
            self._over = True
            return
        # The place where the CPU was stays; a trace without anything telling does not.
        if self._inside:
            self.functions = self.functions[:0]
        self._inside = True
        self._since = len(self.functions)
        self._news = self._interrupted = False
        self._foreign = 0

    def _told(self) -> bool:
        return any(not is_machinery(function) for function in self.functions[self._since :])

    def _before(self, text: str) -> None:
        function = pointer(text)
        if function:
            if not self.functions:
                self._take(function)
                self._frameless = is_frameless(text)
            return
        self._caller = link(text) or self._caller
        read = read_frame(text)
        # KFENCE, KMSAN and arm print frames without saying that they come.
        if read and (read.functions or read.stack) and (self._kind == "memory" or " from " in text):
            self._inside = True
            self._since = len(self.functions)
            self._go_on(text)

    def _go_on(self, text: str) -> None:
        function = pointer(text)
        if function:
            self._interrupt(function)
            return
        read = None if is_user(text) else read_frame(text)
        if read is None:
            self._pass_over(text)
            return
        self._foreign = 0
        if read.stack:
            self._change_stack(read.stack)
        if not self._over:
            for one in self._sure_of(read):
                self._take(one)

    def _sure_of(self, read: Frame) -> Tuple[str, ...]:
        """The functions of a frame, and of the first one also what is marked as unreliable only for want of a frame."""
        frameless, self._frameless = self._frameless, self._frameless and not (read.functions or read.unreliable)
        return (read.unreliable,) if frameless and read.unreliable else read.functions

    def _pass_over(self, text: str) -> None:
        """A line that is no frame: registers, another's line, or what comes after the trace."""
        self._foreign += 1
        if self._foreign > FOREIGN_LIMIT or is_user(text) or _AFTER.match(text.lstrip()):
            self._stop()

    def _stop(self) -> None:
        """The trace is over; when it told nothing, the next one may."""
        if self._told() or (self.tells and self._kind not in NOTICED):
            self._over = True
        else:
            self._inside = False

    def _interrupt(self, function: str) -> None:
        """The registers of what was interrupted."""
        if self._news:
            self._forget()
            self._interrupted = True
            self._take(function)
        elif self._whole or not self._told() or _is_fault(self.functions[-1]):
            self._take(function)
        elif function not in self.functions[self._since :]:
            self._over = True

    def _change_stack(self, name: str) -> None:
        if self._whole or not name.startswith("/"):
            return
        if self._news and not self._interrupted:
            self._forget()
            self._interrupted = True
        elif name == "/NMI" or self._interrupted and not self._told_past_pointer():
            return
        # What an interrupt interrupted has nothing to do with it, unless the interrupt only brought the news.
        elif self.tells:
            self._over = True

    def _told_past_pointer(self) -> bool:
        return sum(not is_machinery(function) for function in self.functions[self._since :]) > 1

    def _forget(self) -> None:
        del self.functions[self._since :]
        self._news = False

    def _take(self, function: str) -> None:
        if is_entry(function) and self._enter(function):
            return
        self._news = self._news or is_news(function)
        self._take_caller(function)
        # Who calls itself without end is known by how often it is on the stack.
        if len(self.functions) < TRACE_LIMIT and (self._whole or self.functions[-1:] != [function]):
            self.functions.append(function)

    def _enter(self, function: str) -> bool:
        """Whether nothing but what was interrupted comes now: arm64 does not say that another stack begins."""
        if self._news:
            self._forget()
            self._interrupted = True
            return True
        waits = self._interrupted and not self._told_past_pointer()
        self._over = self._told() and _is_interrupt(function) and not (self._whole or waits)
        return self._over

    def _take_caller(self, function: str) -> None:
        """arm64 leaves out who called a function that has no frame of its own yet, or none at all."""
        caller = self._caller
        if caller is None or not self._inside or function in self.functions[-1:]:
            return
        self._caller = None
        if caller not in (function, *self.functions):
            self.functions.append(caller)


def _is_interrupt(function: str) -> bool:
    """Whether this entry is of an interrupt, which comes whatever the CPU does."""
    return function.endswith("_irq") or "_sysvec_" in function or "interrupt" in function


def _is_fault(function: str) -> bool:
    """Whether this is the entry of a page fault, which what was interrupted has itself caused."""
    return function.endswith("page_fault")


class Draft:
    """A report whose first line was ``message``."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        self.message = message
        self.trace = Trace(kind, is_overflow(message))
        self.finished = False
        self.release: Optional[str] = None
        self._lines = 0

    def add(self, text: str) -> None:
        """Take a line that is no header."""
        self._lines += 1
        self.finished = text.startswith(_END) or self._lines >= REPORT_LIMIT
        named = _RELEASE.match(text) if self.release is None and "ainted" in text else None
        if named:
            self.release = named.group(1)
        elif not self.finished:
            self.trace.add(text)
