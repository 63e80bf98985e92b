# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be known of a boot that is over: how it was started, and how it ended. Pure; every answer has its evidence.

Unknown stays unknown. A boot that ends in the middle of a sentence may have lost its power, may have been reset by a
person or a watchdog, or may have crashed with nobody to see it; all of these look the same to the journal.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReport
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import Goodbye, KernelWords, Span
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import NO_LOG
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import release_key
from ansible_collections.kho.kexec.plugins.module_utils._observe.boot_kind import StartEvidence, boot_kind
from ansible_collections.kho.kexec.plugins.module_utils._observe.handover import (
    PROOF_OF_ACCEPTED,
    PROOF_OF_OFF,
    PROOF_OF_OFFERED,
    PROOF_OF_REFUSED,
)

KEXEC_TARGET = "kexec.target"
# A journal without a goodbye that ends so many seconds after such a report ended because of it.
DEADLY_WITHIN = 60.0
DEADLY = ("panic", "oops", "bug", "memory", "lockup", "machine_check")
# From here on, kernels clear the reason of a reset when they have read it, so a kexec does not show an old one.
RESET_REASON_SINCE = "6.16"
# By the texts of s5_reset_reason_txt (arch/x86/kernel/cpu/amd.c); others, such as a reset pin, leave it open.
RESET_BY_CRASH = (
    "internal CPU shutdown event occurred",
    "hardware watchdog timer expired",
    "an uncorrected error caused a data fabric sync flood event",
    "a parity error occurred",
    "a software sync flood event occurred",
)
RESET_BY_POWER = (
    "thermal pin BP_THERMTRIP_L was tripped",
    "internal CPU thermal limit was tripped",
    "power button was pressed for 4 seconds",
    "shutdown pin was tripped",
    "remote ASF power off command was received",
)
NO_WORDS = KernelWords(NO_LOG, (), None, False, (), "")


class Start(NamedTuple):
    """How a boot began: its release, its kind, the incoming record's values, and what shows that."""

    span: Span
    release: Optional[str]
    boot: str
    previous_release: Optional[str]
    kexec_count: Optional[int]
    evidence: Tuple[str, ...]
    words: KernelWords
    goodbye: Goodbye


class Ending(NamedTuple):
    """How a boot ended: ``clean``, ``kexec``, ``crash``, ``power_loss``, ``unknown``, ``running``; and the evidence."""

    ending: str
    evidence: Tuple[str, ...]


def start_of(span: Span, words: KernelWords, goodbye: Goodbye, before: Optional[Start]) -> Start:
    """Tell how a boot began, from what its kernel said, and from how the boot before it was left."""
    log = words.log
    cold = _firmware_ran(words, before)
    offered = log.first(*PROOF_OF_OFFERED)
    evidence = StartEvidence(
        capture=words.capture,
        kexec=True if offered else False if cold else None,
        offered=True if offered else None,
        accepted=_accepted(words),
    )
    boot = boot_kind(evidence)
    record = None if boot == "kdump" or log.first("metadata_unsupported", "metadata_damaged") else log.record
    return Start(
        span=span,
        release=words.release,
        boot=boot,
        previous_release=record.previous_release if record else None,
        kexec_count=_count(boot, record, words),
        evidence=_start_evidence(boot, words, cold, before),
        words=words,
        goodbye=goodbye,
    )


def _accepted(words: KernelWords) -> Optional[bool]:
    if words.log.first(*PROOF_OF_ACCEPTED):
        return True
    return False if words.log.first(*PROOF_OF_REFUSED, *PROOF_OF_OFF) else None


def _firmware_ran(words: KernelWords, before: Optional[Start]) -> str:
    """Return what shows that the firmware started this kernel; empty when nothing does."""
    if before is None:
        return ""
    if words.reset_reasons and _clears_reset_reason(before.release):
        return f"the hardware was reset: {words.reset_reasons[0]}"
    if before.goodbye.target and before.goodbye.target != KEXEC_TARGET:
        return f"the boot before was left by {before.goodbye.target}"
    return ""


def _clears_reset_reason(release: Optional[str]) -> bool:
    return release is not None and release_key(release) >= release_key(RESET_REASON_SINCE)


def _count(boot: str, record: Optional[Record], words: KernelWords) -> Optional[int]:
    """The kernel's counter begins at 0 whenever no record comes in, for which the whole beginning must be known."""
    if boot == "kdump":
        return None
    if record:
        return record.kexec_count
    nothing_came = words.log.complete and not words.log.first(*PROOF_OF_OFFERED)
    return 0 if boot in ("cold", "kexec") or nothing_came else None


