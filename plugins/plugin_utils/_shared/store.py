# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollouts that runs share, in the ledger's database. One transaction a question, one lock a rollout.

Only the database's clock counts: what is compared with a time that it holds is a time that it tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.clock import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import insert_into
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.claims import (
    Freed,
    claims_of,
    end_claims,
    give_back,
    holders,
    runs_called,
    take,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import (
    FAILED,
    GOING,
    LOST,
    PAUSED,
    PROVEN,
    RUNNING,
    STOPPED,
    UNTOUCHED,
    WAITING,
    Claim,
    Go,
    SharedRolloutError,
    Standing,
    Wait,
    kept,
    lost_too_many,
    may_begin,
    require_running,
    require_same,
    settle,
    several_runs,
    unknown_rollout,
    was_stopped,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.lost import GRACE, is_lost
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

LONGEST_NAME = 200
CODE_LIMIT = 60
RESUMED = "resumed"
"""What the event is called after which waves begin again."""


@dataclass(frozen=True)
class Taking:
    """Who takes part: the identity of a run, who that is for people, and how many waves it has."""

    run: str
    owner: str
    waves: int


@dataclass(frozen=True)
class Found:
    """Why a run stops the rollout, as an event is called, and whether that still ``holds`` when it is written."""

    what: str
    holds: Callable[[sa.Connection], bool]


@dataclass(frozen=True)
class Ended:
    """What the end of a wave did: why the rollout is stopped now (empty when it goes on), which hosts were lost
    to another run, because this run's claim had ended, and whether all others wait for ``passed``."""

    stop: str
    lost: tuple[str, ...]
    canaries: bool


class SharedRollout:
    """One rollout of a ``ledger`` by its ``name``.

    All methods raise LedgerError, and making one SharedRolloutError ``rollout_name_invalid``.
    """

    def __init__(self, ledger: Ledger, name: str) -> None:
        if not name or name.strip() != name or printable(name, LONGEST_NAME) != name:
            raise SharedRolloutError(
                "rollout_name_invalid",
                f"A rollout cannot be called {printable(repr(name), 80)}: a name is 1 to {LONGEST_NAME} printable "
                "ASCII characters, without a blank at an end. All runs of the rollout find each other by it. Nothing "
                "was done. Give another name.",
            )
        self.ledger = ledger
        self.name = name

    def start(self, who: str, why: str) -> bool:
        """Have the rollout, before any run joins it; return whether that is news. One that is there stays as it is."""
        with self._locked(who, why) as (_connection, _standing, is_new):
            return is_new

    def change(self, state: str, who: str, why: str, run: str = "", found: Found | None = None) -> bool:
        """Pause, resume or stop; return whether that is news. Raises SharedRolloutError ``rollout_unknown``.

        What had failed or was lost before does not count any more after it was stopped and resumed. A ``run`` that
        stops after its canaries lets others go first. What it has ``found`` is an event of its own, unless outdated.
        """
        with self.ledger.transaction() as connection:
            standing = self._standing(connection)
            if standing is None:
                raise unknown_rollout(self.name)
            same = standing.state == state and (state == RUNNING or standing.why == kept(why))
            if same or (state == PAUSED and standing.state == STOPPED) or (found and not found.holds(connection)):
                return False
            if state == STOPPED and standing.canary_run == run:
                self._update(connection, canary_run=None)
            if found:
                self._tell(connection, standing.now, who, found.what, why)
            self._set_state(connection, standing, state, who, why)
        return True

    def begin(
        self,
        me: Taking,
        terms: Mapping[str, Any],
        wave: tuple[int, Sequence[str]],
        others: Sequence[str],
        claim: int,
        has_ended: Callable[[str], bool],
    ) -> tuple[Go | Wait, int]:
        """Take the hosts of a wave (its number, and their names) for ``claim`` seconds, or say what it waits for.

        ``others`` are the hosts of this run's other waves. Returns also when the rollout began. Raises
        SharedRolloutError ``rollout_differs`` or ``rollout_was_stopped``.
        """
        number, hosts = wave
        with self._locked(me.owner, "") as (connection, standing, _is_new):
            require_running(standing)
            require_same(standing, terms)
            standing = self._stopped_by_lost(connection, standing, me, terms, {*hosts, *others})
            if standing.state != STOPPED:
                claims = claims_of(connection, hosts)
                owners = self._owners(connection, {one.run for one in claims.values()} | {standing.canary_run or ""})
                answer = may_begin(standing, me.run, claims, owners, has_ended)
                self._join(connection, standing, me, terms, [*hosts, *others])
                if isinstance(answer, Go):
                    dead = {one.run for one in claims.values() if has_ended(one.run)}
                    mine = Claim(self.name, me.run, standing.now + claim)
                    answer = take(connection, mine, standing.now, {*dead, me.run}, hosts) or answer
                if isinstance(answer, Go):
                    self._note_begun(connection, standing, me, number, hosts, answer, claim)
                return answer, standing.began
        # Not before the stop is written.
        raise was_stopped(standing.name, standing.who, standing.why)

    def _stopped_by_lost(
        self, connection: sa.Connection, standing: Standing, me: Taking, terms: Mapping[str, Any], own: set[str]
    ) -> Standing:
        """Stop the rollout when too many hosts are lost that are none of this run's ``own``."""
        if standing.state != RUNNING:
            return standing
        hosts = tables().rollout_hosts.c
        asked = sa.select(hosts.host).where(hosts.rollout == self.name, is_lost(standing.now - GRACE))
        found = connection.execute(asked.order_by(hosts.host)).scalars()
        stop = lost_too_many([str(host) for host in found if host not in own], standing.failed, terms)
        if stop:
            self._set_state(connection, standing, STOPPED, me.owner, stop)
            return replace(standing, state=STOPPED, who=me.owner, why=stop)
        return standing

    def end(
        self, me: Taking, number: int, outcomes: Mapping[str, tuple[str, str | None]], moved: bool, budget: Budget
    ) -> Ended:
        """Write what became of the hosts of a wave, each with its state and code, and give them back.

        Canaries that are proven let others go once ``passed`` is told.
        """
        with self._locked(me.owner, "") as (connection, standing, _is_new):
            lost = self._write_outcomes(connection, standing, me.run, outcomes)
            own = {host: state for host, (state, _code) in outcomes.items()}
            found = settle(standing, me.run, own, moved, budget, self._failed(connection))
            if found.canaries_free:
                self._update(connection, canary_run=None)
            if found.stop and standing.state != STOPPED:
                self._set_state(connection, standing, STOPPED, me.owner, found.stop)
            is_last = number == me.waves or bool(found.stop)
            self._see(connection, standing.now, me, wave=number, ended=standing.now if is_last else None)
            return Ended(found.stop, tuple(lost), found.canaries_proven)

    def passed(self, me: Taking) -> None:
        """Let all others go: the canaries of this run are proven, and what has to hold after them holds."""
        with self._locked(me.owner, "") as (connection, standing, _is_new):
            if standing.canary_run == me.run and standing.canaries_proven is None:
                self._update(connection, canaries_proven=standing.now)
                self._tell(connection, standing.now, me.owner, "canaries_proven", "")

    def release(self, me: Taking, hosts: Sequence[str]) -> None:
        """Give back hosts that nothing was done to."""
        with self._locked(me.owner, "") as (connection, standing, _is_new):
            self._write_outcomes(connection, standing, me.run, dict.fromkeys(hosts, (UNTOUCHED, None)))
            if standing.canary_run == me.run and standing.canaries_proven is None:
                self._update(connection, canary_run=None)
            self._see(connection, standing.now, me, ended=standing.now)

    def end_run(self, owner: str, who: str, why: str) -> Freed:
        """End the claims of a run that has died, by its owner as people are told it.

        Its hosts are lost then, as at the end of their claim. Raises SharedRolloutError ``rollout_unknown``,
        ``rollout_run_unknown`` or ``rollout_run_ambiguous``.
        """
        with self.ledger.transaction() as connection:
            standing = self._standing(connection)
            if standing is None:
                raise unknown_rollout(self.name)
            runs = runs_called(connection, self.name, owner)
            first = runs & standing.goes_first
            meant = first | holders(connection, self.name, runs, standing.now)
            if len(meant) > 1:
                raise several_runs(self.name, owner, len(meant))
            freed = Freed(tuple(end_claims(connection, self.name, meant, standing.now)), bool(first))
            if first:
                self._update(connection, canary_until=standing.now)
            if meant:
                self._tell(connection, standing.now, who, "run_ended", f"{owner}, with {freed}: {why}")
            return freed

    @contextmanager
    def _locked(self, who: str, why: str) -> Iterator[tuple[sa.Connection, Standing, bool]]:
        """Give the rollout, made when it is not there, to nobody else until this is over."""
        with self.ledger.transaction() as connection:
            now = self._now(connection)
            made = connection.execute(
                insert_into(tables().rollouts, connection.dialect.name)
                .values(name=self.name, state=RUNNING, who=who, why=kept(why), changed=now, began=now)
                .on_conflict_do_nothing()
            )
            is_new = made.rowcount > 0
            if is_new:
                self._tell(connection, now, who, "started", why)
            standing = self._standing(connection)
            if standing is None:
                raise unknown_rollout(self.name)
            yield connection, standing, is_new

    def _standing(self, connection: sa.Connection) -> Standing | None:
        rollouts = tables().rollouts
        asked = sa.select(rollouts).where(rollouts.c.name == self.name).with_for_update()
        row = connection.execute(asked).mappings().one_or_none()
        if row is None:
            return None
        return Standing(
            name=self.name,
            terms=None if row["terms"] is None else json.loads(row["terms"]),
            **{name: row[name] for name in ("state", "changed", "began", "canary_run", "canaries_proven")},
            who=row["who"] or "",
            why=row["why"] or "",
            # After the lock, which may have taken a while.
            now=self._now(connection),
            canary_until=row["canary_until"] or 0,
            failed=self._failed(connection),
        )

    def _now(self, connection: sa.Connection) -> int:
        return int(connection.execute(sa.select(clock(connection.dialect.name))).scalar_one())

    def _failed(self, connection: sa.Connection) -> int:
        hosts = tables().rollout_hosts.c
        number = sa.select(sa.func.count()).where(hosts.rollout == self.name, hosts.counted)
        return int(connection.execute(number).scalar_one())

    def _owners(self, connection: sa.Connection, runs: set[str]) -> dict[str, str]:
        known = tables().rollout_runs.c
        asked = sa.select(known.run, known.owner).where(known.run.in_(sorted(runs)))
        return {str(run): str(owner) for run, owner in connection.execute(asked)}

    def _join(
        self, connection: sa.Connection, standing: Standing, me: Taking, terms: Mapping[str, Any], hosts: Sequence[str]
    ) -> None:
        if standing.terms is None:
            self._update(connection, terms=json.dumps(terms, sort_keys=True))
        if not self._see(connection, standing.now, me):
            return
        what = f"{counted(len(hosts), 'host')} in {counted(me.waves, 'wave')}"
        self._tell(connection, standing.now, me.owner, "joined", what)
        common = {"rollout": self.name, "run": me.run, "state": WAITING, "canary": False, "counted": False}
        self._many(
            connection,
            insert_into(tables().rollout_hosts, connection.dialect.name).on_conflict_do_nothing(),
            [{**common, "host": host} for host in sorted(hosts)],
        )

    def _see(self, connection: sa.Connection, now: int, me: Taking, **known: Any) -> bool:
        """Note that a run was heard of; return whether that was for the first time."""
        runs = tables().rollout_runs
        same = (runs.c.rollout == self.name) & (runs.c.run == me.run)
        if connection.execute(runs.update().where(same).values(seen=now, **known)).rowcount:
            return False
        new = {"rollout": self.name, "run": me.run, "owner": me.owner, "waves": me.waves, "began": now, "seen": now}
        connection.execute(runs.insert().values(**new, **known))
        return True

    def _note_begun(
        self,
        connection: sa.Connection,
        standing: Standing,
        me: Taking,
        number: int,
        hosts: Sequence[str],
        answer: Go,
        claim: int,
    ) -> None:
        if answer.canaries:
            self._update(connection, canary_run=me.run, canary_until=standing.now + claim)
        self._see(connection, standing.now, me, wave=number, ended=None)
        going: dict[str, Any] = {
            **{"run": me.run, "wave": number, "state": GOING, "how": None, "began": standing.now, "ended": None},
            "canary": answer.canaries,
        }
        statement = insert_into(tables().rollout_hosts, connection.dialect.name)
        known, new = tables().rollout_hosts.c, statement.excluded
        is_unknown = ((known.state == GOING) | (known.state == LOST)) & (known.run != new.run)
        # It may jump since a run took it first. Of one that was on its way, nobody knows whether it is still proven.
        news = {**{name: new[name] for name in going}, "began": sa.func.coalesce(known.began, new.began)}
        news.update({name: sa.case((is_unknown, sa.null()), else_=known[name]) for name in ("proven", "prover")})
        statement = statement.on_conflict_do_update(index_elements=["rollout", "host"], set_=news)
        # One that has failed before counts until it is proven.
        rows = [{**going, "rollout": self.name, "host": host, "counted": False} for host in sorted(hosts)]
        self._many(connection, statement, rows)

    def _write_outcomes(
        self, connection: sa.Connection, standing: Standing, run: str, outcomes: Mapping[str, tuple[str, str | None]]
    ) -> list[str]:
        """Returns those that belong to another run by now; what became of them is that run's to tell."""
        held = claims_of(connection, list(outcomes))
        lost = sorted(host for host, one in held.items() if one.run != run)
        own = sorted(set(outcomes) - set(lost))
        known = tables().rollout_hosts
        same = (known.c.rollout == self.name) & (known.c.host == sa.bindparam("of_host")) & (known.c.run == run)
        told: dict[str, Any] = {"how": sa.bindparam("how"), "ended": standing.now}
        was_proven = known.c.proven.is_not(None)
        as_before = {
            "state": sa.case((was_proven, sa.literal(PROVEN)), else_=sa.literal(UNTOUCHED)),
            "run": sa.func.coalesce(known.c.prover, known.c.run),
            "wave": sa.case((was_proven, sa.null()), else_=known.c.wave),
            "ended": sa.func.coalesce(known.c.proven, sa.literal(standing.now, sa.BigInteger)),
        }
        for state, more in (
            (PROVEN, {"counted": False, "proven": standing.now, "prover": run}),
            (FAILED, {"counted": True, "proven": None, "prover": None}),
            (UNTOUCHED, as_before),
        ):
            rows = [
                {"of_host": host, "how": printable(outcomes[host][1] or "", CODE_LIMIT) or None}
                for host in own
                if outcomes[host][0] == state
            ]
            self._many(connection, known.update().where(same).values({"state": state, **told, **more}), rows)
        give_back(connection, run, own)
        return lost

    def _set_state(self, connection: sa.Connection, standing: Standing, state: str, who: str, why: str) -> None:
        why = kept(why)
        self._update(connection, state=state, who=printable(who), why=why, changed=standing.now)
        words = {RUNNING: RESUMED}.get(state, state)
        self._tell(connection, standing.now, who, words, why)
        if state == RUNNING and standing.state == STOPPED:
            known = tables().rollout_hosts
            forgiven = known.update().where(known.c.rollout == self.name)
            connection.execute(forgiven.where(known.c.counted).values(counted=False))
            connection.execute(forgiven.where(is_lost(standing.now)).values(state=LOST))

    def _update(self, connection: sa.Connection, **values: Any) -> None:
        rollouts = tables().rollouts
        connection.execute(rollouts.update().where(rollouts.c.name == self.name).values(**values))

    def _tell(self, connection: sa.Connection, now: int, who: str, what: str, why: str) -> None:
        events = tables().rollout_events
        last = sa.select(sa.func.coalesce(sa.func.max(events.c.number), 0)).where(events.c.rollout == self.name)
        number = int(connection.execute(last).scalar_one()) + 1
        row = {"rollout": self.name, "number": number, "at": now, "who": printable(who), "what": what}
        connection.execute(events.insert().values(**row, why=kept(why) or None))

    def _many(self, connection: sa.Connection, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            connection.execute(statement, rows)
