# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's health has to say about a jump. On its own, because it reads crashes, and who only closes a record
does not have to be sent all that.
"""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._health.compare import OwnComplaints
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import Health
from ansible_collections.kho.kexec.plugins.module_utils._health.watch import Checks, check_health, staged_baseline
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._transition.verdict import Witness
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import Examine

COMMAND_FAILED = "command_failed"


def examining(checks: Checks) -> Examine:
    """Return how `verify` is to examine a host: by these checks."""

    def examine(host: Host, witness: Witness, left_boot_id: str) -> Witness:
        return examined(host, witness, left_boot_id, checks)

    return examine


def examined(host: Host, witness: Witness, left_boot_id: str, checks: Checks) -> Witness:
    """Return the witness, with what the host's health adds to it.

    Troubles that may be old must not send a host back, so without its health in the boot that was left only what
    the operator's own commands say counts.
    """
    before, notes = _health_before(host, left_boot_id)
    if before is None and not checks.commands:
        return witness._replace(notes=notes)
    comparison = check_health(host, before, checks, own=lambda: _own(host, checks)).comparison
    found = [one.as_dict() for one in comparison.troubles if one.counts]
    if before is not None:
        return witness._replace(troubles=found)
    return witness._replace(troubles=[one for one in found if one["code"] == COMMAND_FAILED] or None, notes=notes)


def _own(host: Host, checks: Checks) -> OwnComplaints | None:
    """What this kernel complains about after cold boots."""
    # Here, because hardly any jump needs it, and the host would compile it at each.
    from ansible_collections.kho.kexec.plugins.module_utils._history.cold import own_complaints

    return own_complaints(host, checks.own_troubles)


def _health_before(host: Host, left_boot_id: str) -> tuple[Health | None, tuple[Note, ...]]:
    """The health in the boot that was left, or None and why it is not known."""
    try:
        baseline = staged_baseline(host)
    except Refusal as refusal:
        return None, (refusal.as_note(),)
    if baseline.boot_id == left_boot_id:
        return baseline.health, ()
    message = "The host's health in the boot that was left is not known, so old troubles cannot be told from new."
    return None, (Note("baseline_absent", message),)
