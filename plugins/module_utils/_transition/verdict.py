# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one word that says how a transition ended, from what was promised and what the running kernel reports. Pure.

Where the record and the running kernel cannot tell two stories apart, the message names both.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    COLD_BOOT,
    HANDOVER,
    HANDOVER_VERIFIED,
    KEXEC,
    KEXEC_WITHOUT_HANDOVER,
    NOT_REBOOTED,
    ROLLED_BACK,
    UNEXPECTED_COUNT,
    UNHEALTHY,
    WRONG_KERNEL,
    WRONG_PREVIOUS_RELEASE,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Transition

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
_NOT_OFFERED = (
    "not_offered",
    "The target takes handovers, and the kernel that was left offered none. The next handover begins a new chain.",
)
_LOSS_UNKNOWN = ("unknown", "Nothing says why. Look in the target's kernel log for lines that begin with KHO.")


class Finding(NamedTuple):
    """A verdict without its evidence: the word, a code for why (or None), and a sentence for people."""

    verdict: str
    reason: str | None
    message: str


class Witness(NamedTuple):
    """What others saw: whether the guard gave the target up, and the troubles that are new since the transition.

    A trouble has the shape of kernel_health_info's; None when the health was not compared, and ``notes`` say why.
    ``unwritable``: the host cannot write down how its transition ended. ``build``: the kernel's that runs, None when
    unknown.
    """

    guard_fired: bool = False
    troubles: Sequence[Mapping[str, Any]] | None = None
    notes: tuple[Note, ...] = ()
    unwritable: bool = False
    build: str | None = None


NOBODY = Witness()


