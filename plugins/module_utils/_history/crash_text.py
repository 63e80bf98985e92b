# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a crashed kernel as plain text: of kdump, pstore, a serial console or netconsole.

Nothing here says who wrote a line, so the beginning of a boot is believed only from ``Linux version`` to the start
of the first program, when nobody but the kernel could write. The line in which the host names the boot
(``_kernel.naming``) is a program's, and counts only where nothing contradicts it.
"""

from __future__ import annotations

import re
from typing import Collection, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import (
    LINE_LIMIT,
    CrashReader,
    CrashReport,
    Line,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_prefix import read_line
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import (
    EVENT_PATTERN,
    BootLog,
    is_of_a_name,
    parse_kmsg,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.naming import Naming, naming_in

EARLY_LIMIT = 200  # lines of a boot's beginning that matter
PARTS_LIMIT = 1000

_START = regex(r"Linux version (\S{1,64}) .*")
# An option that nobody knows, as any user may give it in a namespace (vfs_parse_fs_param() of fs/fs_context.c).
_UNFINISHED = regex(r"(?:\S{1,32}: ){1,2}Unknown parameter '[^']*")
_FIRST_PROGRAM = regex(r"Run \S+ as init process")
# pstore's own first line of each part (fs/pstore/platform.c); part 1 is the newest.
_PART = regex(r"^(?:Panic|Oops|Emergency|Shutdown|Unknown)#(\d{1,9}) Part(\d{1,9})$", re.MULTILINE)


class BootText(NamedTuple):
    """What a log tells of one boot.

    ``log`` is that of its beginning, incomplete when the text does not hold it. ``release`` is None when nothing names
    it. ``last_uptime``: seconds from the kernel's start to its last line. ``naming`` is what a program of the host
    wrote of this boot, None also when two such lines differ, or when the kernel's own words contradict it; only when
    it began may differ, since clocks are set: the last line counts.
    """

    release: Optional[str]
    log: BootLog
    reports: Tuple[CrashReport, ...]
    last_uptime: Optional[float]
    naming: Optional[Naming] = None


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
    """Yield the lines without what comes before the text; of those that programs wrote, as far as it shows, only the
    ones that name a boot."""
    named: Optional[float] = None
    before: Optional[float] = None
    for line in lines:
        words = read_line(line[: 2 * LINE_LIMIT].rstrip("\r\n"))
        # What a device is called, or a user wants mounted, may have an end of a line in it; the rest then has its time.
        if named is not None and words.uptime == named:
            continue
        is_name = words.text.startswith("usb ") and is_of_a_name(words.text)
        named = words.uptime if is_name or _UNFINISHED.fullmatch(words.text) else None
        # No line that names a boot goes on where another has begun, such as one with the name of a keyboard.
        is_new = words.uptime is None or words.uptime != before
        before = words.uptime
        naming = naming_in(words.text)
        if is_new if naming else words.kernel:
            # Tabs are those of RCU's reports.
            yield Line(printable(words.text.replace("\t", " "), LINE_LIMIT), words.uptime, None, words.caller)


class _Boot:
    """One boot whose log is being read."""

    def __init__(self) -> None:
        self._crashes = CrashReader()
        self._release: Optional[str] = None
        self._early: List[str] = []
        self._is_early = False
        self._uptime: Optional[float] = None
        self._namings: Dict[Naming, Naming] = {}

    def add(self, line: Line) -> None:
        """Take the next line."""
        naming = naming_in(line.text)
        if naming is not None:
            if len(self._namings) <= 1:
                self._namings[naming._replace(began=0)] = naming
            return
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
        log = parse_kmsg("\n".join(records).encode())
        release = self._release or next(named, None)
        naming = _believed(self._namings.values(), release, log)
        return BootText(release or (naming.release if naming else None), log, reports, self._uptime, naming)


def _believed(namings: Collection[Naming], release: Optional[str], log: BootLog) -> Optional[Naming]:
    """The one thing that is said of the boot, unless the kernel's own words say otherwise."""
    if len(namings) != 1:
        return None
    (naming,) = namings
    knows_record = log.record is not None or log.complete
    if release not in (None, naming.release):
        return None
    if log.record is not None and not naming.knows_transition:
        return naming._replace(boot="handover", record=log.record)
    return None if knows_record and log.record != naming.record else naming


def dumps_of(text: str) -> List[str]:
    """Return the dumps that a text holds, each with its parts in the order of time, without their own first lines.

    The kernel writes the newest part first, and what collects them does not always turn them around. Where the numbers
    begin anew, another kernel's dump begins.
    """
    marks = list(_PART.finditer(text))[:PARTS_LIMIT]
    if not marks:
        return [text]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    dumps: List[List[_Part]] = []
    for mark, end in zip(marks, ends):
        part = _Part(int(mark.group(1)), -int(mark.group(2)), text[mark.end() : end].strip("\n") + "\n")
        if not dumps or part[:2] in [known[:2] for known in dumps[-1]]:
            dumps.append(_taken_back(dumps[-1], part) if dumps else [])
        dumps[-1].append(part)
    return ["".join(part.text for part in sorted(dump, key=lambda part: part[:2])) for dump in dumps]


class _Part(NamedTuple):
    """A part of a dump; ``age`` grows with time: the newest has -1."""

    dump: int
    age: int
    text: str


def _taken_back(dump: List[_Part], part: _Part) -> List[_Part]:
    """Take from a dump what is of the next one, in which the ``part`` is: where the oldest comes first, older parts."""
    taken: List[_Part] = []
    while len(dump) > 2 and dump[-1][:2] == (part.dump, part.age - 1 - len(taken)):
        taken.insert(0, dump.pop())
    # Where the newest comes first, they were of this one.
    if taken and dump[-1].age < dump[-2].age:
        dump.extend(taken)
        return []
    return taken
