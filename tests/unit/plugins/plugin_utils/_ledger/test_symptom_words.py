# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of symptoms."""

from __future__ import annotations

import json

import pytest
from unit.plugins.plugin_utils._ledger.test_symptom_risks import chain, risks, symptom

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import HostCount
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_words import (
    symptom_as_dict,
    symptom_sentence,
    symptom_summary,
)

ONLY = symptom(1, HostCount(4, 3, 4, 0, 20), HostCount(4, 0, 4, 0, 80))


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        (
            [HostCount(4, 3, 4, 0, 20), HostCount(4, 0, 4, 0, 80)],
            "7.2.13 -> 7.3.4: iommu_fault (DMAR) comes from the kexec: in 60 of 400 boots on 20 of 100 hosts, "
            "cold boots of 7.3.4 (0 of 400), q = ",
        ),
        (
            [HostCount(4, 3, 4, 0, 20), HostCount(4, 0, 4, 1, 5), HostCount(4, 0, 4, 0, 80)],
            "times as often as after a cold boot",
        ),
        ([HostCount(4, 4, 4, 4, 20), HostCount(4, 0, 4, 0, 80)], "is the kernel's own, it has it after cold boots"),
        (
            [HostCount(4, 1, 4, 0, 2), HostCount(4, 0, 4, 0, 80)],
            "too few boots to tell whether it comes from the",
        ),
    ],
)
def test_sentences(hosts: list[HostCount], said: str) -> None:
    (one,) = risks(symptom(1, *hosts))
    assert said in symptom_sentence(one)


def test_long_chains() -> None:
    seen = [(1, 100, 0), (2, 100, 0), (3, 100, 30), (4, 100, 60)]
    hosts = [HostCount(1, 1, 1, 0, 90), HostCount(1, 0, 1, 0, 310)]
    (one,) = risks(symptom(1, *hosts, counts=chain(*seen)))
    assert "comes from long chains only, from kexec count 3 on: in 90 of 400 boots" in symptom_sentence(one)


def test_summary() -> None:
    assert symptom_summary((), 0, 0) == []
    assert symptom_summary(risks(ONLY), 1, 2) == [
        "1 complaint of kernels comes from a kexec; 1 of one host only, which is not compared.",
        "2 further complaints, of the fewest hosts, not looked at.",
    ]


def test_json_has_no_infinity() -> None:
    (one,) = risks(ONLY)
    told = json.loads(json.dumps(symptom_as_dict(one), allow_nan=False))
    assert (told["finding"], told["seen"], told["cold_seen"], told["times_as_often"]) == (
        "only_after_kexec",
        60,
        0,
        None,
    )
    assert told["hosts"] == {"hosts": 100, "seen": 20, "cold_hosts": 100, "cold_seen": 0}


def test_reports_tell_of_them() -> None:
    fleet = Correlation(cold={}, transitions=(), boots=1, not_compared=0, not_joined=0, symptoms=risks(ONLY))
    texts = render_reports(fleet, 1795392000)
    assert "comes from the kexec" in texts["report.md"]
    assert "comes from the kexec" in texts["report.html"]
    (one,) = json.loads(texts["report.json"])["symptoms"]
    assert one["finding"] == "only_after_kexec"
