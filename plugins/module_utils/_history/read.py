# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a host: all its boots, how each ended, and its crashes.

The journal is read once, from the cursor on. The boot with the cursor only tells how the next one was started.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.boots import (
    NO_WORDS,
    Ending,
    Start,
    after_endings,
    ending_of,
    start_of,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import read_crash_files
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_join import (
    Crash,
    boots_named,
    iso,
    join_crashes,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import (
    Goodbye,
    Journal,
    Query,
    Span,
    cursor_boot,
    cursor_invalid,
    read_journal,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.access import is_root
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running

PERSISTENT = "/var/log/journal"
UPTIME = "/proc/uptime"


class Request(NamedTuple):
    """What is wanted: boots after the ``cursor`` of an earlier run (None: all), from the journal in a ``directory``
    (None: the host's own), and crashes also from the logs of consoles; all within ``time_limit`` seconds."""

    cursor: Optional[str]
    directory: Optional[str]
    console_logs: Tuple[str, ...]
    time_limit: float


def read_history(host: Host, request: Request) -> Dict[str, Any]:
    """Return what the module returns: ``host_boots``, ``crashes``, ``cursor``, ``notes``.

    Raises KhoError ``cursor_invalid``.
    """
    deadline = time.monotonic() + request.time_limit
    journal, notes = _journal(host, request, deadline)
    running = None if request.directory else observe_running(host)
    starts = starts_of(journal)
    if journal.complete:  # otherwise there are boots in between that were not read
        starts = _with_running(host, starts, running)
    seen_before = cursor_boot(request.cursor) if request.cursor else None
    reported = [start for start in starts if start.span.boot_id != seen_before]
    since = reported[0].span.begin if request.cursor and reported else 0.0
    witnesses, unread = read_crash_files(host, since, request.console_logs, deadline)
    running_id = _digits(running.boot_id) if running else None
    crashes = join_crashes(starts, running_id, witnesses)
    if request.cursor:
        crashes = [crash for crash in crashes if not _is_seen_before(crash, since)]
    endings = _endings(starts, crashes, running_id)
    boots = [_boot(start, ending) for start, ending in after_endings(starts, endings)]
    named = [{**boot, "boot_id": _dashed(boot["boot_id"])} for boot in boots_named(crashes)]
    return {
        "host_boots": [*named, *boots[len(starts) - len(reported) :]],
        "crashes": [_crash(crash) for crash in crashes],
        "cursor": _next_cursor(starts) or request.cursor,
        "notes": [note.as_dict() for note in (*notes, *unread)],
    }


def history_of_journal(
    host: Host, directory: str, time_limit: float
) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]], List[Note]]:
    """Return what the journal of another host, in a ``directory`` of this one, tells of: boots, crashes, and notes.

    Its last boot is left out unless it is known how that ended, because it may go on.
    """
    request = Request(None, directory, (), time_limit)
    journal, notes = _journal(host, request, time.monotonic() + time_limit)
    starts = starts_of(journal)
    crashes = join_crashes(starts, None, ())
    endings = _endings(starts, crashes, None)
    if endings and endings[-1].ending == "unknown":
        starts, endings = starts[:-1], endings[:-1]
    boots = [_boot(start, ending) for start, ending in after_endings(starts, endings)]
    told = {boot["boot_id"] for boot in boots}
    return boots, [crash for crash in map(_crash, crashes) if crash["boot_id"] in told], notes


def _journal(host: Host, request: Request, deadline: float) -> Tuple[Journal, List[Note]]:
    """Read the journal; what prevents reading all or some of it becomes a note."""
    if request.cursor is not None and cursor_boot(request.cursor) is None:
        raise cursor_invalid()
    notes = [] if request.directory else _limits(host)
    try:
        journal = read_journal(host, Query(request.cursor, request.directory, deadline))
    except KhoError as error:
        if error.code != "journal_unreadable":
            raise
        return Journal(), [*notes, Note("journal_unreadable", error.message)]
    if not journal.complete:
        journal = _without_unread(journal)
        notes.append(
            Note(
                "history_incomplete",
                f"The time limit ({request.time_limit:g} s) was reached before the whole journal was read. Only the "
                f"first {len(journal.spans)} of its boots are told of. Run this again with the returned cursor to go "
                "on, or with a larger time_limit.",
            )
        )
    return journal, notes


