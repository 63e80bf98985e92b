# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts into the ledger what central logs tell. No host is asked.

A file does not say of which boot it is, except where the host has written that into its kernel's log. So a crash is
joined to a boot that the ledger knows as it is joined to one that the host's journal knows, and stays without one where
several fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._history.boots import KEXEC_TARGET, NO_WORDS, Start
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_join import (
    Crash,
    boots_named,
    join_crashes,
)
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import Goodbye, Span
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.plugin_utils._central.files import Unreadable
from ansible_collections.kho.kexec.plugins.plugin_utils._central.names import HostNames
from ansible_collections.kho.kexec.plugins.plugin_utils._central.sources import Dump, Reader, Told
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.plausible import Known

TIME_ZONES = 15 * 3600
"""Seconds that a date without its zone may be beside the same date in UTC, and an hour until a dump is saved."""
SHOWN = 100
OPEN = Goodbye()
"""How a boot was left that has not been, as far as is known."""
_GOODBYES = {"clean": "reboot.target", "kexec": KEXEC_TARGET}


def collect(
    ledger: Ledger, logs: Iterable[Mapping[str, Any]], names: HostNames, time_limit: float, now: int
) -> dict[str, Any]:
    """Read ``logs`` (``kind``, ``path``) and import what they tell; ``now`` is in seconds since 1970.

    Returns how many ``boots`` and ``crashes`` were news, of which ``hosts``, what is ``unmatched``, and ``notes``.
    Raises LedgerError, ``central_logs_missing`` among others.
    """
    reader = Reader(names, ledger.host_of_boot, time_limit)
    for log in logs:
        try:
            reader.read(log["kind"], Path(log["path"]))
        except Unreadable as error:
            raise LedgerError(
                "central_logs_missing",
                f"The central logs ({log['kind']}) at {log['path']} cannot be read on the controller ({error}), so "
                "crashes that only they tell of would be missing in the report. Nothing was imported of them. Correct "
                "the path, or let the controller's user read it.",
            ) from error
    told = reader.told
    boots = crashes = 0
    notes = _notes(told)
    for host in told.hosts:
        try:
            news = _imported(ledger, host, told, now)
        except LedgerError as error:
            if error.code != "history_invalid":
                raise
            notes.append(Note(error.code, f"{host}: {error.message}"))
            continue
        boots, crashes = boots + news["boots"], crashes + news["crashes"]
        notes += [Note(note["code"], f"{host}: {note['message']}") for note in news["notes"]]
    return {
        "boots": boots,
        "crashes": crashes,
        "hosts": told.hosts,
        "unmatched": [*told.unmatched][:SHOWN],
        "notes": [note.as_dict() for note in notes],
    }


def _imported(ledger: Ledger, host: str, told: Told, now: int) -> dict[str, Any]:
    """Import boots first, because crashes are joined to what is known then."""
    history = {"host_boots": told.boots[host], "crashes": told.crashes[host], "cursor": None}
    news = ledger.import_history(host, history, now)
    starts = [start_of(known, ending) for known, ending in ledger.boots_of(host) if known.began is not None]
    found = [crash for dump in told.dumps[host] for crash in _joined(starts, dump, now)]
    crashes = _once([crash.as_dict() for crash in found], ledger.crashes_of(host))
    more = ledger.import_history(host, {"host_boots": boots_named(found), "crashes": crashes, "cursor": None}, now)
    return {
        "boots": news["boots"] + more["boots"],
        "crashes": news["crashes"] + more["crashes"],
        "notes": [*news["notes"], *more["notes"]],
    }


def _once(found: Sequence[dict[str, Any]], known: Iterable[tuple[str, str | None]]) -> list[dict[str, Any]]:
    """Leave out those without a boot of which a crash with the same signature is known, or found with one.

    They are not compared with anything, and the same log can be read again when other boots are known.
    """
    signatures = {signature for signature, _boot in known}
    signatures |= {crash["signature"] for crash in found if crash["boot_id"] is not None}
    return [crash for crash in found if crash["boot_id"] is not None or crash["signature"] not in signatures]


def _joined(starts: Sequence[Start], dump: Dump, now: int) -> list[Crash]:
    """The crashes of a dump, each with the boot that it names, or else with the one that fits if no other does."""
    fitting = [_until(start, dump) for start in starts if _is_named(start, dump) or _may_be(start, dump, now)]
    return join_crashes(fitting, None, [dump.witness])


def _is_named(start: Start, dump: Dump) -> bool:
    naming = dump.witness.text.naming
    return naming is not None and start.span.boot_id.replace("-", "") == naming.boot_id


def _may_be(start: Start, dump: Dump, now: int) -> bool:
    """Whether date, record and times agree, where they are known."""
    text = dump.witness.text
    record = text.log.record
    if record is not None and (start.previous_release, start.kexec_count) != (
        record.previous_release,
        record.kexec_count,
    ):
        return False
    if start.goodbye is not OPEN:
        return dump.dated is None or abs(start.span.end - dump.dated) <= TIME_ZONES
    # It ran when its host was last asked, and other boots may have followed: only a whole log tells which one it is of.
    crashed = start.span.begin + (text.last_uptime or 0.0)
    return text.log.complete and start.span.end <= crashed <= now


def _until(start: Start, dump: Dump) -> Start:
    """A boot that was running when its host was asked has gone on, until the crash."""
    if start.goodbye is not OPEN:
        return start
    return start._replace(span=start.span._replace(end=start.span.begin + (dump.witness.text.last_uptime or 0.0)))


def start_of(known: Known, ending: str) -> Start:
    """What the ledger knows of a boot, as the history of its host would tell it."""
    began = float(known.began or 0)
    ended = known.seen if known.ended is None else known.ended
    return Start(
        span=Span(known.boot_id, began, float(ended)),
        release=known.release,
        boot="unknown",
        previous_release=known.previous_release,
        kexec_count=known.kexec_count,
        evidence=(),
        words=NO_WORDS,
        goodbye=OPEN if ending == "running" else Goodbye(_GOODBYES.get(ending)),
    )


def _notes(told: Told) -> list[Note]:
    notes = []
    if told.unread:
        named = "; ".join(f"{path}: {why}" for path, why in [*told.unread.items()][:SHOWN])
        notes.append(
            Note(
                "central_log_unread",
                f"Some of the central logs could not be read, whole or in part, so crashes may be missing: {named}. "
                "Look at these files, and run this again.",
            )
        )
    if told.unmatched:
        named = "; ".join([*told.unmatched][:SHOWN])
        notes.append(
            Note(
                "central_log_unmatched",
                "Some of the central logs tell of crashes or boots of hosts that are none of the inventory, or could "
                f"be several, so they were left out: {named}. Name files after hosts of the inventory or their "
                "ansible_host, or add these hosts.",
            )
        )
    return notes
