# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rollout may go on: hosts that jumped are no worse off than those that have not yet, in the same hours."""

from __future__ import annotations

from math import isinf
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped import (
    Asked,
    Cohort,
    Sides,
    boots_since,
    sides,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped_symptoms import (
    Complaints,
    complaints,
    with_own,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import LIMIT, Watched, ratio_interval
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.stakes import evidence
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ALPHA
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_gate_words import (
    complaint_sentences,
    complaints_as_list,
)

WORSE = "jumped_hosts_worse"
"""The code of what was found."""
NAMED = 5
"""How many hosts that crashed a message names."""


class Looked(NamedTuple):
    """How hosts of both sides fared, and what their kernels complain about; None when that does not count."""

    found: Sides
    told: Complaints | None


def keep_no_worse(ledger: Ledger, release: str | None, since: int, symptoms: bool = False) -> dict[str, Any]:
    """Return how hosts fared since a rollout began; ``failed`` when those that jumped are worse off.

    Of harmless rollouts, at most a share of ``ALPHA`` fails, however often it is asked. With ``symptoms``, what kernels
    complain about counts too, and that share is of both together. Raises LedgerError.
    """
    return judged(look(ledger, release, since, symptoms))


def look(ledger: Ledger, release: str | None, since: int, symptoms: bool, cohort: Cohort | None = None) -> Looked:
    """Return how hosts fared ``since`` then, with symptoms or without. Raises LedgerError."""
    asked = Asked(release, since, cohort and cohort.named())
    with ledger.snapshot() as connection:
        boots = boots_since(connection, asked, symptoms)
        told = complaints(connection, boots, asked) if symptoms else None
        looked = Looked(sides(connection, boots, asked), told)
        if told is not None and _evidence(looked) >= LIMIT:
            looked = looked._replace(told=with_own(connection, told))
    return looked


def judged(looked: Looked, since: str = "Since then", stops: str = "") -> dict[str, Any]:
    """Return what speaks for it that hosts that jumped are worse off; ``failed`` when it is enough.

    ``since`` says from when on hosts were looked at, and ``stops`` what else stops.
    """
    found, told = looked
    won = _evidence(looked)
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
    numbers = " ".join([_numbers(found, low, high, since), *(complaint_sentences(told) if told else ())])
    if won < LIMIT:
        unless = f"Evidence that they are worse off is {won:.2g}, and {LIMIT:.0f} would be enough."
        return {**result, "msg": f"{numbers} {unless}"}
    message = (
        f"Hosts that jumped are worse off than those that have not yet. {numbers} Of harmless rollouts, at most "
        f"{ALPHA:.0%} get as far, however often one looks (evidence {won:.3g}, and {LIMIT:.0f} is enough). Crashed: "
        f"{listed(found.crashed_hosts, NAMED) or 'none'}. {stops}The next wave would repeat it on more hosts. Look at "
        f"the crashes{' and complaints' if told else ''} in the report before you go on."
    )
    return {**result, **failed_with(WORSE, message)}


def reason(looked: Looked, since: str) -> str:
    """Return why a rollout stops, with the code, in few words: numbers, ratio with its interval, and evidence."""
    found, told = looked
    numbers = _numbers(found, *ratio_interval(found.jumped, found.waiting), since)
    enough = f"Evidence {_evidence(looked):.3g}, and {LIMIT:.0f} is enough."
    crashed = f"Crashed: {listed(found.crashed_hosts, NAMED) or 'none'}."
    # Of symptoms, the one that speaks most against the jump: who wants all of them has the message.
    return " ".join([f"{WORSE}: {numbers}", enough, crashed, *(complaint_sentences(told)[:1] if told else ())])


def _evidence(looked: Looked) -> float:
    found, told = looked
    by_symptoms = told.evidence() if told else None
    return evidence(found.jumped, found.waiting, found.past, by_symptoms)


def _told(side: Watched, hosts: int) -> dict[str, Any]:
    return {"hosts": hosts, "hours": side.hours, "crashed": side.crashes}


def _ratio(found: Sides) -> float | None:
    jumped, waiting = found.jumped, found.waiting
    if not (jumped.hours and waiting.crashes):
        return None
    return (jumped.crashes / jumped.hours) / (waiting.crashes / waiting.hours)


def _numbers(found: Sides, low: float, high: float, since: str) -> str:
    ratio = _ratio(found)
    times = "" if ratio is None else f"{ratio:.2g} times as often, and "
    above = "any number of" if isinf(high) else f"{high:.2g}"
    before = _side(found.waiting, found.waiting_hosts)
    return (
        f"{since}, {_side(found.jumped, found.jumped_hosts)} after the jump, and {before} before it: "
        f"{times}{low:.2g} to {above} times as often are possible."
    )


def _side(side: Watched, hosts: int) -> str:
    return f"{side.crashes} of {counted(hosts, 'host')} crashed in {side.hours:.3g} host hours"
