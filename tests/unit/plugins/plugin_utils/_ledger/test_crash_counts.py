# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which crashes count, and for whom."""

from __future__ import annotations

import pytest
from unit.plugins.plugin_utils.correlations import boots_and_crashes
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, crash, ended, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import (
    count_fleet,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)


def test_boot_counts_as_crashed_once(ledger: Ledger) -> None:
    # By its ending, by evidence, by both, by two crashes.
    boots = [ended(1, ending="crash"), ended(2), ended(3, ending="crash"), ended(4), ended(5)]
    crashes = (
        crash(boot_id=some_id(2)),
        crash(boot_id=some_id(3)),
        crash(boot_id=some_id(4)),
        crash(boot_id=some_id(4), signature="0123456789abcdef"),
    )
    ledger.import_history("web1", history(*boots, crashes=crashes), NOW)
    assert boots_and_crashes(count_fleet(ledger)) == {(HANDOVER, 1): (5, 4)}


@pytest.mark.parametrize("kind", ["hung_task", "rcu_stall", "lockup", "machine_check", "warning", "fault"])
def test_slowness_and_hardware_that_a_kernel_survived_are_no_crash(ledger: Ledger, kind: str) -> None:
    survived = crash(boot_id=some_id(1), kind=kind, fatal=False)
    ledger.import_history("web1", history(ended(1), crashes=(survived, {**survived, "boot_id": None})), NOW)
    fleet = count_fleet(ledger)
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (1, 0)}
    assert (fleet.bugs, fleet.not_joined, fleet.worst_host) == ((), 0, {})


@pytest.mark.parametrize("kind", ["oops", "bug", "memory", "panic"])
def test_fault_of_the_kernel_is_a_crash_also_where_the_host_goes_on(ledger: Ledger, kind: str) -> None:
    survived = crash(boot_id=some_id(1), kind=kind, fatal=False)
    ledger.import_history("web1", history(ended(1), crashes=(survived, {**survived, "boot_id": None})), NOW)
    fleet = count_fleet(ledger)
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (1, 1)}
    assert ([one.kind for one in fleet.bugs], fleet.not_joined) == ([kind], 1)


"""``BEGIN`` of the histories, in seconds since 1970."""
