# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts boots and crashes by how their kernel came to run. The database counts; what is of single hosts is numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    COLD,
    WAYS,
    Bug,
    Count,
    FleetCounts,
    HostCount,
    Signature,
    Way,
    WorstHost,
    bound,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.host_counts import HostSums
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.measure_counts import read_measures
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import NO_COUNT, SUMS, WAY, tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import (
    has_crashed,
    named_by_evidence,
    tells_of_crash,
    with_evidence,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import survival
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_counts import count_symptoms

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

COMPARED = ("cold", "kexec", "handover")
BUGS, SIGNATURES = 3, 3
"""How many bugs of each way are told, and how many signatures of each bug."""
DOUBTED = 100
"""How many hosts of whose history something was left out are told."""
SECONDS_PER_HOUR = 3600


def count_fleet(ledger: Ledger) -> FleetCounts:
    """Return what the ledger holds, counted, and bounded whatever hosts brought. Raises LedgerError."""
    with ledger.snapshot() as connection:
        counted = [*connection.execute(_tallies_by_way())]
        compared = [row for row in counted if row.boot in COMPARED and row.release]
        many = len({_way(row) for row in compared}) > WAYS
        hosts = {_way(row): int(row.hosts) for row in connection.execute(_hosts_by_way())} if many else {}
        bounded = bound([_count(row) for row in compared], hosts)
        detailed = {count.way for count in bounded.counts}
        bugs = [row for row in connection.execute(_bugs_by_way()) if _way(row) in detailed]
        signatures = _by_bug(connection.execute(_signatures_of_bugs({str(row.bug) for row in bugs})))
        worst = [*connection.execute(_worst_host_by_way("crashes"))]
        suspects = [*connection.execute(_worst_host_by_way("apart"))]
        sums = HostSums(connection)
        not_joined = int(connection.execute(_crashes_without_boot()).scalar_one())
        symptoms = count_symptoms(connection, sums)
        measures = read_measures(connection)
        curves = survival(connection, bounded.counts)
        doubted = tuple(connection.execute(_doubted_hosts()).scalars())
    boots = sum(int(row.boots) for row in counted)
    return FleetCounts(
        counts=bounded.counts,
        bugs=tuple(_bug(row, signatures) for row in bugs),
        hosts=_alike(sums, detailed),
        worst_host={_way(row): WorstHost(row.host, int(row.crashes)) for row in worst if _way(row) in detailed},
        suspects={_way(row): row.host for row in suspects if _way(row) in detailed},
        boots=boots,
        not_compared=boots - sum(int(row.boots) for row in compared),
        not_joined=not_joined,
        rest=bounded.rest,
        counts_left_out=bounded.counts_left_out,
        doubted_hosts=doubted,
        symptoms=symptoms,
        curves=curves,
        measures=measures,
    )


def _alike(sums: HostSums, wanted: Set[Way]) -> dict[Way, tuple[HostCount, ...]]:
    ways = {number: sums.ways[number] for number in sums.after_kexec}
    cold = {way.release for way in wanted if way.boot == COLD}
    return {way: sums.alike(number, way.release in cold) for number, way in ways.items() if way in wanted}


def _count(row: Any) -> Count:
    number = None if row.kexec_count == NO_COUNT else row.kexec_count
    hours = float(row.seconds) / SECONDS_PER_HOUR
    after = (int(getattr(row, name)) for name in ("again", "again_crashes", "recovered", "recovered_crashes"))
    return Count(_way(row), number, int(row.boots), int(row.crashes), hours, *after)


def _by_bug(rows: Iterable[Any]) -> dict[tuple[Way, str], list[Signature]]:
    found: defaultdict[tuple[Way, str], list[Signature]] = defaultdict(list)
    for row in rows:
        found[_way(row), row.bug].append(Signature(row.signature, tuple(json.loads(row.frames)), row.boots))
    return found


def _bug(row: Any, signatures: Mapping[tuple[Way, str], list[Signature]]) -> Bug:
    below = tuple(signatures.get((_way(row), row.bug), ()))
    return Bug(_way(row), row.bug, row.kind, tuple(json.loads(row.frames)), row.boots, below, bool(row.old))


class Begun(NamedTuple):
    """Boots that began since some time, on how many hosts, how many of them crashed, and where."""

    hosts: int
    boots: int
    crashes: int
    crashed_hosts: tuple[str, ...]


def count_begun(ledger: Ledger, previous_release: str | None, release: str, since: int) -> Begun:
    """Count the boots of ``release`` that a kexec began ``since`` then, in seconds since 1970. Raises LedgerError.

    Only handovers from ``previous_release``, unless that is None.
    """
    with ledger.snapshot() as connection:
        rows = [*connection.execute(_begun_by_host(previous_release, release, since))]
    crashed = sorted((row for row in rows if row.crashes), key=lambda row: str(row.host))
    return Begun(
        len(rows),
        sum(row.boots for row in rows),
        sum(row.crashes for row in crashed),
        tuple(row.host for row in crashed),
    )


def _begun_by_host(previous_release: str | None, release: str, since: int) -> Any:
    boots, named = tables().boots.c, named_by_evidence()
    # Where the journal has lost a boot's beginning, what is left of it will do.
    wanted = [boots.release == release, sa.func.coalesce(boots.began, boots.ended, boots.seen) >= since]
    if previous_release is None:
        wanted.append(boots.boot.in_(("kexec", "handover")))
    else:
        wanted += [boots.boot == "handover", boots.previous_release == previous_release]
    crashes = sa.func.sum(sa.case((has_crashed(named), 1), else_=0)).label("crashes")
    columns = [boots.host, sa.func.count().label("boots"), crashes]
    return sa.select(*columns).select_from(with_evidence(named)).where(*wanted).group_by(boots.host)


def _way(row: Any) -> Way:
    return Way(row.boot, row.previous_release or None, row.release)


def _named(question: Any, *more: str) -> Any:
    """A question by number of the way, with the names of the way; ``more`` are its other columns."""
    ways, found = tables().ways.c, question.subquery()
    columns = [*(ways[name] for name in WAY), *(found.c[name] for name in more)]
    return sa.select(*columns).select_from(tables().ways.join(found, ways.way == found.c.way))


def _tallies_by_way() -> Any:
    tallies = tables().tallies.c
    key = [tallies.way, tallies.kexec_count]
    sums = [sa.func.sum(tallies[name]).label(name) for name in SUMS]
    return _named(sa.select(*key, *sums).group_by(*key), "kexec_count", *SUMS)


def _by_host(*wanted: Any) -> Any:
    """The crashes of each host after each way, and ``apart`` those that came right after no other of it."""
    tallies = tables().tallies.c
    key = [tallies.host, tallies.way]
    crashes = sa.func.sum(tallies.crashes).label("crashes")
    apart = sa.func.sum(tallies.crashes - tallies.again_crashes).label("apart")
    return sa.select(*key, crashes, apart).where(*wanted).group_by(*key).subquery().c


def _hosts_by_way() -> Any:
    found = _by_host()
    return _named(sa.select(found.way, sa.func.count().label("hosts")).group_by(found.way), "hosts")


def _worst_host_by_way(by: str) -> Any:
    """The host with the most ``crashes`` after each way, or with the most of them ``apart``."""
    found = _by_host(tables().tallies.c.crashes > 0)
    worst_first = [found[by].desc(), found.host]
    place = sa.func.row_number().over(partition_by=found.way, order_by=worst_first).label("place")
    ranked = sa.select(found.way, found.host, found.crashes, place).subquery().c
    worst = sa.select(ranked.way, ranked.host, ranked.crashes).where(ranked.place == 1)
    return _named(worst, "host", "crashes")


def _doubted_hosts() -> Any:
    cursors = tables().cursors.c
    return sa.select(cursors.host).where(cursors.left_out.is_not(None)).order_by(cursors.host).limit(DOUBTED)


def _way_of_boot() -> list[Any]:
    boots = tables().boots.c
    origin = sa.case((boots.boot == "handover", boots.previous_release)).label("previous_release")
    return [boots.boot, origin, boots.release]


def _bug_column() -> Any:
    """The bug; of old crashes, whose bug is not known, the signature."""
    crashes = tables().crashes.c
    return sa.func.coalesce(crashes.bug, crashes.signature).label("bug")


def _bugs_by_way() -> Any:
    return _seen_by_way([_bug_column()], BUGS)


def _signatures_of_bugs(bugs: set[str]) -> Any:
    column = _bug_column()
    return _seen_by_way([column, tables().crashes.c.signature], SIGNATURES, column.element.in_(sorted(bugs)))


def _seen_by_way(level: list[Any], most: int, *wanted: Any) -> Any:
    """Count the boots in which each of the last column's values was seen; ``most`` of them for those before it."""
    boots, crashes, way = tables().boots, tables().crashes, _way_of_boot()
    seen_in = sa.distinct(crashes.c.host + sa.literal("/") + crashes.c.boot_id)
    counted = (
        sa.select(
            *way,
            *level,
            sa.func.min(crashes.c.kind).label("kind"),
            # Builds may differ in the frames that the signature leaves out; any one of them will do.
            sa.func.max(crashes.c.frames).label("frames"),
            sa.func.max(sa.case((crashes.c.bug.is_(None), 1), else_=0)).label("old"),
            sa.func.count(seen_in).label("boots"),
        )
        .select_from(crashes.join(boots, (boots.c.host == crashes.c.host) & (boots.c.boot_id == crashes.c.boot_id)))
        .where(boots.c.boot.in_(COMPARED), boots.c.release.is_not(None), tells_of_crash(), *wanted)
        .group_by(*way, *level)
        .subquery()
    )
    *same, value = (counted.c[column.name] for column in (*way, *level))
    place = sa.func.row_number().over(partition_by=same, order_by=[counted.c.boots.desc(), value]).label("place")
    ranked = sa.select(counted, place).subquery()
    return sa.select(ranked).where(ranked.c.place <= most).order_by(ranked.c.place)


def _crashes_without_boot() -> Any:
    boots, crashes = tables().boots, tables().crashes
    joined = crashes.outerjoin(boots, (boots.c.host == crashes.c.host) & (boots.c.boot_id == crashes.c.boot_id))
    return sa.select(sa.func.count()).select_from(joined).where(boots.c.host.is_(None), tells_of_crash())
