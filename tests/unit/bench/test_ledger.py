# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's bench: its fleets are as it says, and its tasks do what they measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import ledger
from bench.fleet import BEGIN, DEADLY, DEADLY_RATE, histories
from bench.truth import COLD_RATE, rate_with


def test_fleet_is_the_same_for_the_same_seed() -> None:
    assert list(histories(3, 10, seed=1)) == list(histories(3, 10, seed=1))
    assert list(histories(3, 10, seed=1)) != list(histories(3, 10, seed=2))


def test_fleet_has_a_transition_that_crashes() -> None:
    boots = [boot for _host, given in histories(200, 100, seed=1) for boot in given["host_boots"]]
    deadly = [boot["ending"] == "crash" for boot in boots if (boot["previous_release"], boot["release"]) == DEADLY]
    assert sum(deadly) / len(deadly) == pytest.approx(DEADLY_RATE, rel=0.5)
    ids = {boot["boot_id"] for boot in boots}
    assert len(ids) == len(boots) == 20_000


def test_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BOOTS_PER_HOST", 10)
    url = f"sqlite:///{tmp_path}/ledger.db"
    assert ledger.do_import(url, 100)["boots_per_second"] > 0
    assert ledger.do_report(url, 100)["bytes"]["report.html"] > 1000
    monkeypatch.setattr(ledger, "SINCE", int(BEGIN.timestamp()))
    asked = ledger.do_gate(url, 100)
    assert asked["without"]["jumped"] == asked["with_symptoms"]["jumped"] > 0


def test_rate_with_the_same_odds() -> None:
    assert rate_with(1) == pytest.approx(COLD_RATE)
    assert rate_with(3) / (1 - rate_with(3)) == pytest.approx(3 * COLD_RATE / (1 - COLD_RATE))
