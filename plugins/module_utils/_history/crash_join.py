# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot a crash belongs to, and which reports are of one crash. Pure.

Nothing is guessed. A file does not say in which boot it came to be, so a crash is joined to a boot only when its
release, what the kernel was executed from, and all times agree, and when they do so for no other boot. A file in which
the host itself has named the boot (``_kernel.naming``) is of that boot, also when no journal knows it, unless what is
known contradicts it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.boots import Start
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import Witness
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReport
from ansible_collections.kho.kexec.plugins.module_utils._kernel.naming import Naming

# The kernel's clock starts before the journal's first entry, and journald writes to disk only every five minutes.
EARLIER = 60.0  # seconds that a crash may be before its boot's last entry
LATER = 900.0  # and after it
SAME = 0.001  # seconds; one line of a kernel has the same time in all logs


class Crash(NamedTuple):
    """One crash, with all its witnesses: ``journal``, ``kdump``, ``pstore``, ``console``, the most telling first."""

    boot_id: Optional[str]
    release: Optional[str]
    previous_release: Optional[str]
    kexec_count: Optional[int]
    report: CrashReport
    sources: Tuple[str, ...]
    # What only the record itself tells of a boot that is not among those that are known.
    naming: Optional[Naming] = None

    def as_dict(self) -> Dict[str, Any]:
        """Return the crash in the shape that the module returns."""
        report = self.report
        return {
            "boot_id": self.boot_id,
            "release": self.release,
            "previous_release": self.previous_release,
            "kexec_count": self.kexec_count,
            "at": iso(report.at),
            "uptime": report.uptime,
            "kind": report.kind,
            "fatal": report.fatal,
            "frames": list(report.frames),
            "bug": report.bug,
            "signature": report.signature,
            "source": self.sources[0],
            "sources": list(self.sources),
            "message": report.message,
        }


def iso(seconds: Optional[float]) -> Optional[str]:
    """Return seconds since 1970 as ISO 8601 in UTC; None when unknown, or beyond the year 9999."""
    if seconds is None or not 0 <= seconds < 253_402_300_800:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def join_crashes(starts: Sequence[Start], running: Optional[str], witnesses: Sequence[Witness]) -> List[Crash]:
    """Return all crashes: those in the journals of the boots, oldest first, then what only files tell of.

    ``running`` is the id of the running boot, which did not end in a crash.
    """
    crashes = [
        Crash(start.span.boot_id, start.release, start.previous_release, start.kexec_count, report, ("journal",))
        for start in starts
        for report in start.words.reports
    ]
    for witness in witnesses:
        for report in witness.text.reports:
            _add(crashes, _joined(starts, running, witness, report))
    return crashes


def _joined(starts: Sequence[Start], running: Optional[str], witness: Witness, report: CrashReport) -> Crash:
    naming = _believed(starts, running, witness, report)
    if naming is not None:
        return _of_named(starts, naming, witness, report)
    record = witness.text.log.record
    fitting = [
        start
        for number, start in enumerate(starts)
        if _same_kernel(start, witness)
        and not (report.fatal and start.span.boot_id == running)
        and _fits_in_time(start, starts[number + 1 : number + 3], witness, report)
    ]
    if len(fitting) != 1 or report.uptime is None:
        previous, count = (record.previous_release, record.kexec_count) if record else (None, None)
        return Crash(None, witness.text.release, previous, count, report, (witness.source,))
    (start,) = fitting
    timed = report._replace(at=_at(start.span.begin, report))
    return Crash(start.span.boot_id, start.release, start.previous_release, start.kexec_count, timed, (witness.source,))


def _at(began: float, report: CrashReport) -> Optional[float]:
    return began + report.uptime if report.at is None and report.uptime is not None else report.at


def _start_named(starts: Sequence[Start], naming: Naming) -> Optional[Start]:
    return next((start for start in starts if start.span.boot_id.replace("-", "") == naming.boot_id), None)


def _believed(
    starts: Sequence[Start], running: Optional[str], witness: Witness, report: CrashReport
) -> Optional[Naming]:
    """What the record says of its boot, unless what is known of that boot is otherwise."""
    naming = witness.text.naming
    if naming is None or (report.fatal and naming.boot_id == running):
        return None
    start = _start_named(starts, naming)
    if start is None:
        return naming
    known = (start.release, start.previous_release, start.kexec_count)
    told = (naming.release, *_transition(naming))
    compared = 3 if naming.knows_transition else 1
    agrees = all(one in (None, other) for one, other in zip(known[:compared], told))
    return naming if agrees else None


