# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator's policy says against a transition: one small pure function for each code."""

from __future__ import annotations

from typing import Iterator

from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._objection import (
    ANY_KEXEC,
    ANY_WAY,
    OBSTACLE,
    Objection,
    Ways,
)
from ansible_collections.kho.kexec.plugins.module_utils._policy import ANY
from ansible_collections.kho.kexec.plugins.module_utils._prediction import promise_of
from ansible_collections.kho.kexec.plugins.module_utils._releases import release_key
from ansible_collections.kho.kexec.plugins.module_utils._situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._text import printable
from ansible_collections.kho.kexec.plugins.module_utils._transition import COLD_BOOT, HANDOVER, KEXEC

DENIED: dict[str, Ways] = {
    ANY: ANY_WAY,
    HANDOVER: ANY_KEXEC,
    KEXEC: frozenset({KEXEC}),
    COLD_BOOT: frozenset({COLD_BOOT}),
}


def downgrade(target: Target, situation: Situation) -> Iterator[Objection]:
    """Going back is a decision of the operator's."""
    running = situation.running.release
    if running is None or situation.policy.allow_downgrade or release_key(target.release) >= release_key(running):
        return
    note = Note(
        "downgrade",
        f"The target {target.release} is older than the running kernel {running}. Older kernels lack fixes, and may "
        "not understand what the newer one left on disk. Set allow_downgrade if that is wanted.",
    )
    yield Objection(note, ANY_WAY, OBSTACLE)


def chain_too_long(target: Target, situation: Situation) -> Iterator[Objection]:
    """Some faults show only after many kexecs in a row; a cold boot begins a new chain."""
    limit, promise = situation.policy.max_kexec_count, promise_of(situation.running, target.release)
    if limit == 0 or promise is None or promise.kexec_count <= limit:
        return
    note = Note(
        "chain_too_long",
        f"The next handover would be number {promise.kexec_count} since the last cold boot, and max_kexec_count is "
        f"{limit}. Cold-boot the host to begin a new chain, or allow a longer one.",
    )
    yield Objection(note, ANY_KEXEC, OBSTACLE)


def transition_denied(target: Target, situation: Situation) -> Iterator[Objection]:
    """The operator's list of transitions that must not be done.

    Two kernels that can hand over do so at every kexec, so that who denies a handover denies a kexec too.
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
            yield Objection(note, DENIED[denial.action], OBSTACLE)


def target_failed_before(target: Target, situation: Situation) -> Iterator[Objection]:
    """A rollout that is run again must not send a host into the kernel from which it has just come back."""
    for failure in situation.failures:
        if failure.is_of(target.release, target.fingerprint):
            note = Note(
                "target_failed_before",
                f"The target {target.release} has failed on this host before: the transition of "
                f"{printable(failure.created)} ended with the verdict {printable(failure.verdict)}, and the files are "
                "still the same. Find out why first. Install a mended kernel, which is tried without further ado, "
                "choose another target, or accept target_failed_before to try this one once more.",
            )
            yield Objection(note, ANY_WAY, OBSTACLE)


CHECKS = (downgrade, transition_denied, chain_too_long, target_failed_before)
