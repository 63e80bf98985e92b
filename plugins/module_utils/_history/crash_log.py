# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says when it crashes, line by line: of the journal, of kdump, of pstore, of a serial console.

A report begins with one of the lines of ``crash_headers`` and goes on with registers and a stack trace. Often one
report is the cause of the next: a null pointer becomes an oops, and the oops a panic. Such a chain is one crash, with
the kind of its cause. Where the log says which task or CPU printed a line, the lines of two reports are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history import crash_bug
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_bug import bug_class, culprit, telling
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_draft import Draft
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_frames import named_place
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_headers import (
    FAULT,
    PANIC,
    WARNING,
    causes,
    header_kind,
    named_cause,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

MESSAGE_LIMIT = 200
FRAMES_LIMIT = 10
CRASHES_LIMIT = 100  # in one log
DRAFTS_LIMIT = 8  # at once
RECENT_LIMIT = 16
LINE_LIMIT = 1024
# A panic that follows the last line of a report sooner than this many seconds is what the report led to.
CONSEQUENCE_WITHIN = 5.0
# When the panic says so itself; a slow console takes its time for what is printed in between.
NAMED_WITHIN = 60.0
# An oops of the same task after a checker's report of the same wrong access.
SAME_ACCESS_WITHIN = 1.0


class CrashReport(NamedTuple):
    """One crash as one log tells it.

    ``kind``: ``panic``, ``oops``, ``bug``, ``memory``, ``lockup``, ``rcu_stall``, ``hung_task``, ``machine_check``,
    ``fault`` or ``warning`` (one that the kernel was told to panic on). ``frames``: the functions that tell something,
    innermost first. ``fatal``: the kernel panicked. ``uptime``: seconds since the kernel's start, and ``at`` seconds
    since 1970; None when the log does not say. ``release`` is the kernel's, as the report itself names it. ``culprit``
    is the function that is to blame, None when the first of the frames is to be taken for it.
    """

    kind: str
    message: str
    frames: Tuple[str, ...]
    fatal: bool
    uptime: Optional[float]
    at: Optional[float]
    release: Optional[str]
    culprit: Optional[str] = None

    @property
    def bug(self) -> str:
        """What this crash has in common with others of the same bug, whatever way led there."""
        return crash_bug.bug(self._class, self._culprit, self.message)

    @property
    def signature(self) -> str:
        """What this crash has in common with the same one elsewhere."""
        return crash_bug.signature(self._class, self._culprit, self.frames, self.message)

    @property
    def _class(self) -> str:
        return bug_class(self.kind, self.frames, self.message)

    @property
    def _culprit(self) -> Optional[str]:
        return self.culprit or culprit(self._class, self.frames)


class Line(NamedTuple):
    """What the kernel said, and when: seconds since its start, and since 1970; None when that is not known.

    ``caller`` is the task or CPU that said it, as in ``T900`` and ``C3``.
    """

    text: str
    uptime: Optional[float] = None
    at: Optional[float] = None
    caller: Optional[str] = None


@dataclass
class _Open:
    """A report that is being read, its first line, and its last one until now."""

    draft: Draft
    first: Line
    last: Line
    fatal: bool = False
    # The CPU that was made to print the trace of a stall.
    traced: Optional[str] = None

    def told(self) -> _Told:
        """Return what was read until now."""
        return _Told(_report(self), self.last)


class _Told(NamedTuple):
    """A report that was read, and its last line."""

    report: CrashReport
    last: Line


class CrashReader:
    """Collects the crashes of one boot's log, whose lines it is fed in their order."""

    def __init__(self) -> None:
        self._found: Dict[str, CrashReport] = {}
        self._recent: List[_Told] = []
        self._open: Dict[Optional[str], _Open] = {}

    def feed(self, line: Line) -> None:
        """Take the next line; any text will do."""
        line = line._replace(text=line.text[:LINE_LIMIT])
        kind = header_kind(line.text)
        if kind is None:
            self._add(line)
        elif kind == PANIC:
            self._panic(line)
        elif not self._goes_on(kind, line):
            self._begin(kind, line)

    def reports(self) -> Tuple[CrashReport, ...]:
        """Return what was found, each signature once; a warning only when the kernel panicked because of it."""
        for caller in list(self._open):
            self._close(caller)
        return tuple(self._found.values())

    def _add(self, line: Line) -> None:
        opened = self._open_for(line)
        if opened is None:
            return
        opened.last = line
        opened.draft.add(line.text)
        if opened.draft.finished:
            self._close(opened.first.caller)

    def _open_for(self, line: Line) -> Optional[_Open]:
        """Return the report that the line is of: of its caller's, or the youngest when callers are not known."""
        if not self._open:
            return None
        own = self._open.get(line.caller)
        youngest = next(reversed(list(self._open.values())))
        if own is not None or line.caller is None:
            return own or youngest
        unnamed = self._open.get(None)
        if unnamed is not None:
            return unnamed
        if youngest.traced is None and _is_backtrace(line.text, youngest):
            youngest.traced = line.caller
        return youngest if youngest.traced == line.caller else None

    def _begin(self, kind: str, line: Line) -> None:
        self._close(line.caller)
        if len(self._open) >= DRAFTS_LIMIT:
            self._close(next(iter(self._open)))
        self._open[line.caller] = _Open(Draft(kind, line.text), line, line)

    def _goes_on(self, kind: str, line: Line) -> bool:
        """Whether the header belongs to the report before it: a cause comes before its oops, without a trace between
        them; a machine check has a line for each bank."""
        opened = self._open.get(line.caller)
        if opened is None or opened.draft.kind == WARNING or opened.draft.trace.begun:
            return False
        # What breaks a rule is told in words first, and then by a warning with a trace.
        if kind not in ("oops", opened.draft.kind) and (opened.draft.kind, kind) != (FAULT, WARNING):
            return False
        opened.last = line
        return True

    def _panic(self, line: Line) -> None:
        """Find what the panic comes of, which is fatal then; otherwise it is a crash of its own."""
        kinds = causes(line.text)
        opened = self._open.get(line.caller)
        if opened is not None and not opened.draft.trace.begun and _led_to(opened.told(), line, kinds):
            # Before 5.11, and on other architectures still, the only trace is that of the panic.
            opened.fatal = True
            opened.last = line
            return
        self._close(line.caller)
        others = [other for other in self._open.values() if kinds and _led_to(other.told(), line, kinds)]
        cause = self._cause(line, kinds)
        if cause is not None:
            self._keep(self._first_of(cause).report._replace(fatal=True))
        elif others:
            others[-1].fatal = True
        else:
            self._begin(named_cause(line.text) or PANIC, line)
            self._open[line.caller].fatal = True

    def _cause(self, panic: Line, kinds: Tuple[str, ...]) -> Optional[_Told]:
        """Return the newest report that led to a panic, of the same caller's if there is one."""
        possible = [told for told in reversed(self._recent) if _led_to(told, panic, kinds)]
        own = [told for told in possible if told.last.caller == panic.caller]
        return next(iter(own or possible), None)

    def _first_of(self, cause: _Told) -> _Told:
        """Of tasks that hang, the kernel tells one after the other, and panics then; the first is the cause."""
        first = cause
        if cause.report.kind == "hung_task":
            for told in reversed(self._recent):
                if told.report.kind == "hung_task" and _is_soon(told.last, first.last, NAMED_WITHIN):
                    first = told
        return first

    def _close(self, caller: Optional[str]) -> None:
        opened = self._open.pop(caller, None)
        if opened is None:
            return
        report = _report(opened)
        if not self._follows(report, opened):
            self._recent = [*self._recent[1 - RECENT_LIMIT :], _Told(report, opened.last)]
            if report.kind != WARNING or report.fatal:
                self._keep(report)

    def _follows(self, report: CrashReport, opened: _Open) -> bool:
        """Whether it is the oops of a wrong access that a checker has just reported."""
        before = self._recent[-1] if self._recent else None
        if before is None or report.kind != "oops" or before.report.kind != "memory":
            return False
        if before.last.caller != opened.first.caller:
            return False
        if not _is_soon(before.last, opened.first, SAME_ACCESS_WITHIN):
            return False
        self._recent[-1] = before._replace(last=opened.last)
        if report.fatal:
            self._keep(before.report._replace(fatal=True))
        return True

    def _keep(self, report: CrashReport) -> None:
        first = self._found.get(report.signature)
        if first:
            self._found[report.signature] = first._replace(fatal=first.fatal or report.fatal)
        elif len(self._found) < CRASHES_LIMIT:
            self._found[report.signature] = report


def _report(opened: _Open) -> CrashReport:
    draft, first = opened.draft, opened.first
    place = named_place(draft.message)
    trace = draft.trace.functions if draft.trace.tells or place is None else [place]
    frames = telling(trace)
    what = bug_class(draft.kind, frames, draft.message)
    return CrashReport(
        kind=draft.kind,
        message=printable(draft.message.strip(), MESSAGE_LIMIT),
        frames=frames[:FRAMES_LIMIT],
        fatal=opened.fatal,
        uptime=first.uptime,
        at=first.at,
        release=draft.release,
        culprit=culprit(what, trace),
    )


def _is_backtrace(text: str, stalled: _Open) -> bool:
    """Whether a line is the first of the trace of a CPU that stalls, which it is made to print itself."""
    if stalled.draft.kind not in ("rcu_stall", "lockup") or stalled.draft.trace.tells:
        return False
    return text.startswith("NMI backtrace for cpu") and "skipped" not in text


def _led_to(told: _Told, panic: Line, kinds: Tuple[str, ...]) -> bool:
    """Whether a report led to the panic, which names the ``kinds`` of its cause, if any."""
    kind = told.report.kind
    if kinds:
        return kind in kinds and _is_soon(told.last, panic, NAMED_WITHIN)
    strangers = None not in (told.last.caller, panic.caller) and told.last.caller != panic.caller
    return kind not in (PANIC, WARNING) and not strangers and _is_soon(told.last, panic, CONSEQUENCE_WITHIN)


def _is_soon(before: Line, after: Line, within: float) -> bool:
    """Whether a line follows another at once; without times, the order of the lines has to do."""
    if before.uptime is None or after.uptime is None:
        return True
    return 0 <= after.uptime - before.uptime <= within
