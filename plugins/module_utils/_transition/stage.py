# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and unloading an image, so the transition record always tells the truth about what is loaded.

The record is written before the image is loaded, and removed after it was unloaded. A run that is killed in between
leaves a record of this boot behind, by which the next run knows that what may be loaded is ours. kexec_file_load(2)
replaces a loaded image only when it succeeds (kernel/kexec_file.c), so a failure leaves an earlier image in place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings, arm
from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import disarm
from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import save_baseline
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import observe_health
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import foreign_image, read_kexec_state
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    COLD_BOOT,
    HANDOVER,
    KEXEC,
    PREVIOUS,
    WAYS,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import Plan, decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import (
    RunIdentity,
    release_claim,
    respect_claims,
    take_claim,
)
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import Failure, remember_failure
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    TEXT_LIMIT,
    Left,
    StagedImage,
    Transition,
    awaits_verdict,
    is_staged_here,
    is_uncommitted,
    owns_image,
    read_transition,
    remove_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition.expiry import expire_after, keep
from ansible_collections.kho.kexec.plugins.module_utils._transition.load import load_target, unload_image
from ansible_collections.kho.kexec.plugins.module_utils._transition.preview import findings_of, observe, records_of


class Outcome(NamedTuple):
    """Whether the host was (in check mode: would be) changed, the record and the staged image that it has afterwards.

    In check mode the record is the one that is there, and the image the one that would be.
    """

    changed: bool
    transition: Transition | None
    image: StagedImage | None


def load(host: Host, policy: Policy, run_identity: RunIdentity, check_mode: bool) -> dict[str, Any]:
    """Observe, decide, and stage what was decided; returns what the module returns.

    Raises KhoError, as a Refusal when nothing was tried, with the findings.
    """
    if policy.release == PREVIOUS and not check_mode:
        _settle(host, run_identity)
    situation = observe(host, policy, run_identity, remember=not check_mode)
    plan = decide(situation)
    running, transition = situation.running, situation.transition
    findings = findings_of(situation, plan)
    if situation.claim is not None:
        findings["claim"] = situation.claim.as_dict()
    if plan.action == "refuse":
        raise _refusal(plan, findings)
    try:
        if not check_mode:
            take_claim(host, run_identity)
        if plan.action in WAYS:
            outcome = _stage(host, situation, _planned(situation, plan, run_identity.now), check_mode)
        elif plan.action == "none" and is_staged_here(transition, running):
            outcome = _unload_ours(host, running, transition, check_mode)
        else:
            outcome = _unchanged(running, transition)
    except KhoError as error:
        error.findings.update(findings)
        raise
    notes = () if check_mode or outcome.image is None else _limited(host, run_identity)
    result = _result(findings, running, transition, outcome)
    return {**result, "notes": [note.as_dict() for note in notes], "uncommitted": is_uncommitted(transition, running)}


def load_guarded(
    host: Host, policy: Policy, settings: GuardSettings | None, run_identity: RunIdentity, check_mode: bool
) -> dict[str, Any]:
    """Stage as `load` does, and arm a guard for a kexec; returns what the module returns.

    The image first: a run that is killed in between leaves no guard for a jump that nobody has prepared. Raises what
    `load` and `arm` raise; where no guard can be armed, what was loaded here is unloaded.
    """
    staged = load(host, policy, run_identity, check_mode)
    if settings is None or staged["plan"]["action"] not in (HANDOVER, KEXEC):
        return {**staged, "guard": None}
    try:
        guard = arm(host, settings, run_identity.now, check_mode)
    except KhoError as error:
        raise _after_failed_guard(host, staged, run_identity, error, check_mode) from None
    return {**staged, "changed": staged["changed"] or guard["changed"], "guard": guard}


def _after_failed_guard(
    host: Host, staged: dict[str, Any], run_identity: RunIdentity, error: KhoError, check_mode: bool
) -> KhoError:
    """Unload what was loaded for nothing; returns the error to raise. A guard that waits for another boot stays."""
    kept = ("running", "target", "plan", "transition")
    error.findings = {**{name: staged[name] for name in kept}, **error.findings}
    if check_mode or not staged["changed"]:
        return error
    try:
        outcome = _unload_ours(host, observe_running(host), read_transition(host), check_mode)
        release_claim(host, run_identity)
    except KhoError as trouble:
        message = f"{error.message} What was loaded stays loaded: {trouble.message}"
        return KhoError(error.code, message, error.findings)
    error.findings["transition"] = _record_of(outcome)
    return error


