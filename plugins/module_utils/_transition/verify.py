# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Having the new kernel judged: the second half of a jump, on the host."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import disarm, is_anything_there
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import read_guard
from ansible_collections.kho.kexec.plugins.module_utils._host.access import access_problem, is_root, require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT, NOT_REBOOTED
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build import running_build
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import (
    Failure,
    forget_failures,
    remember_failure,
)
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Transition,
    promise_missing,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition.call_off import DEPARTURE_PENDING, call_off
from ansible_collections.kho.kexec.plugins.module_utils._transition.verdict import Verdict, Witness, judge

Examine = Callable[[Host, Witness, str], Witness]
"""Returns the witness, with what the host's health adds to it; it is given the id of the boot that was left."""


def verify(host: Host, examine: Examine | None, check_mode: bool) -> dict[str, Any]:
    """Judge the transition and close its record; returns the verdict. A closed record keeps the verdict that it has.

    With ``examine``, a transition that came true is also judged by the host's health. What is accepted needs no guard
    any more, and it is disarmed. A target that did not do what was promised is remembered, so no later run jumps
    into it again. A host that is still in the boot that it was told to leave, and has all that it needs to leave it,
    may be told again: its record goes back to ``loaded``.
    On a host that cannot write, nothing is accepted, and the note ``record_unwritable`` says why; on one that is still
    to leave and cannot be told to stay, the note ``departure_pending``.
    Raises Refusal ``promise_missing``, and KhoError ``guard_fired`` when the guard was faster than the verdict.
    """
    require_access(host)
    running = observe_running(host)
    transition = read_transition(host)
    if transition is None:
        raise promise_missing(f"there is no transition record ({RECORD_PATH})", running)
    if transition.verdict is not None:
        return {"changed": False, "verdict": _given(host, transition, running), "transition": transition.as_result()}
    verdict = judge(transition, running, _witness(host, transition))
    if examine is not None and verdict.accepted:
        verdict = judge(transition, running, examine(host, verdict.witness, transition.left.boot_id))
    if not check_mode:
        verdict = _settled(host, verdict)
    judged = _judged(verdict)
    changed = judged != transition
    if changed and not check_mode:
        problem = _write_down(host, judged, verdict)
        if problem is not None:
            verdict, judged, changed = _not_written(verdict, problem), transition, False
    return {"changed": changed, "verdict": verdict.as_dict(), "transition": judged.as_result()}


def _given(host: Host, transition: Transition, running: RunningKernel) -> dict[str, Any] | None:
    """The verdict of a closed record; of a boot that was proven, and is over before the commit, what runs instead.

    That is not written down: nothing is known against the kernel that was proven.
    """
    given = transition.verdict
    if given is None or not given["accepted"] or transition.committed:
        return transition.full_verdict
    if given["reported"]["boot_id"] in (None, running.boot_id):
        return transition.full_verdict
    return judge(transition, running, _witness(host, transition)).as_dict()


def _settled(host: Host, verdict: Verdict) -> Verdict:
    """The verdict, once what follows from it was done: the guard is disarmed, or the order to leave taken back.

    What cannot be written down is not accepted: the guard stays armed, and brings the old kernel back.
    """
    transition = verdict.transition
    if verdict.finding.verdict == NOT_REBOOTED and transition.state == "left":
        pending = call_off(host)
        return _with_notes(verdict, pending) if pending else verdict
    if not verdict.accepted:
        return verdict
    problem = _problem_with_record(host, transition) if is_anything_there(host, read_guard(host)) else None
    return _not_written(verdict, problem) if problem else _with_notes(verdict, *_relieve_guard(host))


def _not_written(verdict: Verdict, problem: Note) -> Verdict:
    witness = verdict.witness._replace(unwritable=True, notes=(*verdict.witness.notes, problem))
    return judge(verdict.transition, verdict.running, witness)


def _with_notes(verdict: Verdict, *notes: Note) -> Verdict:
    return verdict._replace(witness=verdict.witness._replace(notes=(*verdict.witness.notes, *notes)))


def _judged(verdict: Verdict) -> Transition:
    """What the record is to say: a host that may be told to leave once more is not done with."""
    transition = verdict.transition
    if verdict.witness.unwritable or any(note.code == DEPARTURE_PENDING for note in verdict.witness.notes):
        return transition
    can_leave = verdict.running.image_loaded or transition.promise.how == COLD_BOOT
    if verdict.finding.verdict == NOT_REBOOTED and can_leave:
        return transition.in_state("loaded") if transition.state == "left" else transition
    return transition.closed(verdict.as_dict())


def _problem_with_record(host: Host, transition: Transition) -> Note | None:
    """Why the record cannot be written; None when it can."""
    try:
        write_transition(host, transition)
    except HostError as error:
        return _unwritable(error)
    return None


def _write_down(host: Host, judged: Transition, verdict: Verdict) -> Note | None:
    """Close the record; returns why it could not be."""
    try:
        _remember(host, judged, verdict)
        write_transition(host, judged)
    except HostError as error:
        return _unwritable(error)
    return None


def _unwritable(error: HostError) -> Note:
    return Note(
        "record_unwritable",
        f"The verdict cannot be written down on the host: {error.message} So the kernel is not accepted, and its guard "
        "stays armed. Look for errors of the file system in the kernel log.",
    )


def _relieve_guard(host: Host) -> tuple[Note, ...]:
    """A kernel that is proven stays: other hosts may be waited for, for longer than the guard waits, until the commit.

    Returns what keeps the guard from being disarmed. Raises KhoError ``guard_fired`` when the guard was faster.
    """
    try:
        disarm(host, check_mode=False)
    except KhoError as error:
        if error.code == "guard_fired":
            raise
        return (error.as_note(),)
    return ()


def _witness(host: Host, transition: Transition) -> Witness:
    """What others than the kernel's handover tell."""
    return Witness(guard_fired=_guard_fired(host, transition), build=running_build(host))


def _guard_fired(host: Host, transition: Transition) -> bool:
    """Whether the guard that watched over this transition gave its target up."""
    guard = read_guard(host)
    return guard is not None and guard.armed_boot_id == transition.left.boot_id and guard.fired_boot_id is not None


def _remember(host: Host, judged: Transition, verdict: Verdict) -> None:
    """Before the record is closed: a run that is killed in between judges, and remembers, once more."""
    release, word = judged.promise.release, verdict.finding.verdict
    if verdict.accepted:
        forget_failures(host, release)
    elif word != NOT_REBOOTED:
        fingerprint = judged.image.fingerprint if judged.image is not None else ""
        remember_failure(host, Failure(release, fingerprint, word, judged.created))


def look(host: Host) -> dict[str, Any]:
    """The verdict as it is now, without closing the record; ``verdict`` is None, with a note, when there is none."""
    running = observe_running(host)
    facts = running.as_facts()
    problem = access_problem(container_manager(host), is_root(host))
    if problem is not None:
        return {"running": facts, "transition": None, "verdict": None, "notes": [problem.as_dict()]}
    try:
        transition = read_transition(host)
    except Refusal as refusal:
        refusal.findings["running"] = facts
        raise
    if transition is None:
        note = Note(
            "record_absent",
            f"There is no transition record ({RECORD_PATH}), so nothing was promised and nothing can be judged. One is "
            "written when an image is staged.",
        )
        return {"running": facts, "transition": None, "verdict": None, "notes": [note.as_dict()]}
    if transition.verdict is None:
        verdict = judge(transition, running, _witness(host, transition)).as_dict()
    else:
        verdict = transition.full_verdict
    return {"running": facts, "transition": transition.as_result(), "verdict": verdict, "notes": []}
