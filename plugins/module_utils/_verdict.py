# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one word that says how a transition ended, from what was promised and what the running kernel reports. Pure.

Where the record and the running kernel cannot tell two stories apart, the message names both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._transition import Transition

HANDOVER_VERIFIED = "handover_verified"
KEXEC_WITHOUT_HANDOVER = "kexec_without_handover"
COLD_BOOT = "cold_boot"
ROLLED_BACK = "rolled_back"
WRONG_KERNEL = "wrong_kernel"
WRONG_PREVIOUS_RELEASE = "wrong_previous_release"
UNEXPECTED_COUNT = "unexpected_count"
NOT_REBOOTED = "not_rebooted"

# Why the metadata did not come through, by the code of a note of the running kernel, and what to do about it.
_LOSSES = {
    "kho_abi_mismatch": (
        "abi_mismatch",
        "The two kernels speak different versions of the KHO ABI. That is expected between some releases; the next "
        "handover begins a new chain.",
    ),
    "metadata_unsupported": (
        "metadata_version",
        "The target does not know the version of the metadata that it was given. The next handover begins a new chain.",
    ),
    "running_without_kho": (
        "not_built",
        "The target was built without CONFIG_KEXEC_HANDOVER. Choose a kernel that was built with it.",
    ),
    "running_kho_off": (
        "kho_off",
        "Kexec HandOver is off in the target. Put kho=on on its command line.",
    ),
    "kho_failed": (
        "kho_off",
        "Kexec HandOver could not start in the target. Look in its kernel log for lines that begin with KHO.",
    ),
}
_LEGACY_LOAD = (
    "legacy_load",
    "The target takes handovers, and nothing was offered to it: the image was loaded by kexec_load, or replaced by "
    "another before the jump. Load with 'kexec -s' and nothing else.",
)
_LOSS_UNKNOWN = ("unknown", "Nothing says why. Look in the target's kernel log for lines that begin with KHO.")


class Finding(NamedTuple):
    """A verdict without its evidence: the word, a code for why (or None), and a sentence for people."""

    verdict: str
    reason: str | None
    message: str