def _limited(host: Host, run_identity: RunIdentity) -> Iterator[Note]:
    """Who claims a host for a time wants the image for no longer."""
    note = expire_after(host, run_identity.seconds) if run_identity.seconds else None
    if note is not None:
        yield note


def unload(host: Host, run_identity: RunIdentity, check_mode: bool) -> dict[str, Any]:
    """Unload the image that was loaded here, and remove its record and claim; returns what the module returns.

    Raises Refusal ``image_already_loaded`` for an image of somebody else's, ``host_claimed``, and KhoError
    ``unload_failed`` and ``departure_pending``.
    """
    require_access(host)
    running = observe_running(host)
    findings: dict[str, Any] = {"running": running.as_facts(), "plan": None, "target": None}
    try:
        transition = read_transition(host)
        findings.update(records_of(running, transition))
        respect_claims(host, run_identity)
        if transition is not None and transition.state == "left" and not check_mode:
            _call_off(host, running, transition)
        outcome = _unload(host, running, transition, check_mode)
        if transition is None or not awaits_verdict(transition, running):
            guard = disarm(host, check_mode)
            outcome = outcome._replace(changed=outcome.changed or guard["changed"])
        if not check_mode:
            release_claim(host, run_identity)
    except KhoError as error:
        error.findings.update(findings)
        raise
    return _result(findings, running, transition, outcome)


def _call_off(host: Host, running: RunningKernel, transition: Transition) -> None:
    """A host that was told to leave this boot is told to stay. Raises KhoError ``departure_pending``."""
    # What hardly any run needs is not compiled: on slow hosts, reading the code takes longer than all else.
    from ansible_collections.kho.kexec.plugins.module_utils._transition.call_off import call_off

    pending = call_off(host) if transition.left.boot_id == running.boot_id else None
    if pending is not None:
        raise KhoError(pending.code, pending.message)


def _unload(host: Host, running: RunningKernel, transition: Transition | None, check_mode: bool) -> Outcome:
    if running.image_loaded and not owns_image(transition, running):
        foreign = foreign_image()
        raise Refusal(foreign.code, foreign.message)
    if is_staged_here(transition, running):
        return _unload_ours(host, running, transition, check_mode)
    return _unchanged(running, transition)


def _planned(situation: Situation, plan: Plan, created: str) -> Transition:
    """The record that is to be there once the target is staged."""
    running, target = situation.running, situation.target
    if target is None or plan.promise is None or running.release is None or running.boot_id is None:
        raise AssertionError("a transition is only planned to a known target from a known boot")
    image = StagedImage(target.candidate.image, target.candidate.initrds, target.command_line, target.fingerprint)
    return Transition(
        state="loaded",
        created=created,
        left=Left(running.release, running.boot_id, running.kexec_count),
        promise=plan.promise,
        image=None if plan.promise.how == COLD_BOOT else image,
        rollback=situation.policy.release == PREVIOUS,
        build=target.image.build if target.image is not None else None,
    )


def _stage(host: Host, situation: Situation, planned: Transition, check_mode: bool) -> Outcome:
    """Load the planned image, unless exactly that is loaded already. Before a cold boot, nothing may be loaded."""
    running, existing, target = situation.running, situation.transition, situation.target
    if _is_staged(planned, existing, running):
        return _unchanged(running, existing)
    if check_mode:
        return Outcome(True, existing, planned.image)
    if planned.image is None or target is None:
        if owns_image(existing, running):
            _unload_ours(host, running, existing, check_mode)
        _note_what_was(host, situation, planned)
        write_transition(host, planned)
        return Outcome(True, planned, None)
    _note_what_was(host, situation, planned)
    write_transition(host, planned.in_state("staging"))
    try:
        load_target(host, target)
    except KhoError as error:
        raise _after_failed_load(host, running, existing, error) from error
    write_transition(host, planned)
    return Outcome(True, planned, planned.image)


