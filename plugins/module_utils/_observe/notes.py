# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The notes that go with the facts: what an operator should know, and what stood in the way of what is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, List, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.memory import MEMORY
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import Event
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import COUNT_LIMIT, Record
from ansible_collections.kho.kexec.plugins.module_utils._observe.handover import Handover
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID, OSRELEASE, Sources

LINE_LIMIT = 200
METADATA_SINCE = "Linux has it since 7.1"

_REFUSALS = (
    Note(
        "kho_abi_mismatch",
        "The two kernels use different versions of the KHO ABI, which is expected between some releases (7.1 to 7.2); "
        "the chain begins anew with the next handover.",
    ),
    Note(
        "handover_damaged",
        "The data that the previous kernel left was damaged; cold-boot this host once, and keep its log.",
    ),
    Note("handover_refused_unexplained", "No source says why."),
)


def notes_of(sources: Sources, handover: Handover) -> Tuple[Note, ...]:
    """Return all notes, most important first, at most one of each code."""
    if handover.boot == "kdump":
        candidates = [_kdump(), *_identity(sources), *_contiguous(sources)]
    else:
        candidates = [
            *_container(sources),
            *_refusal(sources, handover),
            *_metadata(sources, handover),
            *_disagreements(sources, handover),
            *_kho_state(sources, handover),
            *_boot_kind(sources, handover),
            *_obstacles(sources, handover),
            *_damage(sources),
            *_identity(sources),
            *_contiguous(sources),
        ]
    notes: List[Note] = []
    for note in candidates:
        if all(known.code != note.code for known in notes):
            notes.append(note)
    return tuple(notes)


def _kdump() -> Note:
    return Note(
        "kdump_kernel",
        "This kernel was started by a crash to save a dump of the one before it; it has no part in a chain.",
    )


def _container(sources: Sources) -> Iterator[Note]:
    if sources.container:
        manager = sources.container
        yield Note(
            "container",
            f"This is a container ({manager}): the facts are those of the kernel that it shares with its host.",
        )


def _refusal(sources: Sources, handover: Handover) -> Iterator[Note]:
    """Say that handover data was refused, then, as a note of its own code, why."""
    reason = handover.refusal
    if reason is None:
        return
    yield Note(
        "handover_refused",
        "The previous kernel offered a handover and this kernel did not take it, so what it handed over, and "
        "the history of the chain, are lost.",
    )
    for note in _REFUSALS:
        if note.code == reason:
            event = sources.log.first("kho_abi_mismatch", "handover_damaged", "handover_dropped")
            yield replace(note, message=note.message + _said(event))


def _metadata(sources: Sources, handover: Handover) -> Iterator[Note]:
    """Explain a handover that tells nothing of its chain."""
    if not handover.accepted or handover.record:
        return
    event = sources.log.first("metadata_unsupported", "metadata_damaged")
    if event:
        message = "The previous kernel's record could not be used, and the chain begins anew with the next handover."
        yield Note(event.code, message + _said(event))
    elif _metadata_is_absent(sources):
        message = f"The handover brought no kexec metadata: the previous kernel does not write any ({METADATA_SINCE})."
        yield Note("metadata_missing", message)


def _metadata_is_absent(sources: Sources) -> bool:
    """Whether it is known that no metadata came in, as opposed to metadata that could not be read."""
    if sources.files.incoming:
        return not sources.files.notes
    return sources.log.complete


def _disagreements(sources: Sources, handover: Handover) -> Iterator[Note]:
    received, logged = sources.files.received, sources.log.record
    in_debugfs = sources.files.incoming or sources.files.outgoing
    if logged and in_debugfs and received != logged:
        message = f"The kernel's log names {_shown(logged)}, and debugfs shows {_shown(received)}."
        yield Note("sources_disagree", message)
    if handover.accepted and sources.loader.kexec is False:
        message = "A handover was accepted, and yet the loader's type says that this was no kexec."
        yield Note("loader_disagrees", message)
    yield from _outgoing_disagrees(sources, handover)
    yield from _systemd_disagrees(sources, handover)


def _outgoing_disagrees(sources: Sources, handover: Handover) -> Iterator[Note]:
    """The outgoing record must name this kernel, and one handover more than the incoming one."""
    outgoing, count = sources.files.next, handover.kexec_count
    if outgoing is None or count is None or sources.release is None:
        return
    expected = Record(sources.release, (count + 1) & COUNT_LIMIT)
    if outgoing != expected:
        message = f"The next kernel will be told {_shown(outgoing)} instead of {_shown(expected)}."
        yield Note("outgoing_record_unexpected", message)


