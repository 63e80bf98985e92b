# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaving the old kernel: the first half of a jump, on the host."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._guard.record import ARMED, read_guard
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.busy import require_idle
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import foreign_image
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, respect_claims
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Transition,
    awaits_verdict,
    is_staged_here,
    promise_missing,
    read_transition,
    write_transition,
)

# The answer must reach the controller before the network goes down: the timer fires one second later, and systemd
# owns it, so it survives the end of the session.
TRIGGER = (
    "systemd-run",
    "--collect",
    "--on-active=1",
    "--timer-property=AccuracySec=100ms",
    "--unit=kho-kexec-leave-{number}",
)
# A service that does not stop holds up the jump, forever if its TimeoutStopSec= allows it, and nobody can log in any
# more. Units without default dependencies are not stopped when the system goes down (systemd.unit(5)).
INSISTENCE = (
    "systemd-run",
    "--collect",
    "--on-active={patience}",
    "--timer-property=DefaultDependencies=no",
    "--property=DefaultDependencies=no",
    "--unit=kho-kexec-insist-{number}",
)
# What was denied, as by an inhibitor, is never forced: only a host that is going down and hangs.
IF_STOPPING = ("sh", "-c", '[ "$(systemctl is-system-running)" != stopping ] || exec "$@"', "kho-kexec-insist")
KEXEC_COMMAND = ("systemctl", "kexec")
# systemctl(1): without the variable, a reboot becomes a kexec as soon as somebody loads an image.
COLD_BOOT_COMMAND = ("env", "SYSTEMCTL_SKIP_AUTO_KEXEC=1", "systemctl", "reboot")
TRIGGER_TIMEOUT = 120.0


class Departure(NamedTuple):
    """How to leave. ``number`` makes the names of units unique.

    After ``patience`` seconds of stopping services, the rest of them is killed; 0 waits forever. ``again`` is for who
    has lost the answer: a host that has been told to leave is not told twice.
    """

    number: int
    patience: int = 0
    again: bool = False


def leave(host: Host, departure: Departure, run_identity: RunIdentity, check_mode: bool) -> dict[str, Any]:
    """Tell the host to leave this boot for the staged target; returns at once, about a second before it goes.

    ``already_left`` is True, and nothing is done, when another boot than this one was left. Raises Refusal
    ``host_claimed``, ``promise_missing``, ``image_not_loaded`` or, for a cold boot, ``image_already_loaded``; unless
    it is a way back, ``shutdown_inhibited`` and ``packages_locked``; and KhoError ``trigger_failed``.
    """
    require_access(host)
    respect_claims(host, run_identity)
    running = observe_running(host)
    transition = _promised(host, running)
    already_left = awaits_verdict(transition, running)
    told = departure.again and transition.state == "left"
    triggered = not already_left and not told and not check_mode
    if not already_left and not told:
        _require_staged(running, transition)
        if not transition.rollback:
            require_idle(host)
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


def _armed_guard(host: Host, transition: Transition) -> dict[str, Any] | None:
    """How long the guard of this transition waits for its confirmation, None when there is none."""
    guard = read_guard(host)
    if guard is None or guard.state != ARMED or guard.armed_boot_id != transition.left.boot_id:
        return None
    return {"confirm_timeout": guard.confirm_timeout}


def _promised(host: Host, running: RunningKernel) -> Transition:
    """The record of a transition that is staged here, or that awaits its verdict."""
    transition = read_transition(host)
    if transition is None:
        raise promise_missing(f"there is no transition record ({RECORD_PATH})", running)
    if awaits_verdict(transition, running):
        return transition
    if not is_staged_here(transition, running):
        raise promise_missing("the last transition is closed, and nothing was staged in this boot since", running)
    if transition.state == "staging":
        raise promise_missing("staging was interrupted, and it is not certain what is loaded", running)
    return transition


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
            f"The record promises {transition.promise.release}, and no image is loaded: it was unloaded since. "
            "'systemctl kexec' would then select a kernel on its own, or cold-boot. Stage the target again with "
            "kho.kexec.kexec_image.",
            {"running": running.as_facts(), "transition": transition.as_result()},
        )


def _go(host: Host, transition: Transition, departure: Departure) -> None:
    """Write down that this boot is being left, then leave: later runs must know it."""
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
    insisting = [
        *(word.format(number=number, patience=patience) for word in INSISTENCE),
        *IF_STOPPING,
        *command,
        "--force",
    ]
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
    return None if done.rc == 0 else f"{argv[0]} {done.ending()}."