@dataclass(frozen=True)
class Verdict:
    """How a transition ended, with what it is judged from."""

    finding: Finding
    transition: Transition
    running: RunningKernel

    @property
    def accepted(self) -> bool:
        """Whether the transition ended as promised."""
        return self.finding.verdict == HANDOVER_VERIFIED

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict in the shape that modules return and that the record keeps."""
        promise, running = self.transition.promise, self.running
        return {
            **self.finding._asdict(),
            "accepted": self.accepted,
            "promised": {
                "release": promise.release,
                "previous_release": promise.previous_release,
                "kexec_count": promise.kexec_count,
            },
            "reported": {
                "release": running.release,
                "previous_release": running.previous_release,
                "kexec_count": running.kexec_count,
                "boot": running.boot,
                "boot_id": running.boot_id,
            },
            "evidence": {
                "boot_id_left": self.transition.left.boot_id,
                "boot_id_found": running.boot_id,
                "source": running.source,
                "notes": [note.as_dict() for note in running.notes],
            },
        }


def judge(transition: Transition, running: RunningKernel) -> Verdict:
    """How the transition ended, seen from the kernel that runs now."""
    return Verdict(_find(transition, running), transition, running)


def _find(transition: Transition, running: RunningKernel) -> Finding:
    left, promise = transition.left, transition.promise
    if running.boot_id is None or running.boot_id == left.boot_id:
        return _not_rebooted(transition, running)
    if running.boot == "kdump":
        return _finding(
            WRONG_KERNEL,
            "The capture kernel runs: a kernel crashed, and its memory is being saved. Wait for the dump, and read it.",
            "kdump",
        )
    if running.boot == "cold":
        return _cold(transition, running)
    if running.release != promise.release:
        return _other_kernel(transition, running)
    if running.previous_release is None or running.kexec_count is None:
        return _without_handover(running)
    return _compare(transition, running.previous_release, running.kexec_count)


def _compare(transition: Transition, previous_release: str, kexec_count: int) -> Finding:
    """The target runs, and its metadata came through: it is right, or it names another history."""
    promise = transition.promise
    told = f"it was executed from {previous_release} (count {kexec_count})"
    promised = f"{promise.previous_release} (count {promise.kexec_count})"
    if (previous_release, kexec_count) == (promise.previous_release, promise.kexec_count):
        return _finding(HANDOVER_VERIFIED, f"{promise.release} runs and reports, as promised, that {told}.")
    if previous_release != promise.previous_release and kexec_count <= promise.kexec_count:
        return _finding(
            WRONG_PREVIOUS_RELEASE,
            f"{promise.release} runs and reports that {told}, not from {promised}. Another kernel than the one that "
            "was left has started it. Find out which, and who ordered it, in the journal of the boots in between.",
        )
    return _finding(
        UNEXPECTED_COUNT,
        f"{promise.release} runs and reports that {told}, and {promised} was promised. Between the two looks there "
        "were other kexecs, or the chain was begun anew. Look in the journal of the boots in between.",
    )


def _not_rebooted(transition: Transition, running: RunningKernel) -> Finding:
    if running.boot_id is None:
        return _finding(
            NOT_REBOOTED,
            "The boot id of this boot cannot be read, so nothing shows that the host has left the boot that it was to "
            "leave. Make /proc/sys/kernel/random/boot_id readable.",
            "boot_id_unknown",
        )
    if transition.state == "left":
        return _finding(
            NOT_REBOOTED,
            f"The host was told to leave {transition.left.release} and is still in the same boot. The jump was refused "
            "or is late: look for 'systemctl kexec' and for failing shutdown jobs in the journal.",
        )
    return _finding(
        NOT_REBOOTED,
        f"The host is still in the boot that it is to leave, and has not been told to: {transition.promise.release} is "
        f"{'loaded' if transition.state == 'loaded' else 'being staged'}. Run the transition, or unload the image.",
    )


def _cold(transition: Transition, running: RunningKernel) -> Finding:
    if running.release == transition.left.release:
        return _finding(
            ROLLED_BACK,
            f"The old kernel {running.release} is back after a cold boot. Either {transition.promise.release} ran and "
            "was given up (a panic, a watchdog, somebody), or the kexec itself failed and the firmware took over. Look "
            "at the console, at pstore and at the journal of the boot before this one.",
        )
    return _finding(
        COLD_BOOT,
        f"The firmware ran: {running.release} was started by the boot loader, not by kexec, so the count is 0 and "
        "nothing was handed over. When the last step of a kexec fails, systemd falls back to this. Look at the console "
        "and at the end of the previous boot's journal.",
    )


def _other_kernel(transition: Transition, running: RunningKernel) -> Finding:
    left, promise = transition.left, transition.promise
    # Executed directly from the kernel that was left, it is what was loaded; otherwise something came in between.
    if running.release == left.release and running.previous_release != promise.previous_release:
        return _finding(
            ROLLED_BACK,
            f"The old kernel {running.release} is back by a kexec: {promise.release} was given up, or never ran. Look "
            "in the journal of the boot before this one.",
        )
    return _finding(
        WRONG_KERNEL,
        f"{running.release} runs, and the target was {promise.release}. Another image was loaded before the jump, or "
        "another kexec followed. Look in the journal of the boot before this one.",
    )


def _without_handover(running: RunningKernel) -> Finding:
    reason, explanation = _loss(running)
    return _finding(
        KEXEC_WITHOUT_HANDOVER,
        f"{running.release} runs after a kexec, and does not say from which kernel it was executed. {explanation}",
        reason,
    )


def _loss(running: RunningKernel) -> tuple[str, str]:
    for note in running.notes:
        if note.code in _LOSSES:
            return _LOSSES[note.code]
    if running.built is False:
        return _LOSSES["running_without_kho"]
    if running.enabled is False:
        return _LOSSES["running_kho_off"]
    offered = any(note.code == "handover_refused" for note in running.notes)
    return _LEGACY_LOAD if running.boot == "kexec" and running.enabled and not offered else _LOSS_UNKNOWN


def _finding(verdict: str, message: str, reason: str | None = None) -> Finding:
    return Finding(verdict, reason, message)