def _systemd_disagrees(sources: Sources, handover: Handover) -> Iterator[Note]:
    count = handover.kexec_count
    if sources.systemd_count is not None and count is not None and count != sources.systemd_count:
        yield Note(
            "systemd_disagrees",
            f"systemd counts {sources.systemd_count} kexecs and the kernel {count}. systemd's count goes with live "
            "update, which goes on where the kernel's metadata begins anew.",
        )


def _kho_state(sources: Sources, handover: Handover) -> Iterator[Note]:
    """Say why this kernel takes and gives no records, or why that is not known."""
    built, enabled = handover.built, handover.enabled
    if built is False:
        yield Note(
            "running_without_kho",
            "This kernel is built without Kexec HandOver (CONFIG_KEXEC_HANDOVER), so it neither takes nor gives "
            "a record.",
        )
    elif enabled is False:
        yield _kho_off(sources.log.first("kho_failed"))
    elif sources.files.outgoing:
        if sources.files.next is None and not sources.files.notes:
            yield Note("metadata_not_offered", f"This kernel will hand over no kexec metadata ({METADATA_SINCE}).")
    elif built is None:
        yield Note(
            "build_config_unknown",
            "Nothing tells whether this kernel has Kexec HandOver: neither debugfs, nor its log, nor a configuration "
            "in /proc/config.gz, /boot or /usr/lib/modules.",
        )
    elif sources.files.obstacle is None:
        message = (
            "debugfs shows nothing of Kexec HandOver: it is off, or the kernel lacks CONFIG_KEXEC_HANDOVER_DEBUGFS."
        )
        yield Note("kho_not_in_debugfs", message)


def _kho_off(failure: Optional[Event]) -> Note:
    if failure:
        message = "Kexec HandOver failed to start, so this kernel neither takes nor gives a record."
        return Note("kho_failed", message + _said(failure))
    return Note(
        "running_kho_off",
        "Kexec HandOver is built into this kernel and off, so it neither takes nor gives a record; "
        "put kho=on on the kernel's command line and start it again.",
    )


def _boot_kind(sources: Sources, handover: Handover) -> Iterator[Note]:
    if handover.boot != "unknown":
        return
    if handover.offered:
        yield Note(
            "handover_unproven", "The previous kernel offered a handover; nothing tells whether it was accepted."
        )
    elif sources.loader.kexec is None:
        yield Note(
            "loader_unknown",
            "The loader left no trace that tells a cold boot from a kexec without handover; on arm64 only "
            "kexec_file_load leaves one.",
        )
    else:
        yield Note("offer_unknown", "This was a kexec; nothing tells whether it came with a handover.")


def _obstacles(sources: Sources, handover: Handover) -> Iterator[Note]:
    """Name what kept a source from answering, if an answer is missing."""
    if handover.built is not False and sources.files.obstacle:
        yield sources.files.obstacle
    yield from sources.files.notes
    if sources.reading.obstacle and _log_is_missed(handover):
        yield sources.reading.obstacle


def _log_is_missed(handover: Handover) -> bool:
    """Whether a whole log could have told what is unknown."""
    return (
        handover.kexec_count is None or handover.enabled is None or handover.refusal == "handover_refused_unexplained"
    )


def _damage(sources: Sources) -> Iterator[Note]:
    lost = sources.log.first("crashkernel_lost")
    if lost:
        message = "The kernel could not reserve memory for a crash kernel, so crashes of this boot leave no dump."
        yield Note("crashkernel_lost", message + _said(lost))
    failed = sources.log.first("live_update_failed")
    if failed:
        yield Note("live_update_failed", "A part of live update failed in this boot." + _said(failed))


def _identity(sources: Sources) -> Iterator[Note]:
    if sources.release is None:
        yield Note("release_unknown", f"The kernel's release could not be read from {OSRELEASE}.")
    if sources.boot_id is None:
        yield Note("boot_id_unknown", f"The boot's id could not be read from {BOOT_ID}.")
    if sources.kexec.image_loaded is None or sources.kexec.crash_image_loaded is None:
        message = "The kernel does not say in /sys/kernel whether an image is loaded; it may be built without kexec."
        yield Note("kexec_state_unknown", message)


def _contiguous(sources: Sources) -> Iterator[Note]:
    """Say why it is not known how much memory is kept for large allocations."""
    if sources.contiguous is None:
        yield Note("cma_unknown", f"{MEMORY} could not be read, so nothing tells what scratch memory takes.")
    elif None in sources.contiguous:
        yield Note(
            "cma_unknown",
            f"{MEMORY} names no CmaTotal or no CmaFree. A kernel without memory for large allocations (CONFIG_CMA) "
            "names neither; one with Kexec HandOver has it.",
        )


def _shown(record: Optional[Record]) -> str:
    return f"{record.previous_release} (count {record.kexec_count})" if record else "no record"


def _said(event: Optional[Event]) -> str:
    """Quote the log as proof."""
    return f" The kernel said: {event.line[:LINE_LIMIT]}" if event else ""
