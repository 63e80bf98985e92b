# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rollout that runs share may go on: its hosts that jumped, with whichever run, are no worse off.

All runs ask about one bet. What it has become is computed of the ledger alone, of all hosts of the rollout: runs that
ask at once are answered alike, and its stated error holds for all of their looks together. A bet that was lost stays
so. Once the rollout is resumed, a new one begins, about hosts that jump from then on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped import Cohort
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import WORSE, Looked, judged, look, reason
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import STOPPED, unknown_rollout, was_stopped
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import RESUMED, Found, SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.words import at

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa


@dataclass(frozen=True)
class Bet:
    """What is looked at: hosts that jumped ``since`` then, in seconds since 1970 by the database's clock.

    ``lost`` is whether a run has found already that they are worse off; ``who`` and ``why`` say so then. Bets are the
    same while they have the same beginning and are as lost; hosts may join meanwhile. ``symptoms`` is whether these
    count, which the terms of all runs say.
    """

    since: int
    symptoms: bool
    lost: bool
    who: str = field(compare=False)
    why: str = field(compare=False)
    cohort: Cohort = field(compare=False)


def keep_no_worse(shared: SharedRollout, me: Taking) -> dict[str, Any]:
    """Return how hosts fared, and stop the rollout when those that jumped are worse off; then ``failed``.

    Raises LedgerError, and SharedRolloutError ``rollout_unknown``, or ``rollout_was_stopped`` when a run has stopped it
    because of that before.
    """
    with shared.ledger.snapshot() as connection:
        bet = bet_of(connection, shared.name)
    if bet.lost:
        raise was_stopped(shared.name, bet.who, bet.why)
    found = look(shared.ledger, None, bet.since, bet.symptoms, bet.cohort)
    result = {"since": bet.since, **judged(found, _since(bet), f"So all runs of the rollout {shared.name} stop. ")}
    if not result.get("failed") or _stop(shared, me, bet, found):
        return result
    # Another was faster, and may have been answered by now.
    return keep_no_worse(shared, me)


def bet_of(connection: sa.Connection, name: str) -> Bet:
    """Return the bet as it is now. Raises SharedRolloutError ``rollout_unknown``."""
    rollouts, hosts, events = tables().rollouts, tables().rollout_hosts.c, tables().rollout_events.c
    rollout = connection.execute(sa.select(rollouts).where(rollouts.c.name == name)).mappings().one_or_none()
    if rollout is None:
        raise unknown_rollout(name)
    told = sa.select(events.what, events.at).where(events.rollout == name).order_by(events.number)
    since, lost = begins(int(rollout["began"]), ((str(row.what), int(row.at)) for row in connection.execute(told)))
    of_all = connection.execute(sa.select(hosts.host, hosts.began).where(hosts.rollout == name))
    taken = {str(row.host): None if row.began is None else int(row.began) for row in of_all}
    terms = json.loads(rollout["terms"] or "{}")
    symptoms = terms.get("kexec_upgrade_ledger_gate") == "no_worse_with_symptoms"
    return Bet(since, symptoms, lost, rollout["who"] or "", rollout["why"] or "", Cohort(int(rollout["began"]), taken))


def begins(began: int, events: Iterable[tuple[str, int]]) -> tuple[int, bool]:
    """Return when the bet of a rollout began, and whether it is lost, by what was done and when, in that order."""
    since, lost = began, False
    for what, when in events:
        if what == WORSE:
            lost = True
        elif what == RESUMED and lost:
            since, lost = when, False
    return since, lost


def _stop(shared: SharedRollout, me: Taking, bet: Bet, found: Looked) -> bool:
    # In one transaction with a last look: a resumption has judged what was known then.
    still = Found(WORSE, lambda connection: bet_of(connection, shared.name) == bet)
    return shared.change(STOPPED, me.owner, reason(found, _since(bet)), me.run, still)


def _since(bet: Bet) -> str:
    return f"Since {at(bet.since)}"
