# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from unit.plugins.plugin_utils.correlations import counted, fleet

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.matrix import MOST_RELEASES, matrix_of

MANY = 40


def handover(origin: str | None, to: str, boots: int = 100, crashes: int = 0) -> Count:
    return counted(Way("handover", origin, to), boots, crashes)


@pytest.mark.parametrize("name", ["1.0", "9.99", "aaa"])
def test_row_with_the_most_crashes_is_shown_whatever_its_name(name: str) -> None:
    harmless = [handover(f"6.{number}", "7.3", 900_000) for number in range(MANY)]
    matrix = matrix_of(fleet(*harmless, handover(name, "7.3", 5000, 2000)))
    assert name in matrix.rows
    assert (len(matrix.rows), matrix.all_rows) == (MOST_RELEASES, MANY + 1)


def test_row_of_a_finding_is_shown_before_rows_with_more_crashes() -> None:
    frail = [handover(f"6.{number}", "7.3", 100_000, 1000) for number in range(MANY)]
    matrix = matrix_of(
        fleet(*frail, handover("5.10", "7.3", 500, 50), counted(Way("cold", None, "7.3"), 100_000, 1000))
    )
    assert "5.10" in matrix.rows


def test_column_with_the_most_crashes_is_shown() -> None:
    harmless = [handover("6.1", f"7.{number}", 900_000) for number in range(MANY)]
    matrix = matrix_of(fleet(*harmless, handover("6.1", "6.2", 5000, 2000)))
    assert "6.2" in matrix.columns
    assert (len(matrix.columns), matrix.all_columns) == (MOST_RELEASES, MANY + 1)


def test_releases_are_in_their_order_and_the_unknown_is_the_last() -> None:
    matrix = matrix_of(fleet(*(handover(origin, "7.3") for origin in ("6.12.10", None, "6.9", "6.12.9", "6.12.9-rc1"))))
    assert matrix.rows == ("6.9", "6.12.9-rc1", "6.12.9", "6.12.10", None)


def test_among_equals_the_newest_are_shown() -> None:
    matrix = matrix_of(fleet(*(handover(f"6.{number}", "7.3") for number in range(MANY))))
    assert matrix.rows == tuple(f"6.{number}" for number in range(MANY - MOST_RELEASES, MANY))


def test_what_is_left_out_is_said() -> None:
    assert matrix_of(fleet(handover("6.1", "7.3"))).left_out == ""
    said = matrix_of(fleet(*(handover(f"6.{number}", "7.3") for number in range(MANY)))).left_out
    assert said.startswith("Shown are 30 of 40 releases that were left: first those of transitions that crash more")
    both = [handover(f"6.{number}", f"7.{number}") for number in range(MANY)]
    assert (
        "30 of 40 releases that were left and 30 of 40 releases that were reached" in matrix_of(fleet(*both)).left_out
    )


def test_row_that_leads_to_no_column_is_not_shown() -> None:
    heavy = [handover("6.1", f"7.{number}", 100, 50) for number in range(MOST_RELEASES)]
    matrix = matrix_of(fleet(*heavy, handover("6.2", "7.99", 100)))
    assert (matrix.rows, matrix.all_rows) == (("6.1",), 2)
