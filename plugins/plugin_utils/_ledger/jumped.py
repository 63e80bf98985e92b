# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When hosts ran since a rollout began, before and after their jump, and when each crashed for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from math import inf
from operator import attrgetter
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.exposure import HOUR, Past
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import AFTER_KEXEC
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import Watched
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import (
    has_crashed,
    named_by_evidence,
    tells_of_crash,
    with_evidence,
)

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np
    import sqlalchemy as sa


DAYS = 14
"""How far before the rollout hosts are looked at, to know how often they crash."""
BEHIND = 3600
"""Seconds that a host's clock may be behind the database's without its jump being taken for an earlier one."""


class Run(NamedTuple):
    """A time in which a host was seen to run; ``crashed`` when its first crash ended it."""

    host: str
    jumped: bool
    begin: float
    end: float
    crashed: bool


class Cohort(NamedTuple):
    """The hosts of a rollout that is looked at for itself, and when that ``began``, in seconds since 1970.

    ``taken`` says of each host when a run of the rollout took it for the first time, None when none has. What it jumped
    before that, it jumped for other reasons.
    """

    began: int
    taken: Mapping[str, int | None]

    def named(self) -> Cohort:
        """Return the same with the names that the ledger has for hosts."""
        return Cohort(self.began, {printable(host): taken for host, taken in self.taken.items()})

    def jumps_from(self, host: str) -> float:
        """Return from when on a jump of this host is one of the rollout."""
        taken = self.taken.get(host)
        return inf if taken is None else max(self.began, taken - BEHIND)


class Sides(NamedTuple):
    """Hosts that jumped and hosts that have not yet, since the rollout began; and which of the first crashed.

    ``past`` is how all hosts fared in the ``DAYS`` before.
    """

    jumped: Watched
    waiting: Watched
    jumped_hosts: int
    waiting_hosts: int
    crashed_hosts: tuple[str, ...]
    past: Past = Past()


class Asked(NamedTuple):
    """Jumps to which release, or to any, ``since`` when (seconds since 1970), and of which hosts, or all."""

    release: str | None
    since: int
    only: Cohort | None = None

    @property
    def first(self) -> int:
        """From when on boots are looked at."""
        return self.only.began if self.only else self.since


def boots_since(connection: sa.Connection, asked: Asked, symptoms: bool) -> list[Any]:
    """Return the boots of all hosts, those of one host in their order.

    With ``symptoms``, a row for each symptom of a boot, and one for a boot that has none.
    """
    return [row for row in connection.execute(_boots_since(asked.first, symptoms)) if belongs(asked.only, row)]


def sides(connection: sa.Connection, boots: Iterable[Any], asked: Asked) -> Sides:
    """Return how both sides fared; ``boots`` are those of ``boots_since``.

    A host has jumped with the first boot that a kexec began since then, of ``release`` unless that is None, or when its
    transition was recorded and it did not come back. It is looked at until its first crash, before the jump or after.

    Of a ``cohort``, its hosts alone are looked at. Those that jumped between its beginning and ``since`` are left out.
    """
    lost: dict[str, float] = {}
    for row in connection.execute(_lost_since(asked.release, asked.since)):
        if asked.only is None or row.recorded >= asked.only.jumps_from(row.host):
            lost.setdefault(row.host, float(row.recorded))
    once = (next(rows) for _boot, rows in groupby(boots, attrgetter("host", "boot_id")))
    by_host = groupby(once, attrgetter("host"))
    runs = [run for host, rows in by_host for run in _runs(host, rows, asked)]
    jumped, waiting = [run for run in runs if run.jumped], [run for run in runs if not run.jumped]
    known = {run.host for run in runs if run.jumped or run.crashed}
    jumped += _never_came_back({host: when for host, when in lost.items() if host not in known}, jumped)
    hosts = {run.host for run in jumped}
    return Sides(
        _watched(jumped),
        _watched(waiting),
        len(hosts),
        len({run.host for run in waiting} - hosts),
        tuple(sorted({run.host for run in jumped if run.crashed})),
        _past(connection, asked),
    )


def belongs(only: Cohort | None, row: Any) -> bool:
    """Return whether this row is of a host of the cohort, if there is one."""
    return only is None or row.host in only.taken


def _past(connection: sa.Connection, asked: Asked) -> Past:
    question = _boots_before(asked.first)
    if asked.only is not None:
        question = question.add_columns(tables().boots.c.host).group_by(tables().boots.c.host)
    found = [row for row in connection.execute(question) if belongs(asked.only, row)]
    return Past(float(sum(row.seconds or 0 for row in found)) / HOUR, int(sum(row.crashes or 0 for row in found)))


