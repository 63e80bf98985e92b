# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host's symptoms is taken, and under which names."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import NOW, ended, history, some_id
from unit.plugins.plugin_utils.ledgers import Ask, refusal

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import (
    SYMPTOMS_OF_BOOT,
    SYMPTOMS_OF_HOST,
    Symptom,
    symptoms_of,
    take_symptoms,
)

FAULT = {"code": "iommu_fault", "signature": "DMAR: DRHD: handling fault status reg #"}


def many(first: int, number: int) -> list[dict[str, str]]:
    return [{"code": "io_error", "signature": f"disk {'x' * at}"} for at in range(first, first + number)]


def test_names_are_made_of_what_they_name() -> None:
    one, other = Symptom("io_error", "sda"), Symptom("io_error", "sdb")
    assert one.name != other.name != Symptom("pcie_error", "sdb").name
    assert len(one.name) == 16


def test_symptoms_of_a_boot_are_bounded_printable_and_told_once() -> None:
    hostile = {"code": "io_error", "signature": "{{ lookup('pipe', 'id') }}\x1b[2J" + "x" * 1000}
    (one, two) = symptoms_of([hostile, hostile, FAULT], ValueError) or ()
    assert len(one.words) <= 300
    assert "\x1b" not in one.words
    assert two == Symptom(FAULT["code"], FAULT["signature"])
    assert len(symptoms_of(many(0, 10_000), ValueError) or ()) == SYMPTOMS_OF_BOOT


def test_nobody_looked() -> None:
    assert symptoms_of(None, ValueError) is None
    assert symptoms_of([], ValueError) == ()


@pytest.mark.parametrize(
    "told", ["iommu_fault", [7], [{"code": "iommu_fault"}], [{"code": "no_such_code", "signature": "x"}], [{}]]
)
def test_another_shape_is_refused(ledger: Ledger, told: Any) -> None:
    found = refusal(lambda: ledger.import_history("web1", history(ended(1, troubles=told)), NOW))
    assert found.code == "history_invalid"
    assert "trouble" in found.message


def test_symptoms_of_boots_that_were_not_taken_are_not_taken() -> None:
    told = {"one": (Symptom("io_error", "sda"),), "other": (Symptom("io_error", "sdb"),)}
    found = take_symptoms(told, "web1", {"one"}, ())
    assert [row["boot_id"] for row in found.symptoms] == ["one"]
    assert [row["words"] for row in found.names] == ["sda"]


def test_they_are_written_once_and_added_to(ledger: Ledger, ask: Ask) -> None:
    for troubles in ([], [FAULT], [FAULT], [FAULT, *many(1, 1)]):
        ledger.import_history("web1", history(ended(1, troubles=troubles), ended(2)), NOW)
    assert ask("SELECT boot_id, looked FROM boots ORDER BY boot_id") == [(some_id(1), 1), (some_id(2), None)]
    assert ask("SELECT trouble, words FROM symptom_names ORDER BY trouble") == [
        ("io_error", "disk x"),
        ("iommu_fault", FAULT["signature"]),
    ]
    assert ask("SELECT COUNT(*) FROM symptoms") == [(2,)]
    assert ask("SELECT host, kexec_count, boots FROM symptom_tallies") == [("web1", 1, 1)] * 2
    assert ask("SELECT boots, looked FROM tallies") == [(2, 1)]


def test_a_boot_that_is_told_of_without_stays_as_it_was(ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(ended(1, troubles=[FAULT])), NOW)
    ledger.import_history("web1", history(ended(1, troubles=None)), NOW)
    assert ask("SELECT looked FROM boots") == [(1,)]
    assert ask("SELECT boots FROM symptom_tallies") == [(1,)]


def test_a_host_that_invents_ten_thousand(ledger: Ledger, ask: Ask) -> None:
    notes: list[dict[str, str]] = []
    for batch in range(10):
        boots = [ended(100 * batch + at, troubles=many(10 * (100 * batch + at), 10)) for at in range(1, 100)]
        notes = ledger.import_history("mallory", history(*boots), NOW)["notes"]
    assert ask("SELECT COUNT(*) FROM symptom_names") == [(SYMPTOMS_OF_HOST,)]
    assert ask("SELECT COUNT(DISTINCT symptom) FROM symptoms") == [(SYMPTOMS_OF_HOST,)]
    assert [note["code"] for note in notes] == ["history_too_large"]
    assert ask("SELECT left_out > 0 FROM cursors") == [(1,)]
