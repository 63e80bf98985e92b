# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rollout may go on: hosts that jumped are no worse off than those that have not yet, in the same hours."""

from __future__ import annotations

from math import isinf
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped import Sides, sides
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped_symptoms import complaints
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import LIMIT, Watched, ratio_interval
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.stakes import evidence
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_gate_words import (
    complaint_sentences,
    complaints_as_list,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import won_by_symptoms

NAMED = 5
"""How many hosts that crashed a message names."""


def keep_no_worse(ledger: Ledger, release: str | None, since: int, symptoms: bool = False) -> dict[str, Any]:
    """Return how hosts fared since a rollout began; ``failed`` when those that jumped are worse off.

    Of harmless rollouts, at most a share of ``ALPHA`` fails, however often it is asked. With ``symptoms``, what kernels
    complain about counts too, and that share is of both together. Raises LedgerError.
    """
    found = sides(ledger, release, since)
    told = complaints(ledger, release, since) if symptoms else None
    by_symptoms = won_by_symptoms(told.found, told.own) if told else None
    won = evidence(found.jumped, found.waiting, found.past, by_symptoms)
    low, high = ratio_interval(found.jumped, found.waiting)
    result = {
        "changed": False,
        "jumped": _told(found.jumped, found.jumped_hosts),
        "waiting": _told(found.waiting, found.waiting_hosts),
        "crashed_hosts": list(found.crashed_hosts),
        "ratio": _ratio(found),
        "ratio_interval": [low, None if isinf(high) else high],
        "evidence": won,
        "evidence_limit": LIMIT,
        **({"symptoms": complaints_as_list(told)} if told else {}),
    }
    numbers = " ".join([_numbers(found, low, high), *(complaint_sentences(told) if told else ())])
    if won < LIMIT:
        unless = f"Evidence that they are worse off is {won:.2g}, and {LIMIT:.0f} would be enough."
        return {**result, "msg": f"{numbers} {unless}"}
    message = (
        f"Hosts that jumped are worse off than those that have not yet. {numbers} Of harmless rollouts, at most "
        f"{ALPHA:.0%} get as far, however often one looks (evidence {won:.3g}, and {LIMIT:.0f} is enough). Crashed: "
        f"{listed(found.crashed_hosts, NAMED) or 'none'}. The next wave would repeat it on more hosts. Look at the "
        f"crashes{' and complaints' if told else ''} in the report before you go on."
    )
    return {**result, **failed_with("jumped_hosts_worse", message)}


def _told(side: Watched, hosts: int) -> dict[str, Any]:
    return {"hosts": hosts, "hours": side.hours, "crashed": side.crashes}


def _ratio(found: Sides) -> float | None:
    jumped, waiting = found.jumped, found.waiting
    if not (jumped.hours and waiting.crashes):
        return None
    return (jumped.crashes / jumped.hours) / (waiting.crashes / waiting.hours)


def _numbers(found: Sides, low: float, high: float) -> str:
    ratio = _ratio(found)
    times = "" if ratio is None else f"{ratio:.2g} times as often, and "
    above = "any number of" if isinf(high) else f"{high:.2g}"
    before = _side(found.waiting, found.waiting_hosts)
    return (
        f"Since then, {_side(found.jumped, found.jumped_hosts)} after the jump, and {before} before it: "
        f"{times}{low:.2g} to {above} times as often are possible."
    )


def _side(side: Watched, hosts: int) -> str:
    return f"{side.crashes} of {counted(hosts, 'host')} crashed in {side.hours:.3g} host hours"