class Verdict(NamedTuple):
    """How a transition ended, with what it is judged from."""

    finding: Finding
    transition: Transition
    running: RunningKernel
    witness: Witness = NOBODY

    @property
    def accepted(self) -> bool:
        """Whether the transition ended as promised, or better: by a handover where only a kexec was promised.

        A kexec that nothing proves was one (``boot`` is unknown) is not accepted.
        """
        word, how = self.finding.verdict, self.transition.promise.how
        if word == KEXEC_WITHOUT_HANDOVER:
            return how == KEXEC and self.running.boot != "unknown"
        return word == HANDOVER_VERIFIED or (word == COLD_BOOT and how == COLD_BOOT)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict in the shape that modules return and that the record keeps."""
        running = self.running
        return {
            **self.finding._asdict(),
            "accepted": self.accepted,
            "promised": self.transition.promise.as_dict(),
            "reported": {
                "release": running.release,
                "previous_release": running.previous_release,
                "kexec_count": running.kexec_count,
                "boot": running.boot,
                "boot_id": running.boot_id,
            },
            "evidence": {
                "boot_id_left": self.transition.left.boot_id,
                "release_left": self.transition.left.release,
                "boot_id_found": running.boot_id,
                "source": running.source,
                "build": self.witness.build,
                "notes": [note.as_dict() for note in (*running.notes, *self.witness.notes)],
                "troubles": None if self.witness.troubles is None else [dict(one) for one in self.witness.troubles],
            },
        }


@timed("deciding")
def judge(transition: Transition, running: RunningKernel, witness: Witness = NOBODY) -> Verdict:
    """How the transition ended, seen from the kernel that runs now."""
    verdict = Verdict(_find(transition, running, witness), transition, running, witness)
    if verdict.accepted and _is_target_build(transition, witness) is False:
        return verdict._replace(finding=_other_build(transition, running, witness))
    if verdict.accepted and witness.unwritable:
        return verdict._replace(finding=_unwritable(running))
    if not verdict.accepted or not witness.troubles:
        return verdict
    return verdict._replace(finding=_unhealthy(running, witness.troubles))


def _find(transition: Transition, running: RunningKernel, witness: Witness) -> Finding:
    left, promise = transition.left, transition.promise
    if running.boot_id is None or running.boot_id == left.boot_id:
        return _not_rebooted(transition, running)
    if running.boot == "kdump":
        return _finding(
            WRONG_KERNEL,
            "The capture kernel runs: a kernel crashed, and its memory is being saved. Wait for the dump, and read it.",
            "kdump",
        )
    if promise.how == COLD_BOOT:
        return _after_cold_boot(transition, running)
    if running.boot == "cold":
        return _cold(transition, running, witness)
    if running.release != promise.release:
        return _other_kernel(transition, running)
    if running.previous_release is None or running.kexec_count is None:
        return _without_handover(transition, running)
    return _compare(transition, running.previous_release, running.kexec_count)


def _compare(transition: Transition, previous_release: str, kexec_count: int) -> Finding:
    """The target runs, and its metadata came through: it is right, or it names another history."""
    release, (origin, expected) = transition.promise.release, _handed_over(transition)
    told = f"it was executed from {previous_release} (count {kexec_count})"
    right = f"{origin} (count {'unknown' if expected is None else expected})"
    if previous_release == origin and expected is None:
        return _finding(
            HANDOVER_VERIFIED,
            f"{release} runs and reports that {told}. That is the kernel that was left; its own count was not known, "
            "so that the new one cannot be compared.",
            "count_not_compared",
        )
    if (previous_release, kexec_count) == (origin, expected):
        better = transition.promise.how != HANDOVER
        how = ", which is more than the kexec that was promised," if better else ", as promised,"
        return _finding(HANDOVER_VERIFIED, f"{release} runs and reports{how} that {told}.")
    if previous_release != origin and (expected is None or kexec_count <= expected):
        return _finding(
            WRONG_PREVIOUS_RELEASE,
            f"{release} runs and reports that {told}, not from {right}. Another kernel than the one that was left has "
            "started it. Find out which, and who ordered it, in the journal of the boots in between.",
        )
    return _finding(
        UNEXPECTED_COUNT,
        f"{release} runs and reports that {told}, and {right} would be right. Between the two looks there were other "
        "kexecs, or the chain was begun anew. Look in the journal of the boots in between.",
    )


def _handed_over(transition: Transition) -> tuple[str, int | None]:
    """The previous release and the count that a handover from the boot that was left brings; also if none was promised.

    The count is None when that of the boot that was left was not known.
    """
    left, promise = transition.left, transition.promise
    if promise.previous_release is not None:
        return promise.previous_release, promise.kexec_count
    return left.release, None if left.kexec_count is None else left.kexec_count + 1


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
            "or is late: look for 'systemctl kexec' (or 'systemctl reboot') and for failing shutdown jobs in the "
            "journal.",
        )
    return _finding(
        NOT_REBOOTED,
        f"The host is still in the boot that it is to leave, and has not been told to: {transition.promise.release} is "
        f"{'staged' if transition.state == 'loaded' else 'being staged'}. Run the transition, or unload the image.",
    )


def _after_cold_boot(transition: Transition, running: RunningKernel) -> Finding:
    """A cold boot was promised, so the boot loader decided what runs.

    Where nothing tells a cold boot from a kexec without handover (arm64), the count that was promised is enough.
    """
    promise = transition.promise
    if running.release != promise.release:
        return _other_default(transition, running) if running.boot == "cold" else _other_kernel(transition, running)
    if running.boot == "cold" or (running.boot, running.kexec_count) == ("unknown", 0):
        return _finding(COLD_BOOT, f"{promise.release} runs after a cold boot, as promised. A new chain begins.")
    if running.boot == "kexec":
        return _without_handover(transition, running)
    return _finding(
        UNEXPECTED_COUNT,
        f"{promise.release} runs and reports the count {running.kexec_count}, and a cold boot (count 0) was promised. "
        "Somebody loaded an image before the host left, or kexeced it afterwards. Look in the journal of the boots in "
        "between.",
    )


def _is_target_build(transition: Transition, witness: Witness) -> bool | None:
    """Whether the build runs that was staged; None when one of the two is not known."""
    return None if None in (transition.build, witness.build) else transition.build == witness.build


def _other_build(transition: Transition, running: RunningKernel, witness: Witness) -> Finding:
    return _finding(
        WRONG_KERNEL,
        f"{running.release} runs, in another build than the one that was staged: {printable(witness.build or '', 100)} "
        f"runs, and {printable(transition.build or '', 100)} was staged. Its package was replaced in between, or "
        "another image was loaded. Look in the package manager's log and in the journal of the boot before this one.",
        "other_build",
    )


def _other_default(transition: Transition, running: RunningKernel) -> Finding:
    return _finding(
        WRONG_KERNEL,
        f"The host was cold-booted, as promised, and the boot loader started {running.release} instead of "
        f"{transition.promise.release}. Make the target the boot loader's default, and run this again.",
        "boot_default",
    )


def _cold(transition: Transition, running: RunningKernel, witness: Witness) -> Finding:
    if witness.guard_fired:
        return _given_up(transition, running)
    is_new = transition.is_rebuild and _is_target_build(transition, witness)
    if running.release == transition.left.release and not is_new:
        return _finding(
            ROLLED_BACK,
            f"The old kernel {running.release} is back after a cold boot. Either {transition.promise.release} ran and "
            "was given up (a panic, a watchdog, somebody), or the kexec itself failed and the firmware took over. Look "
            "at the console, at pstore and at the journal of the boot before this one.",
        )
    return _finding(
        COLD_BOOT,
        f"The firmware ran: {running.release} was started by the boot loader, not by kexec, so the count is 0 and "
        "nothing was handed over. "
        + (
            "It was to be started anew: either the kernel that was started by the kexec was given up (a panic, a "
            "watchdog, somebody), or the kexec itself failed. "
            if transition.is_rebuild
            else ""
        )
        + "When the last step of a kexec fails, systemd falls back to this. Look at the console and at the end of the "
        "previous boot's journal.",
    )


def _given_up(transition: Transition, running: RunningKernel) -> Finding:
    """The boot loader may start another kernel than the one that was left."""
    back = running.release == transition.left.release
    return _finding(
        ROLLED_BACK if back else WRONG_KERNEL,
        f"{transition.promise.release} ran, and nobody confirmed it in time, so the guard cold-booted the host: "
        f"{running.release} runs{' again' if back else ', which is the default of the boot loader'}. Nobody could "
        "reach the host, or the run that was to confirm it ended. Look at the network and at sshd in the journal of "
        "the boot before this one.",
        "guard",
    )


def _unhealthy(running: RunningKernel, troubles: Sequence[Mapping[str, Any]]) -> Finding:
    first, others = troubles[0], [str(one["code"]) for one in troubles[1:]]
    more = f" Further troubles: {', '.join(others)}." if others else ""
    return _finding(
        UNHEALTHY,
        f"{running.release} runs as promised, and the host has troubles that it did not have before the transition: "
        f"{first['message']}{more} Look at the evidence, and at the journal of this boot.",
        str(first["code"]),
    )


def _unwritable(running: RunningKernel) -> Finding:
    return _finding(
        UNHEALTHY,
        f"{running.release} runs as promised, and the host cannot write down that it does, so nobody has accepted it. "
        "The guard, if there is one, brings the old kernel back. Look for errors of the file system in the kernel log.",
        "record_unwritable",
    )


def _other_kernel(transition: Transition, running: RunningKernel) -> Finding:
    left, promise = transition.left, transition.promise
    # Executed directly from the kernel that was left, it is what was loaded; otherwise something came in between.
    if running.release == left.release and running.previous_release != _handed_over(transition)[0]:
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


def _without_handover(transition: Transition, running: RunningKernel) -> Finding:
    reason, explanation = _loss(transition, running)
    promised = " That was promised." if transition.promise.how == KEXEC else ""
    return _finding(
        KEXEC_WITHOUT_HANDOVER,
        f"{running.release} runs after a kexec, and does not say from which kernel it was executed.{promised} "
        f"{explanation}",
        reason,
    )


def _loss(transition: Transition, running: RunningKernel) -> tuple[str, str]:
    for note in running.notes:
        if note.code in _LOSSES:
            return _LOSSES[note.code]
    if running.built is False:
        return _LOSSES["running_without_kho"]
    if running.enabled is False:
        return _LOSSES["running_kho_off"]
    offered = any(note.code == "handover_refused" for note in running.notes)
    if running.boot != "kexec" or not running.enabled or offered:
        return _LOSS_UNKNOWN
    return _NOT_OFFERED if transition.promise.how == KEXEC else _LEGACY_LOAD


def _finding(verdict: str, message: str, reason: str | None = None) -> Finding:
    return Finding(verdict, reason, message)
