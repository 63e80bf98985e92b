# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be done on this host, and why; or a refusal, and why. Pure."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    COLD_BOOT,
    HANDOVER,
    IGNORE,
    KEXEC,
    PREFER,
    REFUSE,
    REQUIRE,
    RUNNING,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._plan import (
    check_boot,
    check_handover,
    check_host,
    check_policy,
    check_target,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import DOUBT, LOSS, OBSTACLE, FailedCheck
from ansible_collections.kho.kexec.plugins.module_utils._plan.check_boot import FIRMWARE
from ansible_collections.kho.kexec.plugins.module_utils._plan.check_handover import promise_of
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    Promise,
    awaits_verdict,
    not_accepted,
    unverified,
)


class Plan(NamedTuple):
    """``action`` is none, verify, handover, kexec, cold_boot or refuse; none and refuse have no ``promise``."""

    action: str
    promise: Promise | None
    reasons: tuple[Note, ...]
    warnings: tuple[Note, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the plan in the shape that modules return."""
        return {
            "action": self.action,
            "promise": self.promise.as_dict() if self.promise else None,
            "reasons": [note.as_dict() for note in self.reasons],
            "warnings": [note.as_dict() for note in self.warnings],
        }


@timed("deciding")
def decide(situation: Situation) -> Plan:
    """The plan for this host.

    A jump that has already happened is judged first, whatever else holds, unless another run works on the host. Of a
    refusal's reasons, the first is the one to act on.
    """
    running, target, transition = situation.running, situation.target, situation.transition
    claimed = check_host.host_claimed(situation)
    if claimed is not None:
        return Plan("refuse", None, (claimed,))
    if transition is not None and awaits_verdict(transition, running):
        return Plan("verify", transition.promise, (unverified(transition, running),))
    hopeless = tuple(note for note in (check(situation) for check in check_host.FIRST) if note)
    if hopeless or target is None:
        return Plan("refuse", None, hopeless)
    if target.release != running.release:
        return _way_to(target, situation)
    rebuilt = check_target.rebuilt(target, situation)
    again = _running_again(target) if situation.policy.release == RUNNING else None
    if rebuilt is None and again is None:
        return _already_there(situation, target)
    plan = _way_to(target, situation)
    why = tuple(note for note in (again, rebuilt) if note)
    return plan if plan.promise is None else plan._replace(reasons=(*plan.reasons, *why))


def _way_to(target: Target, situation: Situation) -> Plan:
    """The first way that the policy allows and nothing forbids."""
    policy = situation.policy
    failed = tuple(failed_checks(target, situation))
    ways = _ways(policy, failed)
    for number, way in enumerate(ways):
        promise = _promise(way, target, situation.running)
        if promise is not None and not any(_forbids(one, way, policy) for one in failed):
            warnings = _warnings(failed, ways[: number + 1], situation)
            return Plan(way, promise, (_promised(promise),), warnings)
    return _refusal(failed, ways, policy)


def failed_checks(target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """All that speaks against going to the target, in the order in which an operator should deal with it."""
    for concerns, host_checks in check_host.CHECKS:
        for host_check in host_checks:
            note = host_check(situation)
            if note is not None:
                yield FailedCheck(note, concerns, OBSTACLE)
    for policy_check in (*check_boot.CHECKS, *check_policy.CHECKS):
        yield from policy_check(target, situation)
    for concerns, weight, checks in (*check_target.CHECKS, *check_handover.CHECKS):
        for check in checks:
            note = check(target, situation)
            if note is not None:
                yield FailedCheck(note, concerns, weight)


def _ways(policy: Policy, failed: tuple[FailedCheck, ...]) -> tuple[str, ...]:
    """The ways that the policy allows, the best first. To accept that a handover is lost is to accept a kexec."""
    loss_accepted = any(one.weight == LOSS and one.note.code in policy.accept for one in failed)
    kexecs = {
        REQUIRE: (HANDOVER, KEXEC) if loss_accepted else (HANDOVER,),
        PREFER: (HANDOVER, KEXEC),
        IGNORE: (KEXEC,),
    }[policy.handover]
    for_firmware = policy.on_pending_firmware == COLD_BOOT and any(one.note.code == FIRMWARE for one in failed)
    return (*kexecs, COLD_BOOT) if policy.may_cold_boot or for_firmware else kexecs


def _forbids(one: FailedCheck, way: str, policy: Policy) -> bool:
    accepted = one.note.code in policy.accept
    if one.weight == LOSS:
        # Where a handover is required, one that is lost must be accepted by name before a kexec will do.
        return way == HANDOVER or (way == KEXEC and policy.handover == REQUIRE and not accepted)
    if way not in one.concerns or accepted:
        return False
    return one.weight == OBSTACLE or (one.weight == DOUBT and policy.on_unknown == REFUSE)


def _refusal(failed: tuple[FailedCheck, ...], ways: tuple[str, ...], policy: Policy) -> Plan:
    """What forbids most ways is to be dealt with first."""
    forbidden = [(sum(_forbids(one, way, policy) for way in ways), one) for one in failed]
    reasons = sorted((row for row in forbidden if row[0]), key=lambda row: -row[0])
    others = (one.note for number, one in forbidden if not number and one.concerns & set(ways))
    return Plan("refuse", None, tuple(one.note for _number, one in reasons), tuple(others))


def _warnings(failed: tuple[FailedCheck, ...], ways: tuple[str, ...], situation: Situation) -> tuple[Note, ...]:
    """What to know on the last of these ways: all that concerns it, and why the ones before it cannot be gone."""
    *tried, way = ways
    notes = [
        one.note
        for one in failed
        if way in one.concerns or any(_forbids(one, better, situation.policy) for better in tried)
    ]
    return (*notes, _boot_default_unknown(), *_loader_may_kexec(situation)) if way == COLD_BOOT else tuple(notes)


def _promise(way: str, target: Target, running: RunningKernel) -> Promise | None:
    if way == HANDOVER:
        return promise_of(running, target.release)
    return Promise(target.release, None, 0, None, way)


def _promised(promise: Promise) -> Note:
    if promise.how == HANDOVER:
        return Note(
            "handover_promised",
            f"Nothing stands in the way of a handover: {promise.release} will report that it was executed from "
            f"{promise.previous_release} (count {promise.kexec_count}).",
        )
    if promise.how == KEXEC:
        return Note(
            "kexec_promised",
            f"{promise.release} will be started by a kexec, and no handover is promised: it will name no previous "
            "release, and begin a new chain (count 0). A handover that comes through nevertheless must be right.",
        )
    return Note(
        "cold_boot_promised",
        f"The host will be cold-booted, so the firmware runs and a new chain begins (count 0): {promise.release} "
        "must run then.",
    )


def _running_again(target: Target) -> Note:
    return Note(
        "running_again",
        f"{target.release} runs, and is started anew, because the target is the running kernel. A later run of "
        "the same will start it once more.",
    )


def _boot_default_unknown() -> Note:
    return Note(
        "boot_default_unknown",
        "The boot loader decides which kernel a cold boot starts, and it is not asked here. If its default is another "
        "kernel than the target, the verdict will be wrong_kernel. Make the target the default before.",
    )


def _loader_may_kexec(situation: Situation) -> tuple[Note, ...]:
    """A kexec that nobody is known to have made may be how each boot of this host goes."""
    transition = situation.transition
    jumped = transition is not None and transition.promise.how != COLD_BOOT
    if situation.running.boot != KEXEC or jumped:
        return ()
    return (
        Note(
            "cold_boot_may_look_like_kexec",
            "This boot looks like a kexec, and no transition is known to have made it. Where the boot loader is a "
            "Linux that starts kernels by kexec itself (petitboot, ZFSBootMenu, LinuxBoot), a cold boot cannot be told "
            "from a kexec, and the verdict of this one will not say that it happened. Look at the boot loader; if it "
            "does so, accept the reason of that verdict.",
        ),
    )


def _already_there(situation: Situation, target: Target) -> Plan:
    """A host that runs its target on an unproven way is not done: a rollout that is run again would pass it over."""
    reason = Note("already_running", f"The target {target.release} already runs, and no transition awaits its verdict.")
    unproven = not_accepted(situation.transition, situation.running)
    others = tuple(one.note for one in check_policy.newer_passed_over(target, situation))
    if unproven is None:
        return Plan("none", None, (reason,), others)
    if unproven.code in situation.policy.accept:
        return Plan("none", None, (reason,), (unproven, *others))
    return Plan("refuse", None, (unproven,), others)
