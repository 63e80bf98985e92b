# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a soak, and its sentences."""

from __future__ import annotations

import sys
from dataclasses import replace

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.results import asked_for
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import Row
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.table import sentences, table, trends

MIB = 1 << 20
ROW = Row(1, "7.3.4-kho", "7.3.4-kho", "handover_verified", None, 1, True, (), 8.3, 12.0, 900 * MIB, 64 * MIB, 30 * MIB)


def soaked(count, **changes):
    soak = asked_for("web1", count, ["running"], 0)
    for number in range(1, count + 1):
        values = {name: change(number) for name, change in changes.items()}
        soak = soak.with_row(replace(ROW, number=number, kexec_count=number, **values), True)
    return soak


def test_each_jump_is_a_row_and_what_is_not_known_is_a_dash():
    bad = replace(
        ROW, number=2, to=None, verdict=None, failure="unreachable", well=False, symptoms=None, free_bytes=None
    )
    lines = table(asked_for("web1", 2, ["running"], 0).with_row(ROW, True).with_row(bad, True))
    assert lines[0].split("  ")[0] == "jump"
    assert lines[2].split() == [
        "1",
        "1",
        "7.3.4-kho",
        "handover_verified",
        "8.3",
        "12.0",
        "900.0",
        "64.0",
        "30.0",
        "none",
    ]
    assert lines[3].split() == ["2", "1", "-", "unreachable", "8.3", "12.0", "-", "64.0", "30.0", "-"]


def test_a_leak_is_named_with_its_interval():
    said = sentences(soaked(12, free_bytes=lambda number: (900 - 3 * number) * MIB))
    assert said[0] == "web1: 12 jumps of 12, 0 not well (all_jumps)."
    assert said[1].startswith("7.3.4-kho: free memory drifts with the count, by -3 MiB with each jump (95 % interval")


def test_nothing_that_drifts_is_said_too():
    assert sentences(soaked(12))[1] == "7.3.4-kho: nothing is seen to drift with the count."


def test_the_first_that_is_not_well_is_named():
    soak = soaked(7, well=lambda number: number < 5, symptoms=lambda number: () if number < 5 else ("kernel_warning",))
    assert sentences(soak)[1] == "The first that was not well is jump 5 to 7.3.4-kho (count 5): kernel_warning."


def test_each_release_has_its_own_trends():
    soak = soaked(14, to=lambda number: "ab"[number % 2], free_bytes=lambda number: (100 if number % 2 else 900) * MIB)
    assert {release: found["free_bytes"].drifts for release, found in trends(soak).items()} == {"a": False, "b": False}


def test_without_scipy_it_is_said_that_nothing_is_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    (said,) = sentences(soaked(12))[1:]
    assert "unknown, because SciPy is not installed" in said
