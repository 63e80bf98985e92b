# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of a jump: leaving the old kernel, and having the new one judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._access import access_problem, is_root, require_access
from ansible_collections.kho.kexec.plugins.module_utils._claim import Asker, respect_claims
from ansible_collections.kho.kexec.plugins.module_utils._container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._failures import Failure, forget_failures, remember_failure
from ansible_collections.kho.kexec.plugins.module_utils._guard import disarm
from ansible_collections.kho.kexec.plugins.module_utils._guard_record import ARMED, read_guard
from ansible_collections.kho.kexec.plugins.module_utils._health import Health
from ansible_collections.kho.kexec.plugins.module_utils._health_watch import (
    Checks,
    check_health,
    staged_baseline,
)
from ansible_collections.kho.kexec.plugins.module_utils._host import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._kexec_state import foreign_image
from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._text import printable
from ansible_collections.kho.kexec.plugins.module_utils._transition import (
    COLD_BOOT,
    RECORD_PATH,
    Transition,
    awaits_verdict,
    is_staged_here,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._verdict import NOT_REBOOTED, Verdict, Witness, judge

# The answer must reach the controller before the network goes down: the timer fires one second later, and systemd
# owns it, so that it survives the end of the session.
TRIGGER = (
    "systemd-run",
    "--collect",
    "--on-active=1",
    "--timer-property=AccuracySec=100ms",
    "--unit=kho-kexec-leave-{number}",
)
# A service that does not stop holds up the jump, for ever if its TimeoutStopSec= allows it, and nobody can log in any
# more. Units without default dependencies are not stopped when the system goes down (systemd.unit(5)).
INSISTENCE = (
    "systemd-run",
    "--collect",
    "--on-active={patience}",
    "--timer-property=DefaultDependencies=no",
    "--property=DefaultDependencies=no",
    "--unit=kho-kexec-insist-{number}",
)
KEXEC_COMMAND = ("systemctl", "kexec")
# systemctl(1): without the variable, a reboot becomes a kexec as soon as somebody loads an image.
COLD_BOOT_COMMAND = ("env", "SYSTEMCTL_SKIP_AUTO_KEXEC=1", "systemctl", "reboot")
TRIGGER_TIMEOUT = 120.0
COMMAND_FAILED = "command_failed"


def _armed_guard(host: Host, transition: Transition) -> dict[str, Any] | None:
    """How long the guard of this transition waits for its confirmation, None when there is none."""
    guard = read_guard(host)
    if guard is None or guard.state != ARMED or guard.armed_boot_id != transition.left.boot_id:
        return None
    return {"confirm_timeout": guard.confirm_timeout}


@dataclass(frozen=True)
class Departure:
    """How to leave. ``number`` makes the names of units unique.

    After ``patience`` seconds of stopping services, the rest of them is killed; 0 waits for ever. ``again`` is for who
    has lost the answer: a host that has been told to leave is not told twice.
    """

    number: int
    patience: int = 0
    again: bool = False


def leave(host: Host, departure: Departure, asker: Asker, check_mode: bool) -> dict[str, Any]:
    """Tell the host to leave this boot for the staged target; returns at once, about a second before it goes.

    ``already_left`` is True, and nothing is done, when another boot than this one was left. Raises Refusal
    ``host_claimed``, ``promise_missing``, ``image_not_loaded`` or, for a cold boot, ``image_already_loaded``, and
    KhoError ``trigger_failed``.
    """
    require_access(host)
    respect_claims(host, asker)
    running = observe_running(host)
    transition = _promised(host, running)
    already_left = awaits_verdict(transition, running)
    told = departure.again and transition.state == "left"
    triggered = not already_left and not told and not check_mode
    if not already_left and not told:
        _require_staged(running, transition)
    if triggered:
        _go(host, transition, departure)
    return {
        "changed": not already_left,
        "boot_id": running.boot_id,
        "release": running.release,
        "promise": transition.promise.as_dict(),
        "already_left": already_left,
        "triggered": triggered,
        "guard": _armed_guard(host, transition),
    }


def arrive(host: Host, checks: Checks | None, check_mode: bool) -> dict[str, Any]:
    """Judge the transition and close its record; returns the verdict. A closed record keeps the verdict that it has.

    With ``checks``, a transition that came true is also judged by the host's health. What is accepted needs no guard
    any more, and it is disarmed. A target that did not do what was promised is remembered, so that no later run jumps
    into it again. A host that is still in the boot that it was told to leave, and has all that it needs to leave it,
    may be told again: its record goes back to ``loaded``.
    Raises Refusal ``promise_missing``, and KhoError ``guard_fired`` when the guard was faster than the verdict.
    """
    require_access(host)
    running = observe_running(host)
    transition = read_transition(host)
    if transition is None:
        raise _promise_missing(f"there is no transition record ({RECORD_PATH})", running)
    if transition.verdict is not None:
        return {"changed": False, "verdict": dict(transition.verdict), "transition": transition.as_result()}
    verdict = judge(transition, running, Witness(_guard_fired(host, transition)))
    if checks is not None and verdict.accepted:
        verdict = judge(transition, running, _examined(host, verdict.witness, transition.left.boot_id, checks))
    if verdict.accepted and not check_mode:
        notes = (*verdict.witness.notes, *_relieve_guard(host))
        verdict = replace(verdict, witness=replace(verdict.witness, notes=notes))
    if verdict.finding.verdict == NOT_REBOOTED and (running.image_loaded or transition.promise.how == COLD_BOOT):
        judged = transition.in_state("loaded") if transition.state == "left" else transition
    else:
        judged = transition.closed(verdict.as_dict())
    changed = judged != transition
    if changed and not check_mode:
        _remember(host, judged, verdict)
        write_transition(host, judged)
    return {"changed": changed, "verdict": verdict.as_dict(), "transition": judged.as_result()}


def _relieve_guard(host: Host) -> tuple[Note, ...]:
    """A kernel that is proven stays: other hosts may be waited for, for longer than the guard waits, until the commit.

    Returns what keeps the guard from being disarmed. Raises KhoError ``guard_fired`` when the guard was faster.
    """
    try:
        disarm(host, check_mode=False)
    except KhoError as error:
        if error.code == "guard_fired":
            raise
        return (Note(error.code, error.message),)
    return ()


def _guard_fired(host: Host, transition: Transition) -> bool:
    """Whether the guard that watched over this transition gave its target up."""
    guard = read_guard(host)
    return guard is not None and guard.armed_boot_id == transition.left.boot_id and guard.fired_boot_id is not None


def _examined(host: Host, witness: Witness, left_boot_id: str, checks: Checks) -> Witness:
    """What the host's health adds to a witness.

    Troubles that may be old must not send a host back, so that without its health in the boot that was left only what
    the operator's own commands say counts.
    """
    before, notes = _health_before(host, left_boot_id)
    if before is None and not checks.commands:
        return replace(witness, notes=notes)
    found = [one.as_dict() for one in check_health(host, before, checks).comparison.troubles if one.counts]
    if before is not None:
        return replace(witness, troubles=found)
    return replace(witness, troubles=[one for one in found if one["code"] == COMMAND_FAILED] or None, notes=notes)


def _health_before(host: Host, left_boot_id: str) -> tuple[Health | None, tuple[Note, ...]]:
    """The health in the boot that was left, or None and why it is not known."""
    try:
        baseline = staged_baseline(host)
    except Refusal as refusal:
        return None, (Note(refusal.code, refusal.message),)
    if baseline.boot_id == left_boot_id:
        return baseline.health, ()
    message = "The host's health in the boot that was left is not known, so that old troubles cannot be told from new."
    return None, (Note("baseline_absent", message),)


def _remember(host: Host, judged: Transition, verdict: Verdict) -> None:
    """Before the record is closed: whoever is killed in between judges, and remembers, once more."""
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
        verdict = judge(transition, running, Witness(_guard_fired(host, transition))).as_dict()
    else:
        verdict = dict(transition.verdict)
    return {"running": facts, "transition": transition.as_result(), "verdict": verdict, "notes": []}


def _promised(host: Host, running: RunningKernel) -> Transition:
    """The record of a transition that is staged here, or that awaits its verdict."""
    transition = read_transition(host)
    if transition is None:
        raise _promise_missing(f"there is no transition record ({RECORD_PATH})", running)
    if awaits_verdict(transition, running):
        return transition
    if not is_staged_here(transition, running):
        raise _promise_missing("the last transition is closed, and nothing was staged in this boot since", running)
    if transition.state == "staging":
        raise _promise_missing("staging was interrupted, and it is not certain what is loaded", running)
    return transition


def _promise_missing(found: str, running: RunningKernel) -> Refusal:
    return Refusal(
        "promise_missing",
        f"Nothing was promised for this boot: {found}. Without a promise the jump could not be proven. Stage the "
        "target with kho.kexec.kexec_image first.",
        {"running": running.as_facts()},
    )


def _require_staged(running: RunningKernel, transition: Transition) -> None:
    """For a kexec an image must be loaded; for a cold boot none may be, for it would be somebody else's."""
    if transition.promise.how == COLD_BOOT:
        if running.image_loaded:
            foreign = foreign_image()
            raise Refusal(foreign.code, foreign.message, {"running": running.as_facts()})
        return
    if not running.image_loaded:
        raise Refusal(
            "image_not_loaded",
            f"The record promises {transition.promise.release}, and no image is loaded: somebody has unloaded it. "
            "'systemctl kexec' would then choose a kernel by itself, or cold-boot. Stage the target again with "
            "kho.kexec.kexec_image.",
            {"running": running.as_facts(), "transition": transition.as_result()},
        )


def _go(host: Host, transition: Transition, departure: Departure) -> None:
    """Write down that this boot is being left, then leave: whoever looks later must know it."""
    write_transition(host, transition.in_state("left"))
    command = COLD_BOOT_COMMAND if transition.promise.how == COLD_BOOT else KEXEC_COMMAND
    problem = _trigger(host, departure, command)
    if problem is None:
        return
    try:
        write_transition(host, transition.in_state("loaded"))
    except HostError as trouble:
        problem = f"{problem} Moreover, the record still says that this boot was left: {trouble.message}"
    raise KhoError(
        "trigger_failed",
        f"The host could not be told to leave: {problem} It stays where it is, staged as it was. Look in the journal, "
        "and run this again.",
        {"transition": transition.as_result()},
    )


def _trigger(host: Host, departure: Departure, command: tuple[str, ...]) -> str | None:
    """Write everything to disk and set off the timers; returns what went wrong, or None.

    The one that insists comes first: nothing can be set any more once the host goes down.
    """
    number, patience = departure.number, departure.patience
    leaving = [*(word.format(number=number) for word in TRIGGER), *command]
    insisting = [*(word.format(number=number, patience=patience) for word in INSISTENCE), *command, "--force"]
    for argv in (["sync"], *([insisting] if patience else []), leaving):
        problem = _problem_with(host, argv)
        if problem is not None:
            break
    if problem is not None and patience:
        _problem_with(host, ["systemctl", "stop", f"kho-kexec-insist-{number}.timer"])
    return problem


def _problem_with(host: Host, argv: list[str]) -> str | None:
    """Run a program; returns what went wrong, or None."""
    try:
        done = host.run(argv, TRIGGER_TIMEOUT)
    except HostError as error:
        return error.message
    if done.rc == 0:
        return None
    said = printable(" ".join((done.stderr or done.stdout).split()), 500) or "nothing"
    return f"{argv[0]} ended with exit code {done.rc} and said: {said}."
