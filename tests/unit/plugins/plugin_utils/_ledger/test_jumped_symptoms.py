# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger knows of the complaints of kernels before and after a jump."""

from __future__ import annotations

from typing import Any

from unit.plugins.plugin_utils.histories import NEW, OLD, history
from unit.plugins.plugin_utils.jumped_hosts import ACPI, HOUR, SINCE, after, before, looked

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped_symptoms import Complaints
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import look
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import Pairs
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom


def complaints(ledger: Ledger, release: str | None, since: int) -> Complaints:
    told = look(ledger, release, since, symptoms=True).told
    assert told is not None
    return told


def put(ledger: Ledger, host: str, *boots: dict[str, Any]) -> None:
    ledger.import_history(host, history(*boots), SINCE + HOUR)


def test_empty_ledger(ledger: Ledger) -> None:
    assert complaints(ledger, None, SINCE) == ([], {}, 0, frozenset(), None)


def test_hosts_are_compared_with_themselves_and_with_one_that_waits(ledger: Ledger) -> None:
    for number in range(3):
        put(ledger, f"web{number}", looked(before(until=600)), looked(after(660), ACPI))
        put(ledger, f"waiting{number}", looked(before(), *([] if number else [ACPI])))
    put(ledger, "web3", looked(before(until=600), ACPI), looked(after(660)))
    told = complaints(ledger, NEW, SINCE)
    (found,) = told.found
    assert told.compared == 4
    assert told.names == {found.symptom: Symptom(ACPI["code"], ACPI["signature"])}
    assert (found.with_itself, found.with_others) == (Pairs(3, 1), Pairs(2, 0))
    assert found.hosts == ("web0", "web1", "web2")


def test_the_first_boot_after_the_jump_counts_and_the_last_one_before_it(ledger: Ledger) -> None:
    for number in range(2):
        earlier = looked(before(7, 300), ACPI), looked(before(8, 600, begin=before(7, 360)["end"]))
        put(ledger, f"web{number}", *earlier, looked(after(660, 900), ACPI), looked(after(960, number=4)))
    (found,) = complaints(ledger, None, SINCE).found
    assert found.with_itself == Pairs(2, 0)


def test_boots_that_nobody_looked_at_are_not_compared(ledger: Ledger) -> None:
    put(ledger, "web1", before(until=600), looked(after(660), ACPI))
    put(ledger, "web2", looked(before(until=600)), after(660))
    assert complaints(ledger, NEW, SINCE).compared == 0


def test_jumps_to_other_releases_and_from_before_the_rollout_do_not_count(ledger: Ledger) -> None:
    put(ledger, "web1", looked(before(until=600)), looked(after(660), ACPI))
    assert [complaints(ledger, release, SINCE).compared for release in (None, NEW, OLD)] == [1, 1, 0]
    assert complaints(ledger, NEW, SINCE + 661).compared == 0
