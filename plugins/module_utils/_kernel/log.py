# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel said while it booted: the lines of Kexec HandOver, from the ring buffer or the journal.

Anyone may write to the kernel's log: root through /dev/kmsg, and everybody through things whose names the kernel
prints. So only messages of the facility *kernel* count (what comes through /dev/kmsg never has it), they must match
from their first to their last character, and nothing counts that was said after the first program started.

The lines are those of kernel/liveupdate/ (prefixes ``KHO:`` and ``luo:``), arch/x86/kernel/setup.c and
kernel/crash_reserve.c.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import COUNT_LIMIT, Record

KERNEL_FACILITY = 0
MESSAGE_LIMIT = 1024
EVENTS_LIMIT = 200
ENTRY_LIMIT = 1 << 16

# How all lines of RULES begin.
EVENT_PATTERN = r"^(KHO|luo): |^Passed KHO data|^cannot allocate crashkernel|^Unknown kernel"
# What journalctl is asked for: these lines, and the two that frame the part of the boot that counts.
# Without --lines, which together with --grep makes journalctl print the newest entry first.
FRAME_PATTERN = r"|^Linux version|^Run \S+ as"
JOURNAL_PATTERN = EVENT_PATTERN + FRAME_PATTERN


def journal_argv(pattern: str) -> Tuple[str, ...]:
    """The program that prints this boot's messages of the kernel's own that match ``pattern``."""
    return (
        "journalctl",
        "--boot",
        "--quiet",
        "--no-pager",
        "--output=json",
        "--output-fields=MESSAGE,_TRANSPORT,SYSLOG_FACILITY",
        f"--grep={pattern}",
        "--case-sensitive=yes",
        "_TRANSPORT=kernel",
        f"SYSLOG_FACILITY={KERNEL_FACILITY}",
    )


JOURNAL_ARGV = journal_argv(JOURNAL_PATTERN)

# What the kernel says with a name at its beginning, or almost: of programs that crash (arch/x86/mm/fault.c,
# kernel/traps.c there and of arm64), that want memory (mm/oom_kill.c, mm/page_alloc.c) or use what they should not
# (kernel/exit.c, mm/mmap.c); of network devices (net/core/dev.c); and what a USB device calls itself
# (drivers/usb/core/hub.c, drivers/input/input.c). A process has a name of up to 15 characters.
_NAME_FIRST = regex(
    r"usb \S{1,32}: (?:Product|Manufacturer|SerialNumber): |input: "
    r"|.{1,15}?(?:\[\d{1,10}\]:? | ?\(\d{1,10}\):? |: page allocation |: renamed from |: \d{1,10} output lines "
    r"| invoked oom-killer: )"
)
_FIRST_PROGRAM = regex(r"Run \S+ as init process")
_FIRST_MESSAGE = regex(r"Linux version .*")
_ESCAPE = regex(rb"\\x([0-9a-fA-F]{2})")


# What a line means, by the first pattern that fits the whole line. Groups become the event's values.
RULES = (
    ("exec_from", r"KHO: exec from: (.{0,64}) \(count (\d{1,10})\)"),
    ("handover_found", r"KHO: found kexec handover data\."),
    ("kho_abi_mismatch", r"KHO: setup: handover FDT \(\S+\) is incompatible with '([^']{1,100})': .*"),
    ("handover_damaged", r"KHO: setup: .*"),
    ("handover_damaged", r"KHO: failed to get preserved memory map.*"),
    ("handover_dropped", r"KHO: disabling KHO revival"),
    ("handover_ignored", r"Passed KHO data, but CONFIG_KEXEC_HANDOVER not set\. Ignoring\."),
    ("running_without_kho", r'Unknown kernel command line parameters (?:"|.* )kho=.*'),
    ("metadata_unsupported", r"KHO: kexec-metadata version (\d{1,10}) not supported \(expected (\d{1,10})\)"),
    ("metadata_damaged", r"KHO: kexec-metadata blob too small .*"),
    ("subtree_damaged", r"KHO: broken KHO subnode .*"),
    ("kho_failed", r"KHO: Failed to reserve (?:scratch|bootmem) area, disabling kexec handover"),
    ("kho_failed", r"KHO: failed to initialize kexec-metadata subtree: .*"),
    ("kho_off_in_kdump", r"KHO: disabled in the kdump kernel"),
    ("kho_off", r"luo: Disabling liveupdate because KHO is disabled"),
    ("luo_retrieved", r"luo: Retrieved live update data, liveupdate number: (\d{1,20})"),
    ("live_update_failed", r"luo: (?:[Ff]ailed|Unable|No registered handler|File count mismatch|Freeze failed).*"),
    ("crashkernel_lost", r"cannot allocate crashkernel .*"),
)


class Event(NamedTuple):
    """One line that matters: what it means (a code of ``RULES``), its values, and the line as printable ASCII."""

    code: str
    values: Tuple[str, ...]
    line: str


