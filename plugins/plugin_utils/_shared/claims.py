# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run hosts belong to, whatever rollout that is of. The caller has the rollout's lock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import insert_into
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import Claim, Wait, unknown_run

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

AT_ONCE = 500
"""Hosts that one question names."""


@dataclass(frozen=True)
class Freed:
    """What the end of a run's claims did: which ``hosts`` it had, and whether it held others behind its canaries."""

    hosts: tuple[str, ...]
    canaries: bool

    def __str__(self) -> str:
        hosts = [counted(len(self.hosts), "host")] if self.hosts else []
        return " and ".join([*hosts, *(["others behind its canaries"] if self.canaries else [])])


def claims_of(connection: sa.Connection, hosts: Sequence[str]) -> dict[str, Claim]:
    """Return the claims on these hosts, also those that are over."""
    claims, found = tables().rollout_claims.c, {}
    for some in _parts(hosts):
        asked = sa.select(claims.host, claims.rollout, claims.run, claims.until).where(claims.host.in_(some))
        found.update({row.host: Claim(row.rollout, row.run, row.until) for row in connection.execute(asked)})
    return found


def take(connection: sa.Connection, mine: Claim, now: int, over: set[str], hosts: Sequence[str]) -> Wait | None:
    """Make the hosts ``mine``, also those of runs that are ``over``, and after the end of a claim.

    Returns why not when a run of another rollout, which has another lock, was faster.
    """
    claims = tables().rollout_claims
    part = connection.begin_nested()
    is_over = (claims.c.until <= now) | claims.c.run.in_(sorted(over))
    for some in _parts(sorted(hosts)):
        connection.execute(claims.delete().where(claims.c.host.in_(some), is_over))
    common = {"rollout": mine.rollout, "run": mine.run, "until": mine.until}
    if hosts:
        statement = insert_into(claims, connection.dialect.name).on_conflict_do_nothing()
        connection.execute(statement, [{**common, "host": host} for host in sorted(hosts)])
    if all(one.run == mine.run for one in claims_of(connection, hosts).values()):
        part.commit()
        return None
    part.rollback()
    return Wait("hosts of it belong to a run of another rollout")


def give_back(connection: sa.Connection, run: str, hosts: Sequence[str]) -> None:
    """Give back hosts that belong to a run."""
    claims = tables().rollout_claims
    for some in _parts(hosts):
        connection.execute(claims.delete().where(claims.c.host.in_(some), claims.c.run == run))


def runs_called(connection: sa.Connection, rollout: str, owner: str) -> set[str]:
    """Return the runs of a rollout that people are told of as this owner, for several may be.

    Raises SharedRolloutError ``rollout_run_unknown``.
    """
    runs = tables().rollout_runs.c
    asked = sa.select(runs.run, runs.owner).where(runs.rollout == rollout).order_by(runs.seen.desc())
    owners = {str(row.run): str(row.owner) for row in connection.execute(asked)}
    found = {run for run, of_run in owners.items() if of_run == owner}
    if not found:
        raise unknown_run(rollout, owner, list(dict.fromkeys(owners.values())))
    return found


def holders(connection: sa.Connection, rollout: str, runs: Collection[str], now: int) -> set[str]:
    """Return which of these runs of a rollout have hosts."""
    claims = tables().rollout_claims.c
    theirs = (claims.rollout == rollout) & claims.run.in_(sorted(runs)) & (claims.until > now)
    return {str(run) for run in connection.execute(sa.select(claims.run).where(theirs).distinct()).scalars()}


def end_claims(connection: sa.Connection, rollout: str, runs: Collection[str], now: int) -> list[str]:
    """End these runs of a rollout, for all that is known, with the claims that they have, and return the hosts."""
    claims, known = tables().rollout_claims, tables().rollout_runs
    ended = known.update().where(known.c.rollout == rollout, known.c.run.in_(sorted(runs)))
    connection.execute(ended.values(ended=now))
    theirs = (claims.c.rollout == rollout) & claims.c.run.in_(sorted(runs)) & (claims.c.until > now)
    hosts = connection.execute(sa.select(claims.c.host).where(theirs).order_by(claims.c.host)).scalars().all()
    connection.execute(claims.update().where(theirs).values(until=now))
    return [str(host) for host in hosts]


def _parts(hosts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (hosts[at : at + AT_ONCE] for at in range(0, len(hosts), AT_ONCE))