def _settle(host: Host, run_identity: RunIdentity) -> None:
    """On the way back, a jump that has happened is judged in passing: whatever its verdict, it is given up."""
    respect_claims(host, run_identity)
    transition = read_transition(host)
    if transition is not None and awaits_verdict(transition, observe_running(host)):
        from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import verify

        verify(host, None, False)


def _note_what_was(host: Host, situation: Situation, planned: Transition) -> None:
    """What cannot be seen any more after the jump: how healthy the host was, and which kernel is given up."""
    given_up = situation.transition
    if planned.rollback and given_up is not None and given_up.image is not None and not given_up.rollback:
        verdict = (given_up.verdict or {}).get("verdict", "not_verified")
        release, fingerprint = given_up.promise.release, given_up.image.fingerprint
        remember_failure(host, Failure(release, fingerprint, verdict, given_up.created))
    save_baseline(host, observe_health(host), planned.left.boot_id)


def _is_staged(planned: Transition, existing: Transition | None, running: RunningKernel) -> bool:
    """Whether exactly this is staged already: the same promise, and the same files with the same content."""
    if existing is None or not is_staged_here(existing, running) or existing.promise != planned.promise:
        return False
    staged = _staged_image(running, existing)
    if staged is not None and planned.image is not None and not staged.fingerprint:
        return staged == replace(planned.image, fingerprint="")
    return staged == planned.image


def _after_failed_load(host: Host, running: RunningKernel, existing: Transition | None, error: KhoError) -> KhoError:
    """Put back what the record said before; returns the error to raise.

    When an image is loaded now that was not before (kexec did not end in time, but did its work), it is ours, and the
    staging record stays to say so.
    """
    if read_kexec_state(host).image_loaded and not running.image_loaded:
        return error
    try:
        if existing is None:
            remove_transition(host)
        else:
            write_transition(host, existing)
    except HostError as trouble:
        return KhoError(error.code, f"{error.message} Moreover, its record could not be taken back: {trouble.message}")
    return error


def _unload_ours(host: Host, running: RunningKernel, transition: Transition | None, check_mode: bool) -> Outcome:
    """Unload the image that this boot's record speaks of, if it is there, then forget the record."""
    if check_mode:
        return Outcome(True, transition, None)
    if running.image_loaded and owns_image(transition, running):
        keep(host)
        done = unload_image(host)
        if read_kexec_state(host).image_loaded:
            raise KhoError(
                "unload_failed",
                f"The image could not be unloaded: kexec {done.ending()}. It stays loaded, "
                "so that the next reboot may start it. Reboot with SYSTEMCTL_SKIP_AUTO_KEXEC=1 to avoid that.",
            )
    remove_transition(host)
    return Outcome(True, None, None)


def _unchanged(running: RunningKernel, transition: Transition | None) -> Outcome:
    return Outcome(False, transition, _staged_image(running, transition))


def _staged_image(running: RunningKernel, transition: Transition | None) -> StagedImage | None:
    """What is known to be loaded; None when nothing is, or when it is not certain what."""
    if transition is None or not is_staged_here(transition, running) or transition.state == "staging":
        return None
    return transition.image if running.image_loaded else None


def _refusal(plan: Plan, findings: dict[str, Any]) -> Refusal:
    """The first reason is the one to act on; the others are named, and explained in the plan."""
    first, others = plan.reasons[0], [note.code for note in plan.reasons[1:]]
    also = f" Further reasons, explained in plan.reasons: {', '.join(others)}." if others else ""
    return Refusal(first.code, first.message + also, findings)


def _result(
    findings: dict[str, Any], running: RunningKernel, before: Transition | None, outcome: Outcome
) -> dict[str, Any]:
    return {
        **findings,
        "changed": outcome.changed,
        "transition": _record_of(outcome),
        "diff": {"before": _shown(_staged_image(running, before)), "after": _shown(outcome.image)},
    }


def _record_of(outcome: Outcome) -> dict[str, Any] | None:
    return outcome.transition.as_result() if outcome.transition else None


def _shown(image: StagedImage | None) -> dict[str, Any]:
    """An image as a diff shows it."""
    if image is None:
        return {"image": None}
    command_line = printable(image.command_line, TEXT_LIMIT)
    return {"image": image.kernel, "initrds": list(image.initrds), "command_line": command_line}
