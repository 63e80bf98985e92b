# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate says of symptoms."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped_symptoms import Complaints
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_gate_words import (
    HOSTS_TOLD,
    SAID,
    TOLD,
    complaint_sentences,
    complaints_as_list,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import Pairs, Standing
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom


def standing(symptom: str, evidence: float = 30.0, hosts: tuple[str, ...] = ("web1", "web2")) -> Standing:
    return Standing(symptom, Pairs(14, 0), Pairs(13, 2), hosts, 0.5, evidence)


def complaints(*found: Standing, own: frozenset[str] = frozenset()) -> Complaints:
    names = {one.symptom: Symptom("acpi_error", f"ACPI Error: {one.symptom} " + 200 * "x") for one in found}
    return Complaints([*found], names, 156, frozenset(), own)


def test_numbers_interval_and_hosts_are_told() -> None:
    (said,) = complaint_sentences(complaints(standing("a")))
    assert "Of 156 hosts that jumped, 14 complained of acpi_error (ACPI Error: a x" in said
    assert "and 0 before and not after: 2.1 to any number of times as often are possible." in said
    assert said.endswith("it is 13 to 2. Hosts: web1, web2.")
    assert len(said) < 500


def test_those_that_speak_most_against_jumps_come_first_and_own_ones_last() -> None:
    told = complaints(standing("a", 2.0), standing("b", 99.0), standing("own", 1e6), own=frozenset({"own"}))
    assert [one["symptom"] for one in complaints_as_list(told)] == ["b", "a", "own"]
    assert [one["own"] for one in complaints_as_list(told)] == [False, False, True]
    assert [one["own"] for one in complaints_as_list(complaints(standing("a", 0.9)))] == [None]
    assert ["Error: b" in one for one in complaint_sentences(told)] == [True, False]


def test_what_speaks_for_jumps_is_not_told() -> None:
    for told in (complaints(), complaints(standing("a", 0.9)), complaints(standing("a"), own=frozenset("a"))):
        assert complaint_sentences(told) == [
            "No complaint of kernels is seen to come from the jump, on 156 hosts that could be compared."
        ]


def test_all_that_is_told_is_bounded_and_plain() -> None:
    hosts = tuple(f"web{number}" for number in range(HOSTS_TOLD + 1))
    told = complaints(*(standing(f"{number:02}", hosts=hosts) for number in range(TOLD + 1)))
    assert len(complaint_sentences(told)) == SAID
    listed = json.loads(json.dumps(complaints_as_list(told), allow_nan=False))
    assert (len(listed), len(listed[0]["hosts"])) == (TOLD, HOSTS_TOLD)
    assert listed[0]["ratio_interval"] == [pytest.approx(2.1, abs=0.1), None]