class BootLog(NamedTuple):
    """What a log holds of the time between the kernel's first message and the first program.

    ``complete`` says that this time is covered from its beginning; only then does the absence of a line mean anything.
    """

    complete: bool
    events: Tuple[Event, ...]

    def first(self, *codes: str) -> Optional[Event]:
        """Return the first event with one of the codes."""
        return next((event for event in self.events if event.code in codes), None)

    @property
    def record(self) -> Optional[Record]:
        """The incoming record, if the kernel said that it accepted one."""
        event = self.first("exec_from")
        if event is None or int(event.values[1]) > COUNT_LIMIT:
            return None
        return Record(event.values[0], int(event.values[1]))


NO_LOG = BootLog(complete=False, events=())


def parse_kmsg(raw: bytes) -> BootLog:
    """Read records of /dev/kmsg (``Host.kernel_log``). Any input gives a result; what is no record is passed over."""
    sequence = first_sequence(raw)
    return BootLog(complete=sequence == 0, events=_events(early_messages(raw)))


def early_messages(raw: bytes) -> Tuple[str, ...]:
    """What records of /dev/kmsg hold of the time before the first program."""
    return _until_first_program(kmsg_messages(raw), wrapped=first_sequence(raw) != 0)


def parse_journal(output: str) -> BootLog:
    """Read the output of ``JOURNAL_ARGV``. Any input gives a result; what is no entry is passed over.

    journald read the ring buffer from its oldest message on, so the kernel's first message shows that nothing of the
    boot had been overwritten before.
    """
    complete, messages = early_journal_messages(output)
    return BootLog(complete, _events(messages))


def early_journal_messages(output: str) -> Tuple[bool, Tuple[str, ...]]:
    """Whether entries begin with the boot, and what they hold of the time before the first program."""
    messages = list(journal_messages(output))
    complete = bool(messages) and _FIRST_MESSAGE.fullmatch(messages[0]) is not None
    return complete, _until_first_program(messages, wrapped=not complete)


def kmsg_messages(raw: bytes) -> Iterator[str]:
    """Yield the text of each record of the kernel's own; lines that begin with a blank only describe devices.

    A record is ``priority,sequence,microseconds,flags[,...];text``, where priority is facility * 8 + level, and bytes
    that are not printable stand as ``\\xNN``.
    """
    for line in raw.split(b"\n"):
        header, separator, text = line[: 2 * MESSAGE_LIMIT].partition(b";")
        priority = header.split(b",", 1)[0]
        if separator and priority.isdigit() and len(priority) < 8 and int(priority) >> 3 == KERNEL_FACILITY:
            yield printable(_ESCAPE.sub(_unescaped, text), MESSAGE_LIMIT)


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes((int(match.group(1), 16),))


def is_of_a_name(message: str) -> bool:
    """Whether a message begins with what a process or a device calls itself, and that beginning means nothing."""
    return _NAME_FIRST.match(message) is not None


def first_sequence(raw: bytes) -> Optional[int]:
    """Return the number of the oldest record; the kernel counts from 0 at each boot. None when there is none."""
    fields = raw[:64].split(b";", 1)[0].split(b",")
    if len(fields) < 3 or not fields[1].isdigit():
        return None
    return int(fields[1])


def journal_messages(output: str) -> Iterator[str]:
    """Yield the text of each entry of the kernel's own, in the order of the output."""
    for line in output.split("\n"):
        entry = json_object(line) if len(line) <= ENTRY_LIMIT else {}
        if entry.get("_TRANSPORT") == "kernel" and entry.get("SYSLOG_FACILITY") == str(KERNEL_FACILITY):
            yield journal_text(entry.get("MESSAGE"))


def json_object(line: str) -> Any:
    """Return the object that a line of journalctl's holds, or an empty one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):  # not JSON, or brackets nested deeper than the parser goes
        return {}
    return value if isinstance(value, dict) else {}


def journal_text(message: Any) -> str:
    """Return a message as printable ASCII; journalctl shows one that is not plain text as a list of bytes."""
    if isinstance(message, list):
        message = bytes(byte for byte in message[:MESSAGE_LIMIT] if isinstance(byte, int) and 0 <= byte <= 255)
    return printable(message, MESSAGE_LIMIT) if isinstance(message, (str, bytes)) else ""


def _until_first_program(messages: Iterable[str], wrapped: bool) -> Tuple[str, ...]:
    """Keep what was said before the first program started.

    When the beginning is lost and the start of the first program is not there either, then all that is left is younger
    than it, and nothing is kept.
    """
    kept: List[str] = []
    for message in messages:
        if _FIRST_PROGRAM.fullmatch(message):
            return tuple(kept)
        kept.append(message)
    return () if wrapped else tuple(kept)


def _events(messages: Iterable[str]) -> Tuple[Event, ...]:
    events = (_event(message) for message in messages)
    return tuple(event for event in events if event is not None)[:EVENTS_LIMIT]


def _event(message: str) -> Optional[Event]:
    if not re.match(EVENT_PATTERN, message):
        return None
    for code, pattern in RULES:
        match = re.fullmatch(pattern, message)  # compiled when first needed; most boots need few
        if match:
            return Event(code, match.groups(), message)
    return None
