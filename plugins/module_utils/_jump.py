# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of a jump: leaving the old kernel, and having the new one judged."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._access import access_problem, is_root, require_access
from ansible_collections.kho.kexec.plugins.module_utils._container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._errors import KhoError, Note, Refusal
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
from ansible_collections.kho.kexec.plugins.module_utils._verdict import NOT_REBOOTED, judge

# The answer must reach the controller before the network goes down: the timer fires one second later, and systemd
# owns it, so that it survives the end of the session.
TRIGGER = (
    "systemd-run",
    "--collect",
    "--on-active=1",
    "--timer-property=AccuracySec=100ms",
    "--unit=kho-kexec-leave-{number}",
)
KEXEC_COMMAND = ("systemctl", "kexec")
# systemctl(1): without the variable, a reboot becomes a kexec as soon as somebody loads an image.
COLD_BOOT_COMMAND = ("env", "SYSTEMCTL_SKIP_AUTO_KEXEC=1", "systemctl", "reboot")
TRIGGER_TIMEOUT = 120.0


def leave(host: Host, number: int, check_mode: bool) -> dict[str, Any]:
    """Tell the host to leave this boot for the staged target; returns at once, about a second before it goes.

    ``number`` makes the trigger's unit unique. ``already_left`` is True, and nothing is done, when another boot than
    this one was left. Raises Refusal ``promise_missing``, ``image_not_loaded`` or, for a cold boot,
    ``image_already_loaded``, and KhoError ``trigger_failed``.
    """
    require_access(host)
    running = observe_running(host)
    transition = _promised(host, running)
    already_left = awaits_verdict(transition, running)
    triggered = not already_left and not check_mode
    if not already_left:
        _require_staged(running, transition)
    if triggered:
        _go(host, transition, number)
    return {
        "changed": not already_left,
        "boot_id": running.boot_id,
        "release": running.release,
        "promise": transition.promise.as_dict(),
        "already_left": already_left,
        "triggered": triggered,
    }


def arrive(host: Host, check_mode: bool) -> dict[str, Any]:
    """Judge the transition and close its record; returns the verdict. A closed record keeps the verdict that it has.

    A host that is still in the boot that it was told to leave, and has all that it needs to leave it, may be told
    again: its record goes back to ``loaded``. Raises Refusal ``promise_missing``.
    """
    require_access(host)
    running = observe_running(host)
    transition = read_transition(host)
    if transition is None:
        raise _promise_missing(f"there is no transition record ({RECORD_PATH})", running)
    if transition.verdict is not None:
        return {"changed": False, "verdict": dict(transition.verdict), "transition": transition.as_result()}
    verdict = judge(transition, running)
    if verdict.finding.verdict == NOT_REBOOTED and (running.image_loaded or transition.promise.how == COLD_BOOT):
        judged = transition.in_state("loaded") if transition.state == "left" else transition
    else:
        judged = transition.closed(verdict.as_dict())
    changed = judged != transition
    if changed and not check_mode:
        write_transition(host, judged)
    return {"changed": changed, "verdict": verdict.as_dict(), "transition": judged.as_result()}


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
    verdict = judge(transition, running).as_dict() if transition.verdict is None else dict(transition.verdict)
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


def _go(host: Host, transition: Transition, number: int) -> None:
    """Write down that this boot is being left, then leave: whoever looks later must know it."""
    write_transition(host, transition.in_state("left"))
    command = COLD_BOOT_COMMAND if transition.promise.how == COLD_BOOT else KEXEC_COMMAND
    problem = _trigger(host, number, command)
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


def _trigger(host: Host, number: int, command: tuple[str, ...]) -> str | None:
    """Write everything to disk and set off the timer; returns what went wrong, or None."""
    for argv in (["sync"], [*(word.format(number=number) for word in TRIGGER), *command]):
        try:
            done = host.run(argv, TRIGGER_TIMEOUT)
        except HostError as error:
            return error.message
        if done.rc != 0:
            said = printable(" ".join((done.stderr or done.stdout).split()), 500) or "nothing"
            return f"{argv[0]} ended with exit code {done.rc} and said: {said}."
    return None