def _start_evidence(boot: str, words: KernelWords, cold: str, before: Optional[Start]) -> Tuple[str, ...]:
    if boot == "kdump":
        return ("start: this kernel was started by a crash, to save a dump",)
    said = words.log.first("exec_from", *PROOF_OF_OFFERED)
    if said:
        return (f"start: the kernel said: {said.line}",)
    found: List[str] = []
    if not words.log.complete:
        found.append("start: the journal does not hold the beginning of the kernel's log")
    if boot == "cold":
        found.append(f"start: {cold}")
    elif before and before.goodbye.target == KEXEC_TARGET:
        found.append(
            "start: the boot before was left by kexec.target, which a kexec or, if that fails, firmware follows"
        )
    elif words.log.complete:
        found.append("start: nothing was handed over, and nothing tells a kexec from a cold boot")
    return tuple(found)


def ending_of(start: Start, after: Optional[Start], crashes: Sequence[CrashReport], running: bool) -> Ending:
    """Tell how a boot ended, from its own last words, its crashes, and the boot ``after`` it, if there is one."""
    if running:
        return Ending("running", ())
    fatal = [report.message for report in crashes if report.fatal]
    if fatal:
        return Ending("crash", (f"end: {fatal[-1]}",))
    if after and after.boot == "kdump":
        return Ending("crash", ("end: the next boot is that of a kernel that saves a dump, which only a crash starts",))
    return (
        _by_goodbye(start) or _by_next_boot(start, after) or _by_last_report(start, crashes) or _without(start, after)
    )


def after_endings(starts: Sequence[Start], endings: Sequence[Ending]) -> List[Tuple[Start, Ending]]:
    """Return each boot's start and ending, with the starts that become known by the ending of the boot before.

    A kernel that panics or loses its power starts no other than that which saves the dump, so the firmware ran.
    """
    told: List[Tuple[Start, Ending]] = []
    for start, ending in zip(starts, endings):
        before = told[-1][1].ending if told else ""
        offered = start.words.log.first(*PROOF_OF_OFFERED)
        if start.boot == "unknown" and not offered and before in ("crash", "power_loss"):
            why = f"start: the boot before ended in a {before.replace('_', ' ')}, so the firmware ran"
            start = start._replace(boot="cold", kexec_count=0, evidence=(why,))
        told.append((start, ending))
    return told


def _by_goodbye(start: Start) -> Optional[Ending]:
    target = start.goodbye.target
    if target is None:
        return None
    stopped = " and the journal was stopped" if start.goodbye.stopped else ""
    return Ending("kexec" if target == KEXEC_TARGET else "clean", (f"end: systemd reached {target}{stopped}",))


def _by_next_boot(start: Start, after: Optional[Start]) -> Optional[Ending]:
    """A kernel that was left without a goodbye (``kexec -e``) is named by the next one."""
    if after is None or after.boot != "handover" or start.release is None or after.previous_release != start.release:
        return None
    counted = start.kexec_count is None or after.kexec_count == start.kexec_count + 1
    return Ending("kexec", ("end: the next kernel was executed from this one",)) if counted else None


def _by_last_report(start: Start, crashes: Sequence[CrashReport]) -> Optional[Ending]:
    for report in crashes:
        if report.kind in DEADLY and report.at is not None and start.span.end - report.at <= DEADLY_WITHIN:
            return Ending(
                "crash",
                ("end: no shutdown was recorded; the journal ends with a report of a crash", f"end: {report.message}"),
            )
    return None


def _without(start: Start, after: Optional[Start]) -> Ending:
    """Neither a goodbye nor a crash: only the hardware may still tell."""
    nothing = "end: no shutdown was recorded, and no evidence of a crash"
    if after is None or after.boot in ("kexec", "handover") or not _clears_reset_reason(start.release):
        return Ending("unknown", (nothing,))
    reasons = after.words.reset_reasons
    said = tuple(f"end: the next kernel said of the reset: {reason}" for reason in reasons)
    for ending, telling in (("crash", RESET_BY_CRASH), ("power_loss", RESET_BY_POWER)):
        if any(reason in telling for reason in reasons):
            return Ending(ending, ("end: no goodbye", *said))
    return Ending("unknown", (nothing, *said))