def _limits(host: Host) -> List[Note]:
    notes = []
    if not is_root(host):
        notes.append(
            Note(
                "not_root",
                "This does not run as root. Only root and the group systemd-journal may read the whole journal, and "
                "only root what crashes left behind, so boots and crashes may be missing here. Use become.",
            )
        )
    if not host.exists(PERSISTENT):
        notes.append(
            Note(
                "journal_volatile",
                f"{PERSISTENT} does not exist, so the journal of each boot is lost with it, and nothing is known of "
                "earlier boots. Make the directory, or set Storage=persistent in /etc/systemd/journald.conf.",
            )
        )
    return notes


def _without_unread(journal: Journal) -> Journal:
    """Keep the boots before the one that was being read when the time was over."""
    read = [number for number, span in enumerate(journal.spans) if span.boot_id in journal.words]
    return replace(journal, spans=journal.spans[: read[-1] if read else 0])


def starts_of(journal: Journal) -> List[Start]:
    """Return how each boot of a journal began."""
    starts: List[Start] = []
    for span in journal.spans:
        words = journal.words.get(span.boot_id, NO_WORDS)
        goodbye = journal.goodbyes.get(span.boot_id, Goodbye())
        starts.append(start_of(span, words, goodbye, starts[-1] if starts else None))
    return starts


def _with_running(host: Host, starts: List[Start], running: Optional[RunningKernel]) -> List[Start]:
    """Let the running kernel speak for itself, also when the journal does not know it."""
    boot_id = _digits(running.boot_id) if running else None
    if running is None or boot_id is None:
        return starts
    known = next((start for start in starts if start.span.boot_id == boot_id), None)
    if known is None:
        began = _began(host)
        before = starts[-1] if starts else None
        known = start_of(Span(boot_id, began, began), NO_WORDS, Goodbye(), before)
        starts = [*starts, known]
    told = known._replace(
        release=running.release or known.release,
        boot=known.boot if running.boot == "unknown" else running.boot,
        previous_release=running.previous_release or known.previous_release,
        kexec_count=known.kexec_count if running.kexec_count is None else running.kexec_count,
        evidence=known.evidence if running.boot == "unknown" else (f"start: the running kernel shows: {running.boot}",),
    )
    return [told if start is known else start for start in starts]


def _began(host: Host) -> float:
    """When the running kernel was started, in seconds since 1970."""
    try:
        return time.time() - float(host.read_text(UPTIME, 100).split()[0])
    except (HostError, ValueError, IndexError):
        return time.time()


def _endings(starts: Sequence[Start], crashes: Sequence[Crash], running: Optional[str]) -> List[Ending]:
    endings = []
    for start, after in zip(starts, (*starts[1:], None)):
        boot_id = start.span.boot_id
        reports = [crash.report for crash in crashes if crash.boot_id == boot_id]
        endings.append(ending_of(start, after, reports, boot_id == running))
    return endings


def _boot(start: Start, ending: Ending) -> Dict[str, Any]:
    return {
        "boot_id": _dashed(start.span.boot_id),
        "release": start.release,
        "previous_release": start.previous_release,
        "kexec_count": start.kexec_count,
        "boot": start.boot,
        "begin": iso(start.span.begin),
        "end": None if ending.ending == "running" else iso(start.span.end),
        "ending": ending.ending,
        "evidence": [*start.evidence, *ending.evidence],
        "troubles": _troubles(start),
    }


def _troubles(start: Start) -> Optional[List[Dict[str, str]]]:
    """What the kernel complained about, as ``kernel_health_info`` names it; None when that is not known."""
    found = start.words.troubles
    return None if found is None else [{"code": one.what, "signature": one.signature} for one in found]


def _crash(crash: Crash) -> Dict[str, Any]:
    boot_id = crash.boot_id
    return {**crash.as_dict(), "boot_id": None if boot_id is None else _dashed(boot_id)}


def _is_seen_before(crash: Crash, since: float) -> bool:
    """A console's log holds old crashes too; those of boots that are not read again were told by an earlier run."""
    is_of_none = crash.boot_id is None or (crash.naming is not None and crash.naming.began < since)
    return is_of_none and crash.sources == ("console",)


def _next_cursor(starts: Sequence[Start]) -> Optional[str]:
    """Where the next run begins: in the boot before the last one, because the last one may go on."""
    return next((start.words.cursor for start in reversed(starts[:-1]) if start.words.cursor), None)


def _digits(boot_id: Optional[str]) -> Optional[str]:
    """Return a boot id as journald writes it, without dashes."""
    return boot_id.replace("-", "") if boot_id else None


def _dashed(boot_id: str) -> str:
    """Return a boot id as the kernel writes it."""
    return str(uuid.UUID(boot_id))
