# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.plugins.plugin_utils.histories import BOOT_ID, NEW, NOW, OLD, boot, ended, history

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_budget import NAMED, keep_within
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as opened:
        for number in range(8):
            ending = "crash" if number < 6 else "clean"
            opened.import_history(f"web{number}", history(boot(boot_id=BOOT_ID, ending=ending)), NOW)
        yield opened


def test_within_the_budget(ledger: Ledger) -> None:
    found = keep_within(ledger, OLD, NEW, 0, 6)
    assert "failed" not in found
    assert (found["hosts_begun"], found["boots_begun"], found["boots_crashed"]) == (8, 8, 6)
    assert found["crashed_hosts"] == [f"web{number}" for number in range(6)]


def test_budget_that_is_exceeded(ledger: Ledger) -> None:
    found = keep_within(ledger, None, NEW, 0, 5)
    assert (found["failed"], found["code"], found["changed"]) == (True, "crash_budget_exceeded", False)
    assert f"On 6 of 8 hosts, boots of {NEW}" in found["msg"]
    assert f"web{NAMED - 1} and {6 - NAMED} more" in found["msg"]
    assert f"web{NAMED}" not in found["msg"]


def test_a_host_that_crashes_in_a_loop_counts_once(ledger: Ledger) -> None:
    boots = [ended(number, ending="crash") for number in range(1, 30)]
    ledger.import_history("web0", history(*boots), NOW)
    found = keep_within(ledger, None, NEW, 0, 6)
    assert "failed" not in found
    assert (found["hosts_begun"], found["boots_crashed"], len(found["crashed_hosts"])) == (8, 35, 6)


def test_nothing_is_known(ledger: Ledger) -> None:
    found = keep_within(ledger, OLD, NEW, NOW, 0)
    assert (found["boots_begun"], found["boots_crashed"], found.get("failed")) == (0, 0, None)
