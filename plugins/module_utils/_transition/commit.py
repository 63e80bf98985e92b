# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a transition: the new kernel stays. Until then, every cold boot returns to the old one.

The guard is disarmed by the verdict, or here, before the boot loader's default changes, so it can never cold-boot
a host into a kernel that is given up. A run that is killed in between leaves a verified kernel behind that a cold boot
does not start yet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of, select
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import shown
from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import disarm
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.words import NEVER, REQUIRE
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, release_claim, respect_claims
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    Transition,
    awaits_verdict,
    is_staged_here,
    is_uncommitted,
    not_accepted,
    read_transition,
    unverified,
    write_transition,
)


def commit(
    host: Host, policy: str, accept: Sequence[str], run_identity: RunIdentity, check_mode: bool
) -> dict[str, Any]:
    """Confirm the running kernel: disarm the guard, make it the boot loader's default, end the claim of this run.

    ``policy`` is for the default: ``require``, ``prefer`` (one that cannot be set is a note) or ``never``. Raises
    Refusal ``host_claimed``, ``previous_transition_unverified``, ``transition_staged`` or
    ``last_verdict_not_accepted``, and what disarming and setting the default raise.
    """
    require_access(host)
    respect_claims(host, run_identity)
    running = observe_running(host)
    transition = read_transition(host)
    _require_verified(transition, running, accept)
    guard = disarm(host, check_mode)
    finished = _finish(host, transition, running, check_mode)
    result: dict[str, Any] = {
        "changed": guard["changed"] or finished,
        "release": running.release,
        "guard": guard,
        "boot_default": None,
    }
    notes: list[Note] = []
    if policy != NEVER and running.release is not None:
        try:
            result["boot_default"] = select(host, running.release, run_identity.now, check_mode, is_good=True)
            result["changed"] |= result["boot_default"]["changed"]
        except KhoError as error:
            notes.append(_not_set(host, running.release, policy, error))
    if not check_mode:
        release_claim(host, run_identity)
    return {**result, "notes": [note.as_dict() for note in notes]}


def _finish(host: Host, transition: Transition | None, running: RunningKernel, check_mode: bool) -> bool:
    """Note in the record that the transition went on to its end; whether that was new."""
    if transition is None or not is_uncommitted(transition, running):
        return False
    if not check_mode:
        write_transition(host, replace(transition, committed=True))
    return True


def require_reached(wanted: str | None, result: dict[str, Any]) -> None:
    """Raise KhoError ``target_not_reached``, with this result of ``commit``, when another release runs than ``wanted``.

    What was verified may be the jump of an earlier run, which had another target, or went back. None wants nothing.
    """
    runs = result["release"]
    if wanted is None or wanted == runs:
        return
    target = f"the target {shown(wanted)}" if wanted else "the target"
    raise KhoError(
        "target_not_reached",
        f"What an earlier run began is proven and confirmed, and {shown(runs)} runs, which is not {target}. "
        "Run this again to go on.",
        result,
    )


def _require_verified(transition: Transition | None, running: RunningKernel, accept: Sequence[str]) -> None:
    """What is not proven must not become what every later boot starts."""
    if transition is None:
        return
    if awaits_verdict(transition, running):
        note: Note | None = unverified(transition, running)
    elif is_staged_here(transition, running):
        note = Note(
            "transition_staged",
            f"The transition to {transition.promise.release} is staged and the jump has not happened: there is nothing "
            "to commit. Run the transition, or unload the image.",
        )
    else:
        note = not_accepted(transition, running)
    if note is not None and note.code not in accept:
        raise Refusal(note.code, note.message, {"transition": transition.as_result()})


def _not_set(host: Host, release: str, policy: str, error: KhoError) -> Note:
    """A default that cannot be set is none to worry about where the boot loader starts this kernel anyway."""
    default = boot_default_of(host)
    if default.release == release:
        return Note(
            "boot_default_not_pinned",
            f"The boot loader starts {release} by default, and this collection did not choose it: {error.message}",
        )
    if policy == REQUIRE:
        error.findings.setdefault("release", release)
        raise error
    return error.as_note()
