# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator's policy says against a transition: one small pure function for each code."""

from __future__ import annotations

from typing import Iterator

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    ANY,
    COLD_BOOT,
    HANDOVER,
    HANDOVER_VERIFIED,
    KEXEC,
    REFUSE,
    REQUIRE,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import release_key
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import (
    ADVICE,
    ANY_KEXEC,
    ANY_WAY,
    OBSTACLE,
    FailedCheck,
    Ways,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.check_handover import promise_of
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import CrashRisk, Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target

DENIED: dict[str, Ways] = {
    ANY: ANY_WAY,
    HANDOVER: ANY_KEXEC,
    KEXEC: frozenset({KEXEC}),
    COLD_BOOT: frozenset({COLD_BOOT}),
}

SENTENCE_LIMIT, CAUTIONS_LIMIT = 600, 400
"""Characters of what the ledger says of a transition, and of its cautions; it quotes what hosts have told."""


def downgrade(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """Going back is a decision of the operator's."""
    running = situation.running.release
    if running is None or situation.policy.allow_downgrade or release_key(target.release) >= release_key(running):
        return
    note = Note(
        "downgrade",
        f"The target {target.release} is older than the running kernel {running}. Older kernels lack fixes, and may "
        "not understand what the newer one left on disk. Set allow_downgrade if that is wanted.",
    )
    yield FailedCheck(note, ANY_WAY, OBSTACLE)


def chain_too_long(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """Some faults show only after many kexecs in a row; a cold boot begins a new chain."""
    policy, promise = situation.policy, promise_of(situation.running, target.release)
    if promise is None:
        return
    if 0 < policy.max_kexec_count < promise.kexec_count:
        note = Note(
            "chain_too_long",
            f"The next handover would be number {promise.kexec_count} since the last cold boot, and max_kexec_count is "
            f"{policy.max_kexec_count}. Cold-boot the host to begin a new chain, or allow a longer one.",
        )
        yield FailedCheck(note, ANY_KEXEC, OBSTACLE)
    for risk in policy.crash_risks:
        limit = risk.longest_chain
        if limit is not None and limit < promise.kexec_count and _is_of(risk, target, situation):
            note = Note(
                "chain_too_long",
                f"The next handover would be number {promise.kexec_count} since the last cold boot. The ledger has "
                f"seen no harm in up to {limit}, and has found that {_told(risk)} "
                "Cold-boot the host to begin a new chain, or accept chain_too_long if that risk is wanted.",
            )
            yield FailedCheck(note, DENIED[risk.boot], _weight(risk, policy))


def transition_denied(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """The operator's list of transitions that must not be done.

    Two kernels that can hand over do so at every kexec, so who denies a handover denies a kexec too.
    """
    running = situation.running.release or ""
    for denial in situation.policy.denied:
        if denial.forbids(running, target.release):
            way = "in any way" if denial.action == ANY else f"by {denial.action}"
            note = Note(
                "transition_denied",
                f"The transition from {running} to {target.release} {way} is denied (from "
                f"{printable(denial.left)} to {printable(denial.to)}): {printable(denial.reason, 500)} Choose another "
                "target or another way, or change denied_transitions.",
            )
            yield FailedCheck(note, DENIED[denial.action], OBSTACLE)


def transition_crashes(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """What the ledger found must not be repeated on the next host, unless somebody wants that."""
    for risk in situation.policy.crash_risks:
        if risk.longest_chain is None and _is_of(risk, target, situation):
            note = Note(
                "transition_crashes",
                f"The ledger has found that {_told(risk)} This host would be the next to try. "
                "Choose another target, let the host be cold-booted (fallback: cold_boot), or accept "
                "transition_crashes if that risk is wanted.",
            )
            yield FailedCheck(note, DENIED[risk.boot], _weight(risk, situation.policy))


def _is_of(risk: CrashRisk, target: Target, situation: Situation) -> bool:
    """Whether that is the transition that the plan is about; nobody knows from where a kexec without handover came."""
    from_here = risk.boot == KEXEC or risk.previous_release == situation.running.release
    return from_here and risk.release == target.release


def _told(risk: CrashRisk) -> str:
    said = printable(risk.sentence, SENTENCE_LIMIT)
    cautions = " ".join(caution.message for caution in risk.cautions)
    return f"{said} {printable(cautions, CAUTIONS_LIMIT)}" if cautions else said


def _weight(risk: CrashRisk, policy: Policy) -> str:
    """A finding that rests on one host must not stop all others: that host may be broken, or hostile."""
    certain = risk.at_least >= policy.crash_risk_threshold and not risk.rests_on_one_host
    return OBSTACLE if certain and policy.on_crash_risk == REFUSE else ADVICE


def target_failed_before(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """A rollout that is run again must not send a host into the kernel from which it has just come back."""
    for failure in situation.failures:
        if failure.is_of(target.release, target.fingerprint):
            given_up = ", and the host was taken back from it" if failure.verdict == HANDOVER_VERIFIED else ""
            note = Note(
                "target_failed_before",
                f"The target {target.release} has failed on this host before: the transition of "
                f"{printable(failure.created)} ended with the verdict {printable(failure.verdict)}{given_up}. The "
                "files are still the same. Find out why first. Install a fixed kernel, which is tried without further "
                "ado, choose another target, or accept target_failed_before to try this one once more.",
            )
            yield FailedCheck(note, ANY_WAY, OBSTACLE)


def newer_passed_over(_target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """A reader who takes another kernel for the latest must learn why it is not."""
    if situation.choice.passed_over is not None:
        yield FailedCheck(situation.choice.passed_over, ANY_WAY, ADVICE)


def commit_impossible(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """What the commit will need is better missed before the jump than after it, when the guard is disarmed."""
    if situation.commit_problem is None:
        return
    note = Note(
        "commit_impossible",
        f"Once it is proven, {target.release} is to become the boot loader's default, and that could not be done: "
        f"{printable(situation.commit_problem, 1500)} The next cold boot would return to the old kernel. Make it "
        "possible before, or do without it (boot_default, in the role kexec_upgrade_commit: prefer or never).",
    )
    yield FailedCheck(note, ANY_WAY, OBSTACLE if situation.policy.boot_default == REQUIRE else ADVICE)


CHECKS = (
    newer_passed_over,
    downgrade,
    transition_denied,
    transition_crashes,
    chain_too_long,
    target_failed_before,
    commit_impossible,
)
