# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, in chains as the database orders them."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, ended, history, measured, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import measure_counts
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Measures, What
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drift_words import drift_summary
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.measure_counts import LONGEST

FREE = What(NEW, "free_bytes")


def put(ledger: Ledger, host: str, *boots: dict[str, Any]) -> None:
    """Import boots, the latest of which has the smallest number, each with as many bytes as its number."""
    ledger.import_history(host, history(*boots), NOW)
    for boot in boots:
        number = int(boot["boot_id"].replace("-", ""), 16)
        ledger.measure(host, {"boot_id": some_id(number), "free_bytes": number})


def told(ledger: Ledger) -> Measures:
    return count_fleet(ledger).measures


def test_a_chain_begins_with_a_cold_boot_or_where_the_count_does_not_rise(ledger: Ledger) -> None:
    put(
        ledger,
        "web1",
        *(ended(9, kexec_count=1), ended(8, kexec_count=2), cold(7), ended(6, kexec_count=3), ended(5, kexec_count=4)),
        *(ended(4, kexec_count=4), ended(3, kexec_count=5, release=OLD), ended(2, kexec_count=6)),
    )
    found = told(ledger)
    assert found.chains[FREE] == {"web1": (((1, 9), (2, 8)), ((3, 6), (4, 5)), ((4, 4), (6, 2)))}
    assert found.chains[What(OLD, "free_bytes")] == {"web1": (((5, 3),),)}
    assert found.cold == {FREE: {"web1": (7,)}}
    assert found.not_joined == 0


def test_a_cold_boot_that_was_not_measured_ends_a_chain_and_a_crash_kernel_does_not(ledger: Ledger) -> None:
    for host, between in (("web1", cold(3)), ("web2", ended(3, boot="kdump", kexec_count=0))):
        ledger.import_history(host, history(between), NOW)
        put(ledger, host, ended(4, kexec_count=1), ended(2, kexec_count=2))
    assert told(ledger).chains == {FREE: {"web1": (((1, 4),), ((2, 2),)), "web2": (((1, 4), (2, 2)),)}}


def test_what_is_not_compared(ledger: Ledger) -> None:
    put(ledger, "web1", ended(2, kexec_count=None), ended(3, release=None), ended(4, boot="kexec"))
    ledger.measure("web1", measured())
    found = told(ledger)
    assert (found.chains, found.cold, found.not_joined) == ({}, {}, 2)


def test_what_is_too_much_to_be_read_is_counted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("web1", "web2"):
        put(ledger, host, ended(3, kexec_count=1), ended(2, kexec_count=2))
    monkeypatch.setattr(measure_counts, "MOST_VALUES", 4)
    assert (sorted(told(ledger).chains[FREE]), told(ledger).not_read) == (["web1", "web2"], 0)
    monkeypatch.setattr(measure_counts, "MOST_VALUES", 3)
    assert (told(ledger).chains[FREE], told(ledger).not_read) == (
        {"web1": (((1, 3), (2, 2)),), "web2": (((1, 3),),)},
        1,
    )
    assert drift_summary((), 0, 1) == ["1 measured value too many to look at, of the hosts that are last by name."]


def test_a_chain_has_no_more_than_can_be_looked_at(ledger: Ledger) -> None:
    many = [ended(number, kexec_count=1000 - number) for number in range(LONGEST + 5, 0, -1)]
    put(ledger, "web1", *many)
    ((chain,),) = told(ledger).chains[FREE].values()
    assert (len(chain), chain[-1]) == (LONGEST, (999, 1.0))
