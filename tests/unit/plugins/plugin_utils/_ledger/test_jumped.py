# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When hosts ran since a rollout began, and when each crashed for the first time."""

from __future__ import annotations

import pytest
from unit.plugins.plugin_utils.histories import NEW, crash, history, some_id, upgraded
from unit.plugins.plugin_utils.jumped_hosts import ACPI, HOUR, SINCE, after, at, before, looked

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped import Sides
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import look


def sides(ledger: Ledger, release: str | None, since: int) -> Sides:
    with_symptoms, without = (look(ledger, release, since, symptoms).found for symptoms in (True, False))
    assert repr(with_symptoms) == repr(without)
    return without


def test_a_host_that_crashed_before_its_jump_is_looked_at_no_longer(ledger: Ledger) -> None:
    crashed = before(until=300, ending="crash")
    ledger.import_history("web1", history(crashed, before(3, 600, begin=at(360)), after(660, 700)), SINCE + HOUR)
    found = sides(ledger, NEW, SINCE)
    assert (found.jumped_hosts, found.waiting.crashes, found.waiting.hours) == (0, 1, pytest.approx(300 / HOUR))


def test_a_boot_with_two_symptoms_is_one_boot(ledger: Ledger) -> None:
    other = {"code": "io_error", "signature": "sda"}
    boots = looked(before(until=600), ACPI, other), looked(after(660, 900), ACPI, other)
    ledger.import_history("web1", history(*boots), SINCE + HOUR)
    found = sides(ledger, NEW, SINCE)
    assert (found.jumped.hours, found.waiting.hours) == (pytest.approx(240 / HOUR), pytest.approx(600 / HOUR))


def test_oops_counts_when_it_was(ledger: Ledger) -> None:
    oops = crash(boot_id=some_id(2), kind="oops", fatal=False, at=at(700))
    ledger.import_history("web1", history(before(until=600), after(660), crashes=(oops,)), SINCE + HOUR)
    found = sides(ledger, NEW, SINCE)
    assert (found.jumped.crashes, found.jumped.hours) == (1, pytest.approx(40 / HOUR))


def test_who_never_came_back_has_died_with_its_wave(ledger: Ledger) -> None:
    ledger.import_history("web1", history(before(until=600), after(660)), SINCE + HOUR)
    ledger.import_history("web2", history(before(until=600)), SINCE + HOUR)
    lost = upgraded(host="web2", verdict="unreachable", accepted=False, reported=None)
    ledger.record("web2", lost, SINCE + 1200)
    ledger.record("web3", {**lost, "host": "web3"}, SINCE - 1)
    found = sides(ledger, NEW, SINCE)
    assert (found.jumped_hosts, found.crashed_hosts) == (2, ("web2",))
    assert found.jumped.end[found.jumped.crashed].tolist() == [SINCE + 660]


def test_other_releases_are_no_jump_of_this_rollout(ledger: Ledger) -> None:
    ledger.import_history("web1", history(before(until=600), after(660)), SINCE + HOUR)
    assert [sides(ledger, release, SINCE).jumped_hosts for release in (None, NEW, "7.3.5")] == [1, 1, 0]


def test_what_was_before_the_rollout_tells_how_often_hosts_crash(ledger: Ledger) -> None:
    day = 24 * HOUR
    long_ago = before(4, -20 * day, begin=at(-30 * day), ending="crash")
    crashed = before(5, -2 * day, begin=at(-20 * day), ending="crash")
    ledger.import_history("web1", history(long_ago, crashed, before(until=600), after(660)), SINCE + HOUR)
    past = sides(ledger, NEW, SINCE).past
    assert (past.crashes, past.hours) == (1, pytest.approx(12 * 24 + 1))
