# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a crashed kernel as plain text: of kdump, pstore, a serial console or netconsole.

Nothing here says who wrote a line, so that the beginning of a boot is believed only from ``Linux version`` to the start
of the first program, when nobody but the kernel could write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Iterator, List, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import (
    LINE_LIMIT,
    CrashReader,
    CrashReport,
    Line,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import EVENT_PATTERN, BootLog, parse_kmsg

EARLY_LIMIT = 200  # lines of a boot's beginning that matter
SEGMENTS_LIMIT = 1000  # boots in one log; a console sees them all
PARTS_LIMIT = 1000

# "<6>[   12.345678][    T1] text" of pstore (kernel/printk/printk.c); kdump and consoles have no "<6>", and what
# collects consoles puts a time and a host before it.
_PRINTED = re.compile(r"(?:.{0,120}?\s)?(?:<(\d{1,3})>)?\[ {0,6}(\d{1,8}\.\d{6})\](?:\[ {0,6}[TC]\d{1,8}\])? ?")
# netconsole with "+": "priority,sequence,microseconds,flags;text" (drivers/net/netconsole.c).
_EXTENDED = re.compile(r"(\d{1,3}),\d{1,20},(\d{1,18}),[^;]{0,200};")
_START = re.compile(r"Linux version (\S{1,64}) .*")
_FIRST_PROGRAM = re.compile(r"Run \S+ as init process")
_FACILITY_SHIFT = 3
# pstore's own first line of each part (fs/pstore/platform.c); part 1 is the newest.
_PART = re.compile(r"^(?:Panic|Oops|Emergency|Shutdown|Unknown)#(\d{1,9}) Part(\d{1,9})$", re.MULTILINE)


@dataclass(frozen=True)
class BootText:
    """What a log tells of one boot.

    ``log`` is that of its beginning, incomplete when the text does not hold it. ``release`` is None when nothing names
    it. ``last_uptime``: seconds from the kernel's start to its last line.
    """

    release: Optional[str]
    log: BootLog
    reports: Tuple[CrashReport, ...]
    last_uptime: Optional[float]


def read_boots(lines: Iterable[str]) -> Iterator[BootText]:
    """Yield what a log tells of each boot that it holds, oldest first. Any text gives a result."""
    boot = _Boot()
    for count, line in enumerate(_kernel_lines(lines)):
        if count and _START.fullmatch(line.text):
            yield boot.told()
            boot = _Boot()
        boot.add(line)
    yield boot.told()


def _kernel_lines(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the lines without what comes before the text; not those that programs wrote, as far as it shows."""
    for line in lines:
        text = line[: 2 * LINE_LIMIT].rstrip("\r\n")
        match = _EXTENDED.match(text)
        seconds = int(match.group(2)) / 1e6 if match else None
        if not match:
            match = _PRINTED.match(text)
            seconds = float(match.group(2)) if match else None
        priority = match.group(1) if match else None
        if priority is None or int(priority) >> _FACILITY_SHIFT == 0:
            yield Line(printable(text[match.end() if match else 0 :], LINE_LIMIT), seconds)


class _Boot:
    """One boot whose log is being read."""

    def __init__(self) -> None:
        self._crashes = CrashReader()
        self._release: Optional[str] = None
        self._early: List[str] = []
        self._is_early = False
        self._uptime: Optional[float] = None

    def add(self, line: Line) -> None:
        """Take the next line."""
        start = _START.fullmatch(line.text)
        if start:
            self._release = start.group(1)
            self._is_early = True
        if line.uptime is not None:
            self._uptime = line.uptime
        if self._is_early and len(self._early) < EARLY_LIMIT:
            if start or re.match(EVENT_PATTERN, line.text):
                self._early.append(line.text)
            self._is_early = not _FIRST_PROGRAM.fullmatch(line.text)
        self._crashes.feed(line)

    def told(self) -> BootText:
        """Return what was read."""
        reports = self._crashes.reports()
        named = (report.release for report in reversed(reports) if report.release)
        records = (f"6,{number},0,-;{text}" for number, text in enumerate(self._early))
        return BootText(
            self._release or next(named, None), parse_kmsg("\n".join(records).encode()), reports, self._uptime
        )


def joined_parts(text: str) -> str:
    """Put the parts of pstore's dumps into the order of time, without their own first lines.

    The kernel writes the newest part first, and what collects them does not always turn them around.
    """
    marks = list(_PART.finditer(text))[:PARTS_LIMIT]
    if not marks:
        return text
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [(int(mark.group(1)), -int(mark.group(2)), text[mark.end() : end]) for mark, end in zip(marks, ends)]
    return "".join(part for _dump, _number, part in sorted(parts, key=lambda part: part[:2]))
