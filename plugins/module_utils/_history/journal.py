# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal tells of all its boots, in three calls of journalctl, however many boots there are.

1. ``--list-boots``: which boots there are, from when to when.
2. how each was left: what systemd and journald themselves wrote at the end (few entries, found by the journal's index).
3. what its kernel said that matters (``--grep`` runs inside of journalctl, which is what makes this fast).

The last two are read as a stream, from the cursor on, until the time is over.
"""

from __future__ import annotations

import codecs
import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._health.log import (
    ANY_COMPLAINT,
    PLACE,
    Complaint,
    complaints,
    tells_of_complaint,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_headers import CRASH_PATTERN
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReader, CrashReport, Line
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import (
    ENTRY_LIMIT,
    JOURNAL_PATTERN,
    KERNEL_FACILITY,
    BootLog,
    journal_text,
    json_object,
    parse_journal,
)

BOOTS_LIMIT = 10_000
EARLY_LIMIT = 200  # entries of a boot's beginning that matter
COMPLAINTS_LIMIT = 2000  # entries of a boot that may be complaints
TROUBLES_LIMIT = 20  # different ones of a boot that are told
CURSOR_LIMIT = 512
JOURNALCTL = ("journalctl", "--quiet", "--no-pager")
# systemd's targets that end a boot (systemd.special(7)); soft-reboot.target does not end one.
END_TARGETS = ("kexec.target", "reboot.target", "poweroff.target", "halt.target")
# SD_MESSAGE_JOURNAL_STOP and _START (sd-messages.h). journald stops twice: also when the initrd is left.
JOURNAL_STOPPED = "d93fb3c9c24d451a97cea615ce59c00b"
JOURNAL_STARTED = "f77379a8490b408bbe5f6940505a777b"
# Fields that begin with _ are journald's own, so nobody but PID 1 and journald can have written these.
GOODBYES = (
    "_PID=1",
    *(f"UNIT={target}" for target in END_TARGETS),
    "+",
    "_TRANSPORT=driver",
    f"MESSAGE_ID={JOURNAL_STOPPED}",
    f"MESSAGE_ID={JOURNAL_STARTED}",
)
GOODBYE_FIELDS = "--output-fields=UNIT,MESSAGE_ID,JOB_TYPE"
KERNEL = ("_TRANSPORT=kernel", f"SYSLOG_FACILITY={KERNEL_FACILITY}")
KERNEL_FIELDS = "--output-fields=MESSAGE,_TRANSPORT,SYSLOG_FACILITY,_SOURCE_MONOTONIC_TIMESTAMP"
# Why the hardware was reset (arch/x86/kernel/cpu/amd.c, since 6.16); it is read and cleared at each boot.
RESET_PATTERN = r"^x86/amd: Previous system reset reason "
COMMAND_LINE_PATTERN = "^Kernel command line: "
KERNEL_GREP = (
    f"--grep={JOURNAL_PATTERN}|{CRASH_PATTERN}|{RESET_PATTERN}|{COMMAND_LINE_PATTERN}|^(?:{PLACE}|{ANY_COMPLAINT})",
    "--case-sensitive=yes",
)

_BOOT_ID = regex(r"[0-9a-f]{32}")
_CURSOR_BOOT = regex(r"(?:^|;)b=([0-9a-f]{32})(?:;|$)")
_NUMBER = regex(r"[0-9]{1,18}")
_START = regex(r"Linux version (\S{1,64}) .*")
_FIRST_PROGRAM = regex(r"Run \S+ as init process")
_RESET = regex(RESET_PATTERN + r"\[0x[0-9a-f]{8}\]: (.{1,100})")
# Before systemd 253 boots are listed as text: " -1 BOOT-ID Mon 2026-09-21 14:13:20 UTC—Tue 2026-09-22 14:06:42 UTC".
_LISTED = regex(r"\s*-?\d{1,9}\s+([0-9a-f]{32})\s(.{1,200})")
_TIME = regex(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


class Span(NamedTuple):
    """A boot that the journal knows, and its first and last entry in seconds since 1970."""

    boot_id: str
    begin: float
    end: float


@dataclass
class Goodbye:
    """How a boot was left: the target that systemd reached, and whether the last word is that journald stopped."""

    target: Optional[str] = None
    stopped: bool = False


class KernelWords(NamedTuple):
    """What a boot's kernel said: its beginning, its crashes, its release and whether it was to save a dump.

    ``reset_reasons``: why the hardware was reset before. ``cursor``: the place of its first message in the journal.
    ``troubles``: what it complained about, the first that there were; None when the log has lost its beginning.
    """

    log: BootLog
    reports: Tuple[CrashReport, ...]
    release: Optional[str]
    capture: bool
    reset_reasons: Tuple[str, ...]
    cursor: str
    troubles: Optional[Tuple[Complaint, ...]] = None


@dataclass
class Journal:
    """What was read. Boots are named by their ids; ``complete`` is False when the time was over before the end."""

    spans: Tuple[Span, ...] = ()
    goodbyes: Dict[str, Goodbye] = field(default_factory=dict)
    words: Dict[str, KernelWords] = field(default_factory=dict)
    complete: bool = True


class Query(NamedTuple):
    """What is asked: since which ``cursor`` (None: all), in which directory (None: the host's own journal), and until
    when, in seconds of the monotonic clock."""

    cursor: Optional[str]
    directory: Optional[str]
    deadline: float

    def argv(self, *arguments: str) -> Tuple[str, ...]:
        """Return the command line of journalctl."""
        where = (f"--directory={self.directory}",) if self.directory else ()
        return (*JOURNALCTL, *where, *arguments)

    def left(self) -> float:
        """Seconds until the deadline; 0 after it."""
        return max(self.deadline - time.monotonic(), 0.0)


def cursor_boot(cursor: str) -> Optional[str]:
    """Return the id of the boot in which the cursor is; None when it is no cursor of journalctl's."""
    match = _CURSOR_BOOT.search(cursor) if len(cursor) <= CURSOR_LIMIT else None
    return match.group(1) if match else None


def read_journal(host: Host, query: Query) -> Journal:
    """Read the boots from the one with the cursor on.

    Raises KhoError ``cursor_invalid``, and ``journal_unreadable`` when journalctl is absent or fails.
    """
    journal = Journal(spans=_wanted(list_boots(host, query), query.cursor))
    if not journal.spans:
        return journal
    since = (f"--cursor={query.cursor}",) if query.cursor else ()
    known = {span.boot_id for span in journal.spans}
    goodbyes = _Stream(host, query, ("--output=json", GOODBYE_FIELDS, *since, *GOODBYES))
    for entry, _raw in goodbyes.entries(known):
        _note_goodbye(journal.goodbyes.setdefault(entry["_BOOT_ID"], Goodbye()), entry)
    journal.complete = goodbyes.complete and _read_kernel(host, query, since, known, journal.words)
    return journal


def list_boots(host: Host, query: Query) -> Tuple[Span, ...]:
    """Return the boots that the journal knows, oldest first."""
    # Not --utc alone: since systemd 253 the list comes as JSON, with microseconds.
    argv = query.argv("--list-boots", "--utc", "--output=json")
    try:
        done = host.run(argv, timeout=max(query.left(), 1.0))
    except HostError as error:
        raise unreadable(str(error)) from error
    if done.rc != 0:
        raise unreadable(printable(" ".join(done.stderr.split()), 300) or f"exit code {done.rc}")
    return parse_boots(done.stdout)


def unreadable(why: str) -> KhoError:
    """The error for a journal that cannot be read."""
    return KhoError(
        "journal_unreadable",
        f"The journal could not be read: {why} Without it, nothing is known of earlier boots. Install systemd's "
        "journal, or name the directory with the journal's files.",
    )


def parse_boots(output: str) -> Tuple[Span, ...]:
    """Read what ``journalctl --list-boots`` printed, JSON or text; any text gives a result."""
    if output.lstrip().startswith("["):
        spans = _spans_of_json(output)
    else:
        spans = (_span_of_text(line) for line in output.splitlines())
    return tuple(span for span in spans if span)[-BOOTS_LIMIT:]


def _spans_of_json(output: str) -> Iterator[Optional[Span]]:
    try:
        listed = json.loads(output)
    except (ValueError, RecursionError):
        return
    for boot in listed:
        if isinstance(boot, dict):
            yield _span(boot.get("boot_id"), boot.get("first_entry"), boot.get("last_entry"))


def _span(boot_id: Any, first: Any, last: Any) -> Optional[Span]:
    if not isinstance(boot_id, str) or not _BOOT_ID.fullmatch(boot_id):
        return None
    if not (_is_time(first) and _is_time(last)):
        return None
    return Span(boot_id, first / 1e6, last / 1e6)


def _is_time(value: Any) -> bool:
    """Whether it can be microseconds since 1970."""
    return isinstance(value, int) and 0 <= value < 1 << 53


def _span_of_text(line: str) -> Optional[Span]:
    match = _LISTED.match(line)
    times = _TIME.findall(match.group(2)) if match else []
    if match is None or len(times) != 2:
        return None
    try:
        begin, end = (datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc) for text in times)
    except ValueError:
        return None
    return Span(match.group(1), begin.timestamp(), end.timestamp())


def _wanted(spans: Tuple[Span, ...], cursor: Optional[str]) -> Tuple[Span, ...]:
    """Keep the boot with the cursor and those after it; all when the journal has already forgotten that boot."""
    boot_id = cursor_boot(cursor) if cursor else None
    at = next((number for number, span in enumerate(spans) if span.boot_id == boot_id), 0)
    return spans[at:]


def _note_goodbye(goodbye: Goodbye, entry: Dict[str, Any]) -> None:
    """Take one of the entries of GOODBYES."""
    message, unit = entry.get("MESSAGE_ID"), entry.get("UNIT")
    if message in (JOURNAL_STOPPED, JOURNAL_STARTED):
        goodbye.stopped = message == JOURNAL_STOPPED
    elif unit in END_TARGETS and entry.get("JOB_TYPE", "start") == "start":
        goodbye.target = str(unit)


class _Stream:
    """The entries that a call of journalctl prints, as far as they come before the deadline."""

    def __init__(self, host: Host, query: Query, arguments: Sequence[str]) -> None:
        self._host = host
        self._query = query
        self._argv = query.argv(*arguments)
        self.complete = True
        self.came = False

    def entries(self, boots: Set[str]) -> Iterator[Tuple[Dict[str, Any], str]]:
        """Yield the entries of the boots, each with its line.

        Raises KhoError ``cursor_invalid`` when journalctl fails at once because of the cursor.
        """
        try:
            for line in self._lines():
                entry = json_object(line) if len(line) <= ENTRY_LIMIT else {}
                if str(entry.get("_BOOT_ID")) in boots:
                    self.came = True
                    yield entry, line
        except HostError as error:
            if "cursor" in str(error):
                raise cursor_invalid() from error
            self.complete = False

    def _lines(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        timeout = self._query.left()
        if timeout <= 0:
            raise HostError(self._argv[0], "failed", "no time left")
        for piece in self._host.pipe(self._argv, b"", timeout):
            *lines, rest = (rest + decoder.decode(piece)).split("\n")
            yield from lines
            rest = rest[: ENTRY_LIMIT + 1]
        yield rest


def cursor_invalid() -> KhoError:
    """The error for a cursor that journalctl does not take."""
    return KhoError(
        "cursor_invalid",
        "after_cursor is not a position in a journal. Without one, it cannot be told which boots are new. Give the "
        "cursor that this module returned for this host, or none, to read all boots.",
    )


def _read_kernel(
    host: Host, query: Query, since: Sequence[str], known: Set[str], words: Dict[str, KernelWords]
) -> bool:
    """Read what the kernels said into ``words``; return whether all of it was read."""
    arguments = ("--output=json", KERNEL_FIELDS, *since, *KERNEL)
    # journalctl fails when nothing matches, and when it was built without --grep; then it has to print everything.
    for asked in ((*KERNEL_GREP, *arguments), arguments):
        stream = _Stream(host, query, asked)
        boots: Dict[str, _BootWords] = {}
        for entry, line in stream.entries(known):
            boots.setdefault(entry["_BOOT_ID"], _BootWords(entry)).add(entry, line)
        if stream.came or stream.complete:
            break
    words.update((boot_id, boot.told()) for boot_id, boot in boots.items())
    return stream.complete


class _BootWords:
    """What the kernel of one boot said, while it is read."""

    def __init__(self, first: Dict[str, Any]) -> None:
        self._cursor = printable(str(first.get("__CURSOR", "")), CURSOR_LIMIT)
        self._crashes = CrashReader()
        self._early: List[str] = []
        self._is_early = True
        self._release: Optional[str] = None
        self._capture = False
        self._reasons: List[str] = []
        self._complaints: List[str] = []

    def add(self, entry: Dict[str, Any], line: str) -> None:
        """Take an entry, and the line that it was read from."""
        text = journal_text(entry.get("MESSAGE"))
        if self._is_early:
            self._add_early(text, line)
        if len(self._complaints) < COMPLAINTS_LIMIT and tells_of_complaint(text):
            self._complaints.append(text)
        uptime, at = (_seconds(entry.get(name)) for name in ("_SOURCE_MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP"))
        self._crashes.feed(Line(text, uptime, at))

    def _add_early(self, text: str, line: str) -> None:
        if len(self._early) < EARLY_LIMIT and re.match(JOURNAL_PATTERN, text):
            self._early.append(line)
        start, reset = _START.fullmatch(text), _RESET.fullmatch(text)
        if start and len(self._early) == 1:
            self._release = start.group(1)
        if reset:
            self._reasons.append(reset.group(1))
        # The kernel that crashed tells the one that saves the dump where its memory is (fs/proc/vmcore.c).
        self._capture |= text.startswith("Kernel command line: ") and " elfcorehdr=" in text
        self._is_early = not _FIRST_PROGRAM.fullmatch(text)

    def told(self) -> KernelWords:
        """Return what was read."""
        log = parse_journal("\n".join(self._early))
        reports = self._crashes.reports()
        named = (report.release for report in reversed(reports) if report.release)
        return KernelWords(
            log=log,
            reports=reports,
            release=self._release or next(named, None),
            capture=self._capture or log.first("kho_off_in_kdump") is not None,
            reset_reasons=tuple(self._reasons[:32]),
            cursor=self._cursor,
            troubles=complaints(self._complaints)[:TROUBLES_LIMIT] if log.complete else None,
        )


def _seconds(microseconds: Any) -> Optional[float]:
    """Return the seconds of a number of microseconds that journalctl printed."""
    if isinstance(microseconds, str) and _NUMBER.fullmatch(microseconds):
        return int(microseconds) / 1e6
    return None
