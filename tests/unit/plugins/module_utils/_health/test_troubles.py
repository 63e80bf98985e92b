# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import (
    EVIDENCE_LIMIT,
    TROUBLES,
    ColdBoots,
    trouble,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.words import TROUBLE_CODES


def test_options_know_every_code():
    assert sorted(TROUBLES) == sorted(TROUBLE_CODES)
    assert [name for name, (code, *_rest) in TROUBLES.items() if code != name] == []


@pytest.mark.parametrize("code", sorted(TROUBLES))
def test_each_says_what_is_wrong_what_shows_it_and_what_to_do(code):
    _code, kind, wrong, advice = TROUBLES[code]
    found = trouble(code, "eth0: no carrier.")
    assert found.note.message == f"{wrong}: eth0: no carrier. {advice}"
    assert advice.endswith(".")
    assert found.as_dict() == {
        **found.note.as_dict(),
        "kind": kind,
        "evidence": "eth0: no carrier",
        "new": True,
        "own": None,
        "own_boots": None,
        "own_hosts": None,
    }


@pytest.mark.parametrize("code", sorted(TROUBLES))
def test_the_kernels_own_says_that_a_cold_boot_does_not_help(code):
    found = trouble(code, "eth0", cold=ColdBoots(31, 7, of_fleet=True))
    assert "after cold boots too (31 boots of 7 hosts in the ledger), so" in found.note.message
    assert "a cold boot does not help" in found.note.message
    assert [found.as_dict()[name] for name in ("own", "own_boots", "own_hosts")] == [True, 31, 7]


@pytest.mark.parametrize(
    ("cold", "where"),
    [
        (ColdBoots(1, 1, of_fleet=False), "1 boot of this host"),
        (ColdBoots(2, 1, of_fleet=True), "2 boots of 1 host in the ledger"),
        (ColdBoots(None, 1, of_fleet=True), "as the task says"),
        (ColdBoots(3, None, of_fleet=True), "as the task says"),
    ],
)
def test_where_a_kernel_was_seen_to_say_so(cold, where):
    assert f"after cold boots too ({where}), so" in trouble("firmware_bug", "it", cold=cold).note.message


@pytest.mark.parametrize(
    ("code", "own", "counts"),
    [
        ("kernel_oops", True, True),
        ("bad_page", True, True),
        ("iommu_fault", True, True),
        ("firmware_bug", True, False),
        ("acpi_error", True, False),
        ("firmware_missing", True, False),
        ("probe_failed", True, False),
        ("firmware_bug", False, True),
        ("firmware_bug", None, True),
    ],
)
def test_only_what_most_machines_say_at_each_boot_does_not_count(code, own, counts):
    cold = ColdBoots(2, 1, of_fleet=False) if own else None
    assert trouble(code, "it", own=own, cold=cold).counts is counts


def test_evidence_is_bounded_and_printable():
    found = trouble("io_error", "\x1b[2J" + "x" * 1000)
    assert found.evidence.startswith("?[2J")
    assert len(found.evidence) <= EVIDENCE_LIMIT


@pytest.mark.parametrize(("new", "counts"), [(True, True), (False, False), (None, False)])
def test_only_what_is_new_for_sure_counts(new, counts):
    assert trouble("link_down", "eth0", new).counts is counts
