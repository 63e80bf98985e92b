# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before the kernel's words: its time, who said it, and what collected it.

``<6>[   12.345678][    T1] text`` of pstore (kernel/printk/printk.c), without ``<6>`` of kdump and consoles,
``6,1416,12345678,-,caller=T1;text`` of netconsole's extended format (drivers/net/netconsole.c); any of them behind the
date and the host that a collector writes, or behind a prompt and escape sequences of a terminal.

Only the first time in a line counts. A later one stands in something that has a name, or begins another line that was
printed into this one; what comes behind it is passed over.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = (
    rf"(?:(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?{_MONTH} {{1,2}}\d{{1,2}} (?:\d{{4}} )?{_CLOCK}(?: \d{{4}})?"
    rf"|\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z| ?[+-]\d\d:?\d\d)?|{_CLOCK})"
)
_HOST = r" {1,2}(?!input:)[^\s\[;,]{1,100}"
_COLLECTED = regex(rf"(?:<\d{{1,3}}>)?(?:\[{_DATE}\]|{_DATE}):?(?:{_HOST})?(?: kernel:)? ?")
_BRACKETED = regex(rf"\[{_DATE}\] ?")
_SYSLOG = regex(rf"(?:<\d{{1,3}}>)?{_DATE}{_HOST}(?: kernel)?:? ")
_NAMED = regex(rf"(?:<\d{{1,3}}>)?(?:\[{_DATE}\]|{_DATE}):? {{1,2}}([^\s\[;,]{{1,253}}) ")
_FIRST = regex(r"([^\s\[;,]{1,253}) ")
# A terminal's escape sequences and prompts, from which no text of the kernel's begins.
_ESCAPES = r"(?:\x1b\[[0-9;?=]{0,16}[A-Za-z]|[\x00-\x08\x0b-\x1a\x1c-\x1f])*"
_TERMINAL = regex(rf"{_ESCAPES}(?:\S{{1,64}} login: ?|[^\s\[]{{0,64}}[#$%>] )?{_ESCAPES}")
_TIME = r"\[ {0,12}(\d{1,12}\.\d{6})\]"
_PRINTED = regex(rf"(?:<(\d{{1,3}})>)?{_TIME}(?: ?\[ {{0,10}}([TC]\d{{1,10}})\])? ?")
_EXTENDED = regex(r"(?:[\w.+~-]{1,64},)?(\d{1,3}),\d{1,20},(\d{1,18}),([^;]{0,200});")
_CALLER = regex(r"(?:^|,)caller=([TC]\d{1,10})(?:,|$)")
_LATER = regex(_TIME)
_FACILITY_SHIFT = 3


class Words(NamedTuple):
    """What somebody said: ``uptime`` in seconds, ``caller`` as in ``T900``; None when the line does not say.

    ``kernel`` is False when the line itself says that a program wrote it.
    """

    text: str
    uptime: Optional[float]
    caller: Optional[str]
    kernel: bool = True


def read_line(line: str) -> Words:
    """Take apart a line of a log; any text will do."""
    for begin in _beginnings(line):
        extended = _EXTENDED.match(line, begin)
        if extended:
            called = _CALLER.search(extended.group(3))
            return _words(
                line[extended.end() :], extended.group(1), int(extended.group(2)) / 1e6, called and called.group(1)
            )
        printed = _PRINTED.match(line, begin)
        if printed:
            text = line[printed.end() :]
            later = _LATER.search(text)
            priority, seconds, caller = printed.groups()
            return _words(text[: later.start()] if later else text, priority, float(seconds), caller)
    dated = _BRACKETED.match(line) or _SYSLOG.match(line)
    return Words(line[dated.end() :] if dated else line, None, None)


def collected_of(line: str) -> Tuple[str, str]:
    """The word at which a collector names the host of a line, and the line without it if nothing else is before it.

    It may be any word. Empty when there is none.
    """
    named = _NAMED.match(line)
    if named:
        return named.group(1).rstrip(":"), line
    first = _FIRST.match(line)
    return (first.group(1).rstrip(":"), line[first.end() :]) if first else ("", line)


def _words(text: str, priority: Optional[str], seconds: float, caller: Optional[str]) -> Words:
    return Words(text, seconds, caller, priority is None or int(priority) >> _FACILITY_SHIFT == 0)


def _beginnings(line: str) -> List[int]:
    """Where the kernel's own part may begin: at once, behind what a collector wrote, or behind a terminal's."""
    begins = [0]
    for pattern in (_SYSLOG, _COLLECTED, _TERMINAL):
        match = pattern.match(line)
        if match and match.end():
            begins.append(match.end())
    return begins
