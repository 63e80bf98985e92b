# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which share of boots is still without a crash after so many hours (Kaplan and Meier 1958). Pure but for ``lives``.

A boot that ended otherwise, or still runs, is looked at until then. Hosts are the units: the boots of one host weigh as
much as one together, so a crash loop does not make the curve.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD, Count, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sums import (
    has_crashed,
    named_by_evidence,
    with_evidence,
)

with suppress(ImportError):  # _ledger_errors.require() says so
    import numpy as np
    import sqlalchemy as sa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEADING = 3
"""So many transitions, those with the most crashed boots, have a curve."""
MOST_BOOTS = 200_000
"""So many boots are looked at, of hosts in the order of their names."""
TICKS = 5
FEW_AT_RISK = 5
"""A curve ends where fewer boots ran for so long."""
HOUR = 3600.0


class Curve(NamedTuple):
    """The share of boots without a crash from each of these ``hours`` on, 1 before; of so many ``boots``.

    ``at_risk`` are how many boots ran that long, at each of ``TICKS`` + 1 places between 0 and ``until``.
    """

    hours: tuple[float, ...]
    share: tuple[float, ...]
    at_risk: tuple[int, ...]
    until: float
    boots: int


class Survival(NamedTuple):
    """A transition, and cold boots of its release, over the same hours; None where there are no cold boots."""

    way: Way
    after: Curve
    cold: Curve | None


class Lives(NamedTuple):
    """How many hours each boot ran, whether a crash ended it, and its weight."""

    hours: Numbers
    crashed: NDArray[np.bool_]
    weight: Numbers


def leading(counts: Iterable[Count]) -> list[Way]:
    """Return the transitions with the most crashed boots."""
    crashes: Counter[Way] = Counter()
    for count in counts:
        if count.way.boot != COLD and count.crashes:
            crashes[count.way] += count.crashes
    return sorted(crashes, key=lambda way: (-crashes[way], way.release, way.previous_release or "", way.boot))[:LEADING]


def survival(connection: sa.Connection, counts: Iterable[Count]) -> tuple[Survival, ...]:
    """Return the curves of the leading transitions."""
    ways = leading(counts)
    if not ways:
        return ()
    rows: defaultdict[Way, list[tuple[str, float, bool]]] = defaultdict(list)
    for row in connection.execute(_boots_of(ways)):
        way = Way(row.boot, row.previous_release or None, row.release)
        rows[way].append((row.host, row.seconds / HOUR, bool(row.crashed)))
    found = {way: lives(some) for way, some in rows.items()}
    return tuple(compared(way, found[way], found.get(Way(COLD, None, way.release))) for way in ways if way in found)


def lives(boots: Sequence[tuple[str, float, bool]]) -> Lives:
    """Return boots, each with its host, hours and whether it crashed, weighed by their hosts."""
    of_host = Counter(host for host, _hours, _crashed in boots)
    return Lives(
        np.array([hours for _host, hours, _crashed in boots], np.float64),
        np.array([crashed for _host, _hours, crashed in boots], np.bool_),
        np.array([1 / of_host[host] for host, _hours, _crashed in boots], np.float64),
    )


def compared(way: Way, after: Lives, cold: Lives | None) -> Survival:
    """Return the curves of both until few of the transition's boots are left."""
    ran = np.sort(after.hours)
    until = float(ran[-FEW_AT_RISK]) if len(ran) >= FEW_AT_RISK else float(ran[-1])
    return Survival(way, curve(after, until), None if cold is None else curve(cold, until))


def curve(of: Lives, until: float) -> Curve:
    """Return the estimate up to that many hours."""
    hours, share = kaplan_meier(of)
    seen = hours <= until
    places = np.linspace(0, until, TICKS + 1)
    at_risk = (of.hours[:, None] >= places).sum(axis=0)
    return Curve(tuple(hours[seen]), tuple(share[seen]), tuple(map(int, at_risk)), until, len(of.hours))


def kaplan_meier(of: Lives) -> tuple[Numbers, Numbers]:
    """Return the hours at which boots crashed, and the share that is without a crash from then on."""
    order = np.argsort(of.hours, kind="stable")
    hours, crashed, weight = of.hours[order], of.crashed[order], of.weight[order]
    at_risk = np.cumsum(weight[::-1])[::-1]
    times = np.unique(hours[crashed])
    first = np.searchsorted(hours, times, side="left")
    died = np.bincount(np.searchsorted(times, hours[crashed]), weights=weight[crashed], minlength=len(times))
    share = np.cumprod(1 - died / at_risk[first]).astype(np.float64)
    return times, share


def _boots_of(ways: Sequence[Way]) -> Any:
    """The boots of some transitions and the cold boots of their releases, with how long each ran."""
    boots, named = tables().boots.c, named_by_evidence()
    until = sa.func.coalesce(boots.ended, boots.seen)
    origin = sa.case((boots.boot == "handover", boots.previous_release)).label("previous_release")
    wanted = [
        (boots.boot == way.boot)
        & (boots.release == way.release)
        & (boots.previous_release == way.previous_release if way.boot == "handover" and way.previous_release else True)
        for way in ways
    ]
    wanted.append((boots.boot == COLD) & boots.release.in_(sorted({way.release for way in ways})))
    crashed = sa.case((has_crashed(named), 1), else_=0).label("crashed")
    return (
        sa.select(boots.host, boots.boot, origin, boots.release, (until - boots.began).label("seconds"), crashed)
        .select_from(with_evidence(named))
        .where(sa.or_(*wanted), until >= boots.began)
        .order_by(boots.host, boots.boot_id)
        .limit(MOST_BOOTS)
    )
