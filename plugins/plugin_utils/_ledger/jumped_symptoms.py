# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kernels complained about since a rollout began, before and after each host's jump. The database is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped import Cohort, belongs, jumps
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_counts import count_symptoms
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks import own_symptoms, symptom_risks
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import (
    Compared,
    Look,
    Standing,
    compared,
    standings,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa


class Complaints(NamedTuple):
    """What is bet on, the trouble and words of each by its name, and which are the ``own`` ones of a new release.

    ``compared`` hosts jumped, and were looked at before and after it.
    """

    found: list[Standing]
    names: dict[str, Symptom]
    own: frozenset[str]
    compared: int


def complaints(ledger: Ledger, release: str | None, since: int, cohort: Cohort | None = None) -> Complaints:
    """Return how symptoms stand ``since`` then, in seconds since 1970. Raises LedgerError.

    Of each host, the first boot after its jump counts, and the last one before it, where both were looked at. Of a
    ``cohort``, its hosts alone are looked at, without those that jumped between its beginning and ``since``.
    """
    only, first = cohort and cohort.named(), cohort.began if cohort else since
    with ledger.snapshot() as connection:
        symptoms: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for host, boot_id, symptom in connection.execute(_symptoms_since(first)):
            symptoms[host, boot_id].add(symptom)
        rows = [row for row in connection.execute(_boots_since(first)) if belongs(only, row)]
        pairs, releases = _compared(rows, symptoms, release, since, only)
        found = standings(pairs)
        names = _names(connection, [one.symptom for one in found])
        own = _own(connection, releases) if found else frozenset()
    return Complaints(found, names, own, len(pairs))


def _compared(
    rows: Iterable[Any],
    symptoms: dict[tuple[str, str], set[str]],
    release: str | None,
    since: int,
    only: Cohort | None,
) -> tuple[list[Compared], set[str]]:
    before, after, releases = [], [], set()
    for _host, boots in groupby(rows, lambda row: str(row.host)):
        last = None
        for row in boots:
            if jumps(row, release, since, only):
                if row.began < since:
                    last = None
                    break
                after += [_look(row, symptoms)] if row.looked else []
                releases.add(row.release)
                break
            last = row
        before += [_look(last, symptoms)] if last is not None and last.looked else []
    return compared(before, after), releases


def _look(row: Any, symptoms: dict[tuple[str, str], set[str]]) -> Look:
    seen = symptoms.get((row.host, row.boot_id), set())
    return Look(row.host, float(row.began), float(row.until), frozenset(seen))


def _own(connection: sa.Connection, releases: Collection[str]) -> frozenset[str]:
    """Return what these releases have after cold boots too, as those are told who are judged after a jump."""
    counted = count_symptoms(connection)
    own = own_symptoms(counted, symptom_risks(counted))
    return frozenset(Symptom(one.trouble, one.words).name for one in own if one.release in releases)


def _names(connection: sa.Connection, symptoms: Collection[str]) -> dict[str, Symptom]:
    names = tables().symptom_names.c
    wanted = sa.select(names.symptom, names.trouble, names.words).where(names.symptom.in_(symptoms))
    return {row.symptom: Symptom(row.trouble, row.words) for row in connection.execute(wanted)}


def _since(since: int) -> Any:
    boots = tables().boots.c
    # What began when is all that this is about; a crash kernel is no boot of its own.
    return sa.and_(sa.func.coalesce(boots.ended, boots.seen) >= since, boots.began.is_not(None), boots.boot != "kdump")


def _boots_since(since: int) -> Any:
    boots = tables().boots.c
    until = sa.func.coalesce(boots.ended, boots.seen).label("until")
    columns = [boots.host, boots.boot_id, boots.boot, boots.release, boots.began, until, boots.looked]
    return sa.select(*columns).where(_since(since)).order_by(boots.host, boots.began)


def _symptoms_since(since: int) -> Any:
    boots, symptoms = tables().boots, tables().symptoms
    same = (boots.c.host == symptoms.c.host) & (boots.c.boot_id == symptoms.c.boot_id)
    columns = [symptoms.c.host, symptoms.c.boot_id, symptoms.c.symptom]
    return sa.select(*columns).select_from(symptoms.join(boots, same)).where(_since(since))
