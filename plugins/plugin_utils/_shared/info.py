# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a rollout that runs share: the whole of it, as of one moment, whichever run did which part."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.clock import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import (
    FAILED,
    GOING,
    LOST,
    PROVEN,
    UNTOUCHED,
    WAITING,
    unknown_rollout,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.lost import is_lost

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

STATES = (WAITING, GOING, PROVEN, FAILED, UNTOUCHED, LOST)
MOST_HOSTS = 1000
"""Hosts that are named; the counts are of all."""
MOST_EVENTS = 200


def info(ledger: Ledger, name: str) -> dict[str, Any]:
    """Return the rollout, its runs, how many hosts are in which state, who is not proven, and who did what and why.

    Times are in seconds since 1970, by the database's clock; ``now`` is when this was asked. Raises
    SharedRolloutError ``rollout_unknown``.
    """
    known = tables()
    with ledger.snapshot() as connection:
        now = int(connection.execute(sa.select(clock(connection.dialect.name))).scalar_one())
        rollout = _rows(connection, sa.select(known.rollouts).where(known.rollouts.c.name == name))
        if not rollout:
            raise unknown_rollout(name)
        hosts, runs = _hosts(connection, name, now), _runs(connection, name)
        events = known.rollout_events
        told = sa.select(events.c.at, events.c.who, events.c.what, events.c.why).where(events.c.rollout == name)
        newest = _rows(connection, told.order_by(events.c.number.desc()).limit(MOST_EVENTS))
    of_runs: dict[str, Counter[str]] = {one["run"]: Counter() for one in runs}
    for host in hosts:
        of_runs.setdefault(host["run"], Counter())[host["state"]] += 1
    return {
        **{name: rollout[0][name] for name in ("name", "state", "who", "why", "changed", "began", "canaries_proven")},
        "now": now,
        "terms": json.loads(rollout[0]["terms"] or "null"),
        "counts": _counts(Counter(host["state"] for host in hosts)),
        "runs": [
            {name: one[name] for name in ("owner", "began", "seen", "ended", "wave", "waves")}
            | {"counts": _counts(of_runs[one["run"]])}
            for one in runs
        ],
        "canaries": [host["host"] for host in hosts if host["canary"]][:MOST_HOSTS],
        "hosts": [
            {name: host[name] for name in ("host", "state", "code", "wave")}
            for host in hosts
            if host["state"] in (FAILED, GOING, LOST)
        ][:MOST_HOSTS],
        "events": newest[::-1],
    }


def _hosts(connection: sa.Connection, name: str, now: int) -> list[dict[str, Any]]:
    hosts = tables().rollout_hosts
    asked = sa.select(
        *(hosts.c[column] for column in ("host", "run", "wave", "canary")),
        hosts.c.how.label("code"),
        sa.case((is_lost(now), sa.literal(LOST)), else_=hosts.c.state).label("state"),
    )
    return _rows(connection, asked.where(hosts.c.rollout == name).order_by(hosts.c.host))


def _runs(connection: sa.Connection, name: str) -> list[dict[str, Any]]:
    runs = tables().rollout_runs
    return _rows(connection, sa.select(runs).where(runs.c.rollout == name).order_by(runs.c.began, runs.c.run))


def _rows(connection: sa.Connection, question: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(question).mappings()]


def _counts(counted: Counter[str]) -> dict[str, int]:
    return {state: counted[state] for state in STATES}
