# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be done on this host, and why; or a refusal, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

from ansible_collections.kho.kexec.plugins.module_utils import _host_checks, _target_checks
from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host_checks import HostCheck
from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._target_checks import TargetCheck
from ansible_collections.kho.kexec.plugins.module_utils._text import printable
from ansible_collections.kho.kexec.plugins.module_utils._transition import (
    RECORD_PATH,
    Promise,
    Transition,
    awaits_verdict,
)


@dataclass(frozen=True)
class Plan:
    """``action`` is none, handover, verify or refuse; ``promise`` belongs to handover and verify."""

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


def decide(situation: Situation) -> Plan:
    """The plan for this host.

    A jump that has already happened is judged first, whatever else holds. Of a refusal's reasons, the first is the one
    to act on.
    """
    running, target, transition = situation.running, situation.target, situation.transition
    if transition is not None and awaits_verdict(transition, running):
        return Plan("verify", transition.promise, (_unverified(transition, running),))
    hopeless = _about_host(_host_checks.FIRST, situation)
    if hopeless or target is None:
        return Plan("refuse", None, hopeless)
    if target.release == running.release:
        unproven = _not_accepted(transition, running)
        return Plan("refuse", None, unproven) if unproven else Plan("none", None, (_already_running(target),))
    refusals = (*_about_host(_host_checks.REFUSALS, situation), *_about(target, _target_checks.REFUSALS, situation))
    warnings = (*_about_host(_host_checks.WARNINGS, situation), *_about(target, _target_checks.WARNINGS, situation))
    promise = _host_checks.promise_of(running, target.release)
    if refusals or promise is None:
        return Plan("refuse", None, refusals, warnings)
    return Plan("handover", promise, (_handover(promise),), warnings)


def _about_host(checks: Sequence[HostCheck], situation: Situation) -> tuple[Note, ...]:
    return tuple(note for note in (check(situation) for check in checks) if note)


def _about(target: Target, checks: Sequence[TargetCheck], situation: Situation) -> tuple[Note, ...]:
    return tuple(note for note in (check(target, situation) for check in checks) if note)


def _unverified(transition: Transition, running: RunningKernel) -> Note:
    return Note(
        "previous_transition_unverified",
        f"The transition from {transition.left.release} to {transition.promise.release} awaits its verdict: the boot "
        f"that it left is over, and {running.release} runs in another. It is judged before anything new is begun.",
    )


def _already_running(target: Target) -> Note:
    return Note("already_running", f"The target {target.release} already runs, and no transition awaits its verdict.")


def _not_accepted(transition: Transition | None, running: RunningKernel) -> tuple[Note, ...]:
    """A host that runs its target on an unproven way is not done: a rollout that is run again would pass it over."""
    verdict = transition.verdict if transition is not None else None
    if verdict is None or verdict["accepted"] or verdict["reported"]["boot_id"] != running.boot_id:
        return ()
    return (
        Note(
            "last_verdict_not_accepted",
            f"{running.release} runs, and the transition that brought this boot ended with the verdict "
            f"{printable(verdict['verdict'])}. Running the target is not enough: what it was promised did not come "
            "true, and other hosts would follow. Ask kho.kexec.kexec_verdict_info for the whole verdict and deal with "
            f"its cause. The next boot begins anew; to accept this one as it is, remove {RECORD_PATH}.",
        ),
    )


def _handover(promise: Promise) -> Note:
    return Note(
        "handover_promised",
        f"Nothing speaks against a handover: {promise.release} will report that it was executed from "
        f"{promise.previous_release} (count {promise.kexec_count}).",
    )