def _transition(naming: Naming) -> Tuple[Optional[str], Optional[int]]:
    """The previous release and the count; a chain begins at 0 with a cold boot."""
    if naming.record is not None:
        return naming.record.previous_release, naming.record.kexec_count
    return None, 0 if naming.boot in ("cold", "kexec") else None


def _of_named(starts: Sequence[Start], naming: Naming, witness: Witness, report: CrashReport) -> Crash:
    start = _start_named(starts, naming)
    previous, count = _transition(naming)
    if start is not None and not naming.knows_transition:
        previous, count = start.previous_release, start.kexec_count
    boot_id = naming.boot_id if start is None else start.span.boot_id
    timed = report._replace(at=_at(naming.began if start is None else start.span.begin, report))
    only = naming if start is None else None
    return Crash(boot_id, naming.release, previous, count, timed, (witness.source,), only)


def boots_named(crashes: Sequence[Crash]) -> List[Dict[str, Any]]:
    """The boots that only records of crashes tell of, in the shape that the module returns, oldest first."""
    boots: Dict[str, Dict[str, Any]] = {}
    for crash in sorted(crashes, key=lambda crash: crash.report.fatal):
        if crash.naming is not None:
            boots[crash.naming.boot_id] = _boot_named(crash.naming, crash.report)
    return sorted(boots.values(), key=lambda boot: str(boot["begin"]))


def _boot_named(naming: Naming, report: CrashReport) -> Dict[str, Any]:
    previous, count = _transition(naming)
    return {
        "boot_id": naming.boot_id,
        "release": naming.release,
        "previous_release": previous,
        "kexec_count": count,
        "boot": naming.boot,
        "begin": iso(naming.began),
        "end": iso(report.at) if report.fatal else None,
        "ending": "crash" if report.fatal else "unknown",
        "evidence": [
            f"start: only the record of the crash tells of this boot; the host wrote there: {naming.value}",
            f"end: {report.message}",
        ],
        "troubles": None,
    }


def _same_kernel(start: Start, witness: Witness) -> bool:
    """Whether release and incoming record agree; the record counts when both logs hold the beginning of their boot."""
    if start.release is None or witness.text.release != start.release:
        return False
    both = witness.text.log.complete and start.words.log.complete
    return not both or witness.text.log.record == start.words.log.record


def _fits_in_time(start: Start, after: Sequence[Start], witness: Witness, report: CrashReport) -> bool:
    """Whether the crash can have happened in this boot, and its file have been written after it.

    kdump writes between two boots; systemd-pstore archives in the next one. A boot that saves a dump does not count.
    """
    if report.uptime is None:
        return False
    beyond = report.uptime - (start.span.end - start.span.begin)
    # Who said goodbye did not die before.
    earlier = 0.0 if start.goodbye.target else EARLIER
    if beyond > LATER or (report.fatal and beyond < -earlier):
        return False
    if witness.written is None:
        return True
    following = next((boot for boot in after if boot.boot != "kdump"), None)
    earliest = start.span.end - EARLIER if report.fatal else start.span.begin
    return earliest <= witness.written and (following is None or witness.written <= following.span.end)


def _add(crashes: List[Crash], new: Crash) -> None:
    """Add a crash, or what it adds to one that is already known."""
    for number, known in enumerate(crashes):
        if _is_same(known, new):
            crashes[number] = _merged(known, new)
            return
    crashes.append(new)


def _is_same(known: Crash, new: Crash) -> bool:
    times = (known.report.uptime, new.report.uptime)
    at_once = times[0] is not None and times[1] is not None and abs(times[0] - times[1]) <= SAME
    if known.boot_id is None or new.boot_id is None:
        return at_once and known.release == new.release and known.report.signature == new.report.signature
    # A journal that ends in the middle of a report has fewer frames of it, and so another signature.
    return known.boot_id == new.boot_id and (at_once or known.report.signature == new.report.signature)


def _merged(known: Crash, new: Crash) -> Crash:
    whole, other = (new, known) if len(new.report.frames) > len(known.report.frames) else (known, new)
    report = whole.report._replace(
        fatal=known.report.fatal or new.report.fatal,
        at=known.report.at if known.report.at is not None else new.report.at,
    )
    place = known if known.boot_id is not None else new
    return place._replace(report=report, sources=tuple(dict.fromkeys((*whole.sources, *other.sources))))
