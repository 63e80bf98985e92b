# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sources together say of Kexec HandOver in this boot. Pure: each function answers one question.

Every answer may be None, which means that no source tells.
"""

from __future__ import annotations

from typing import Optional

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


def is_built(sources: Sources) -> Optional[bool]:
    """Whether the running kernel has CONFIG_KEXEC_HANDOVER."""
    if sources.files.incoming or sources.files.outgoing or sources.log.first(*PROOF_OF_BUILT):
        return True
    if sources.log.first(*PROOF_OF_NOT_BUILT):
        return False
    return sources.config.handover if sources.config else None


def is_enabled(sources: Sources) -> Optional[bool]:
    """Whether KHO is active in this boot."""
    if sources.files.outgoing or sources.log.first(*PROOF_OF_ACCEPTED):
        return True
    if is_built(sources) is False or sources.log.first(*PROOF_OF_OFF):
        return False
    wanted = _is_wanted(sources)
    # KHO says nothing when it starts well, so that only a whole log shows that it did not fail.
    if wanted and not sources.log.complete:
        return None
    return wanted


def _is_wanted(sources: Sources) -> Optional[bool]:
    """Whether the command line, or else the build, asks for KHO; ``kho=`` is read by the kernel's kstrtobool()."""
    if is_built(sources) is None or sources.command_line is None:
        return None
    said = is_on(sources.command_line, "kho")
    if said is not None:
        return said
    return sources.config.enabled_by_default if sources.config else None


def was_offered(sources: Sources) -> Optional[bool]:
    """Whether the previous kernel passed handover data."""
    if sources.files.incoming or sources.log.first(*PROOF_OF_OFFERED):
        return True
    if sources.loader.offered is None and is_built(sources) and sources.log.complete:
        return False  # a kernel with KHO says of all data that it gets whether it takes it, even with kho=off
    return sources.loader.offered


def was_accepted(sources: Sources) -> Optional[bool]:
    """Whether this kernel made use of handover data."""
    if sources.files.incoming or sources.log.first(*PROOF_OF_ACCEPTED):
        return True
    if sources.log.first(*PROOF_OF_REFUSED) or is_enabled(sources) is False:
        return False
    if sources.log.first("handover_found") and is_enabled(sources):
        return True
    # debugfs shows a kernel with KHO on, and no data that came in.
    return False if sources.files.outgoing else None


def boot_of(sources: Sources) -> str:
    """The kind of boot: ``cold``, ``kexec``, ``handover``, ``kdump`` or ``unknown``."""
    offered = was_offered(sources)
    evidence = StartEvidence(
        capture=sources.loader.capture,
        kexec=True if offered else sources.loader.kexec,
        offered=offered,
        accepted=was_accepted(sources),
    )
    return boot_kind(evidence)


def received_record(sources: Sources) -> Optional[Record]:
    """The incoming record, from the most trusted source that has it; None when this kernel did not take it."""
    return None if record_was_refused(sources) else sources.files.received or sources.log.record


def record_was_refused(sources: Sources) -> bool:
    """Whether a record came in that this kernel could not use: it says so, or writes another version itself.

    debugfs shows the record all the same, but the kernel counts anew (kernel/liveupdate/kexec_handover.c,
    kho_in_kexec_metadata()).
    """
    if sources.log.first("metadata_unsupported", "metadata_damaged"):
        return True
    files = sources.files
    return files.received is not None and files.next is None and files.has_note("metadata_unsupported")


def source_of(sources: Sources) -> str:
    """Which source the record, or the knowledge that there is none, comes from."""
    files = sources.files
    if files.received or (sources.log.record is None and (files.incoming or files.outgoing)):
        return "debugfs"
    return sources.reading.source if sources.log.first(*PROOF_OF_OFFERED) else "none"


def kexec_count_of(sources: Sources) -> Optional[int]:
    """The length of the chain, by the kernel's own counter: a boot without a handover begins at 0."""
    boot = boot_of(sources)
    if boot == "kdump":
        return None
    record = received_record(sources)
    if record:
        return record.kexec_count
    return 0 if boot in ("cold", "kexec") or is_first_of_chain(sources) else None


def is_first_of_chain(sources: Sources) -> bool:
    """Whether nothing came in and the outgoing record says that the next handover is the first."""
    outgoing = sources.files.next
    return outgoing is not None and outgoing.kexec_count == 1 and not was_accepted(sources)


def refusal_of(sources: Sources) -> Optional[str]:
    """Why data that was offered was not taken, as the code of a note; None when it was taken or never offered."""
    if not was_offered(sources) or was_accepted(sources) is not False:
        return None
    event = sources.log.first("kho_abi_mismatch", "handover_damaged", "handover_dropped")
    if event:
        return "kho_abi_mismatch" if event.code == "kho_abi_mismatch" else "handover_damaged"
    if is_built(sources) is False:
        return "running_without_kho"
    return "running_kho_off" if is_enabled(sources) is False else "handover_refused_unexplained"


def abi_of(sources: Sources) -> Optional[str]:
    """The KHO ABI of this kernel; a kernel that refused another's names its own in the log."""
    event = sources.log.first("kho_abi_mismatch")
    return sources.files.abi or (event.values[0] if event else None)