def _runs(host: str, rows: Iterable[Any], asked: Asked) -> Iterator[Run]:
    jumped, since = False, asked.since
    for row in rows:
        jumped = jumped or jumps(row, asked)
        if jumped and row.began < since:
            return
        begin, end = float(max(row.began, since)), float(row.until)
        crashed = bool(row.crashed)
        if crashed:
            end = min(max(float(row.at or end), begin), end)
        if end >= begin:
            yield Run(host, jumped, begin, end, crashed)
        if crashed and row.until >= since:
            return


def jumps(row: Any, asked: Asked) -> bool:
    """Return whether a jump began this boot, in a cohort since a run took the host; ``since`` then without one."""
    return is_jump(row, asked.release, asked.first if asked.only is None else asked.only.jumps_from(row.host))


def is_jump(row: Any, release: str | None, since: float) -> bool:
    """Return whether a jump ``since`` then began this boot, one to ``release`` unless that is None."""
    return row.began >= since and row.boot in AFTER_KEXEC and (release is None or row.release == release)


def _never_came_back(lost: dict[str, float], jumped: list[Run]) -> list[Run]:
    """Return hosts that left and were not seen again: they died when the last of their wave jumped, for all we know."""
    begins = np.sort(np.array([run.begin for run in jumped]))
    found = []
    for host, recorded in lost.items():
        before = int(np.searchsorted(begins, recorded, side="right"))
        when = float(begins[before - 1]) if before else recorded
        found.append(Run(host, True, when, when, True))
    return found


def _watched(runs: list[Run]) -> Watched:
    begin, end = (np.array([getattr(run, name) for run in runs], dtype=np.float64) for name in ("begin", "end"))
    return Watched(begin, end, np.array([run.crashed for run in runs], dtype=np.bool_))


def _boots_since(since: int, symptoms: bool) -> Any:
    boots, crashes, had = tables().boots.c, tables().crashes.c, tables().symptoms
    named = (
        sa.select(crashes.host, crashes.boot_id, sa.func.min(crashes.at).label("at"))
        .where(crashes.boot_id.is_not(None), tells_of_crash())
        .group_by(crashes.host, crashes.boot_id)
        .subquery("named")
    )
    until = sa.func.coalesce(boots.ended, boots.seen)
    crashed = sa.case((sa.or_(boots.ending == "crash", named.c.boot_id.is_not(None)), 1), else_=0).label("crashed")
    columns: list[Any] = [boots.host, boots.boot_id, boots.boot, boots.release, boots.began, boots.looked]
    columns += [until.label("until"), crashed, named.c.at, *([had.c.symptom] if symptoms else [])]
    joined = tables().boots.outerjoin(named, (boots.host == named.c.host) & (boots.boot_id == named.c.boot_id))
    if symptoms:
        joined = joined.outerjoin(had, (boots.host == had.c.host) & (boots.boot_id == had.c.boot_id))
    return (
        sa.select(*columns)
        .select_from(joined)
        # What began when is all that this is about; a crash kernel is no boot of its own.
        .where(until >= since, boots.began.is_not(None), boots.boot != "kdump")
        .order_by(boots.host, boots.began, boots.boot_id)
    )


def _boots_before(since: int) -> Any:
    """How long boots ran in the days before, and how many of those that ended then crashed."""
    boots, named, first = tables().boots.c, named_by_evidence(), since - DAYS * 86400
    until = sa.func.coalesce(boots.ended, boots.seen)
    begin = sa.case((boots.began < first, first), else_=boots.began)
    end = sa.case((until > since, since), else_=until)
    crashed = sa.case((sa.and_(until < since, has_crashed(named)), 1), else_=0)
    return (
        sa.select(sa.func.sum(end - begin).label("seconds"), sa.func.sum(crashed).label("crashes"))
        .select_from(with_evidence(named))
        .where(until >= first, boots.began < since, boots.began <= until, boots.boot != "kdump")
    )


def _lost_since(release: str | None, since: int) -> Any:
    transitions = tables().transitions.c
    wanted = [transitions.recorded >= since, transitions.accepted.is_(False), transitions.boot_id_found.is_(None)]
    if release is not None:
        wanted.append(transitions.to_release == release)
    return sa.select(transitions.host, transitions.recorded).where(*wanted).order_by(transitions.recorded)
