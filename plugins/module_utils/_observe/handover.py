# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sources together say of Kexec HandOver in this boot. Pure."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import is_on
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._observe.boot_kind import StartEvidence, boot_kind
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import Sources

# Events of the log by what they prove.
METADATA_EVENTS = ("exec_from", "metadata_unsupported", "metadata_damaged")
PROOF_OF_ACCEPTED = (*METADATA_EVENTS, "luo_retrieved", "subtree_damaged")
PROOF_OF_REFUSED = ("kho_abi_mismatch", "handover_damaged", "handover_dropped", "handover_ignored")
PROOF_OF_OFFERED = ("handover_found", *PROOF_OF_ACCEPTED, *PROOF_OF_REFUSED)
PROOF_OF_OFF = ("kho_failed", "kho_off", "kho_off_in_kdump")
PROOF_OF_NOT_BUILT = ("handover_ignored", "running_without_kho")
PROOF_OF_BUILT = (*PROOF_OF_ACCEPTED, *PROOF_OF_OFF, "handover_found", "kho_abi_mismatch", "handover_damaged")


class Handover(NamedTuple):
    """The handover into this boot. None means that no source tells.

    ``built``: the kernel has CONFIG_KEXEC_HANDOVER. ``enabled``: KHO is active. ``offered``: the previous kernel passed
    handover data. ``accepted``: this kernel made use of them. ``boot`` is cold, kexec, handover, kdump or unknown.
    ``record`` came in and was taken; ``source`` says where it, or the knowledge that there is none, comes from.
    ``kexec_count`` is the length of the chain. ``refusal`` says why what was offered was not taken, as the code of a
    note. ``abi`` is the KHO ABI of this kernel.
    """

    built: Optional[bool]
    enabled: Optional[bool]
    offered: Optional[bool]
    accepted: Optional[bool]
    boot: str
    record: Optional[Record]
    source: str
    kexec_count: Optional[int]
    refusal: Optional[str]
    abi: Optional[str]


def handover_of(sources: Sources) -> Handover:
    """Put together what the sources say."""
    built = _built(sources)
    enabled = _enabled(sources, built)
    offered = _offered(sources, built)
    accepted = _accepted(sources, enabled)
    boot = boot_kind(
        StartEvidence(
            capture=sources.loader.capture,
            kexec=True if offered else sources.loader.kexec,
            offered=offered,
            accepted=accepted,
        )
    )
    record = None if _record_was_refused(sources) else sources.files.received or sources.log.record
    return Handover(
        built=built,
        enabled=enabled,
        offered=offered,
        accepted=accepted,
        boot=boot,
        record=record,
        source=_source(sources),
        kexec_count=_kexec_count(sources, boot, record, accepted),
        refusal=_refusal(sources, built, enabled) if offered and accepted is False else None,
        abi=_abi(sources),
    )


def _built(sources: Sources) -> Optional[bool]:
    """Whether the running kernel has CONFIG_KEXEC_HANDOVER."""
    if sources.files.incoming or sources.files.outgoing or sources.log.first(*PROOF_OF_BUILT):
        return True
    if sources.log.first(*PROOF_OF_NOT_BUILT):
        return False
    return sources.config.handover if sources.config else None


def _enabled(sources: Sources, built: Optional[bool]) -> Optional[bool]:
    """Whether KHO is active in this boot."""
    if sources.files.outgoing or sources.log.first(*PROOF_OF_ACCEPTED):
        return True
    if built is False or sources.log.first(*PROOF_OF_OFF):
        return False
    wanted = _wanted(sources, built)
    # KHO says nothing when it starts well, so only a whole log shows that it did not fail.
    if wanted and not sources.log.complete:
        return None
    return wanted


def _wanted(sources: Sources, built: Optional[bool]) -> Optional[bool]:
    """Whether the command line, or else the build, asks for KHO; ``kho=`` is read by the kernel's kstrtobool()."""
    if built is None or sources.command_line is None:
        return None
    said = is_on(sources.command_line, "kho")
    if said is not None:
        return said
    return sources.config.enabled_by_default if sources.config else None


def _offered(sources: Sources, built: Optional[bool]) -> Optional[bool]:
    """Whether the previous kernel passed handover data."""
    if sources.files.incoming or sources.log.first(*PROOF_OF_OFFERED):
        return True
    if sources.loader.offered is None and built and sources.log.complete:
        return False  # a kernel with KHO says of all data that it gets whether it takes it, even with kho=off
    return sources.loader.offered


def _accepted(sources: Sources, enabled: Optional[bool]) -> Optional[bool]:
    """Whether this kernel made use of handover data."""
    if sources.files.incoming or sources.log.first(*PROOF_OF_ACCEPTED):
        return True
    if sources.log.first(*PROOF_OF_REFUSED) or enabled is False:
        return False
    if sources.log.first("handover_found") and enabled:
        return True
    # debugfs shows a kernel with KHO on, and no data that came in.
    return False if sources.files.outgoing else None


def _record_was_refused(sources: Sources) -> bool:
    """Whether a record came in that this kernel could not use: it says so, or writes another version itself.

    debugfs shows the record all the same, but the kernel counts anew (kernel/liveupdate/kexec_handover.c,
    kho_in_kexec_metadata()).
    """
    if sources.log.first("metadata_unsupported", "metadata_damaged"):
        return True
    files = sources.files
    return files.received is not None and files.next is None and files.has_note("metadata_unsupported")


def _source(sources: Sources) -> str:
    """Which source the record, or the knowledge that there is none, comes from."""
    files = sources.files
    if files.received or (sources.log.record is None and (files.incoming or files.outgoing)):
        return "debugfs"
    return sources.reading.source if sources.log.first(*PROOF_OF_OFFERED) else "none"


def _kexec_count(sources: Sources, boot: str, record: Optional[Record], accepted: Optional[bool]) -> Optional[int]:
    """The length of the chain, by the kernel's own counter: a boot without a handover begins at 0."""
    if boot == "kdump":
        return None
    if record:
        return record.kexec_count
    # Nothing came in, and the next handover is going to be the first.
    outgoing = sources.files.next
    is_first_of_chain = outgoing is not None and outgoing.kexec_count == 1 and not accepted
    return 0 if boot in ("cold", "kexec") or is_first_of_chain else None


def _refusal(sources: Sources, built: Optional[bool], enabled: Optional[bool]) -> str:
    """Why data that was offered was not taken."""
    event = sources.log.first("kho_abi_mismatch", "handover_damaged", "handover_dropped")
    if event:
        return "kho_abi_mismatch" if event.code == "kho_abi_mismatch" else "handover_damaged"
    if built is False:
        return "running_without_kho"
    return "running_kho_off" if enabled is False else "handover_refused_unexplained"


def _abi(sources: Sources) -> Optional[str]:
    """The KHO ABI of this kernel; a kernel that refused another's names its own in the log."""
    event = sources.log.first("kho_abi_mismatch")
    return sources.files.abi or (event.values[0] if event else None)
