# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kernels complained about since a rollout began, before and after each host's jump. The database is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import COLD
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped import Asked, jumps
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_counts import count_some
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks import own_symptoms, symptom_risks
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import (
    Compared,
    Look,
    Standing,
    compared,
    standings,
    won_by_symptoms,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa


class Complaints(NamedTuple):
    """What is bet on, the trouble and words of each by its name, and to which ``releases`` hosts jumped.

    ``compared`` hosts jumped, and were looked at before and after it. Which symptoms are the releases' ``own`` is None
    until somebody asks: it can only speak for the jump, so it matters where it would be stopped otherwise.
    """

    found: list[Standing]
    names: dict[str, Symptom]
    compared: int
    releases: frozenset[str]
    own: frozenset[str] | None = None

    def evidence(self) -> float:
        """Return what a stake of 1 on all symptoms has become."""
        return won_by_symptoms(self.found, self.own or frozenset())


def complaints(connection: sa.Connection, boots: Iterable[Any], asked: Asked) -> Complaints:
    """Return how symptoms stand; ``boots`` are those of ``boots_since``, with symptoms.

    Of each host, the first boot after its jump counts, and the last one before it, where both were looked at. Of a
    cohort, its hosts alone are looked at, without those that jumped between its beginning and ``since``.
    """
    pairs, releases = _compared(boots, asked)
    found = standings(pairs)
    names = _names(connection, [one.symptom for one in found])
    return Complaints(found, names, len(pairs), frozenset(releases))


def with_own(connection: sa.Connection, told: Complaints) -> Complaints:
    """Return the same, knowing which are the kernel's own of the symptoms that speak against the jump."""
    names = {one.symptom: told.names[one.symptom] for one in told.found if one.speaks}
    return told._replace(own=_own(connection, names, told.releases) if names else frozenset())


def _compared(rows: Iterable[Any], asked: Asked) -> tuple[list[Compared], set[str]]:
    before, after, releases = [], [], set()
    for _host, of_host in groupby(rows, attrgetter("host")):
        last = None
        for _boot, of_boot in groupby(of_host, attrgetter("boot_id")):
            boot = [*of_boot]
            if jumps(boot[0], asked):
                if boot[0].began < asked.since:
                    last = None
                    break
                after += _look(boot)
                releases.add(boot[0].release)
                break
            last = boot
        before += _look(last) if last is not None else []
    return compared(before, after), releases


def _look(rows: Sequence[Any]) -> list[Look]:
    boot, symptoms = rows[0], frozenset(row.symptom for row in rows if row.symptom is not None)
    return [Look(boot.host, float(boot.began), float(boot.until), symptoms)] if boot.looked else []


def _own(connection: sa.Connection, names: Mapping[str, Symptom], releases: Collection[str]) -> frozenset[str]:
    """Return which symptoms these releases have after cold boots too, and not more often after a kexec.

    As those are told who are judged after a jump; but only what is bet on is asked of, and corrected for.
    """
    several = {*connection.execute(_after_cold_boots([*names], releases)).scalars()}
    if not several:
        return frozenset()
    counted = count_some(connection, {name: names[name] for name in sorted(several)}, releases)
    own = own_symptoms(counted, symptom_risks(counted))
    return frozenset(Symptom(one.trouble, one.words).name for one in own)


def _after_cold_boots(names: Collection[str], releases: Collection[str]) -> Any:
    """The symptoms that several hosts have after cold boots of one of these releases."""
    sums, ways = tables().symptom_tallies.c, tables().ways.c
    cold = sa.select(ways.way).where(ways.boot == COLD, ways.release.in_(releases))
    several = sa.func.count(sums.host.distinct()) > 1
    wanted = [sums.symptom.in_(names), sums.way.in_(cold)]
    return sa.select(sums.symptom).where(*wanted).group_by(sums.symptom, sums.way).having(several)


def _names(connection: sa.Connection, symptoms: Collection[str]) -> dict[str, Symptom]:
    names = tables().symptom_names.c
    wanted = sa.select(names.symptom, names.trouble, names.words).where(names.symptom.in_(symptoms))
    return {row.symptom: Symptom(row.trouble, row.words) for row in connection.execute(wanted)}
