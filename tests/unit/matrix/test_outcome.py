# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both sides of the prediction matrix come down to the same words only when they mean the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lab.history import Boot, Cause
from matrix import outcome
from matrix.cells import CELLS, KHO_OFF, NOT_RUN, REPRESENTATIVE, RUNNING, TARGETS, Cell, Kernel, kernels_of, shares
from matrix.table import render

FOUND = "KHO: found kexec handover data."
POWER_ON = Boot("power_on", "7.2.13-kho", None, False, (), 0)


def boot(*kho: str, cause: Cause = "kexec") -> Boot:
    return Boot(cause, "7.3.4-kho", None, False, kho, 100)


def plan(action: str, *codes: str, warnings: tuple[str, ...] = (), **promise: Any) -> dict[str, Any]:
    return {
        "action": action,
        "promise": {"how": action, **promise} if promise or action == "kexec" else None,
        "reasons": [{"code": code, "message": ""} for code in codes],
        "warnings": [{"code": code, "message": ""} for code in warnings],
    }


def test_a_plan_in_doubt_predicts_nothing() -> None:
    assert outcome.doubts(plan("handover", "handover_promised", warnings=("kho_abi_unknown",))) == ["kho_abi_unknown"]
    assert outcome.doubts(plan("kexec", warnings=("kho_abi_mismatch", "kexec_count_unknown"))) == []


def test_reasons_are_more_than_the_promise() -> None:
    made = plan("kexec", "kexec_promised", "running_again", warnings=("kho_abi_mismatch",))
    assert outcome.reasons(made) == ["running_again: ", "kho_abi_mismatch: "]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (plan("handover", previous_release="7.2.13-kho", kexec_count=3), "handover from 7.2.13-kho (3)"),
        (plan("kexec", warnings=("kho_abi_mismatch",)), "kexec"),
        (plan("kexec", warnings=("metadata_unsupported",)), "handover without record"),
        (plan("refuse", "luo_abi_mismatch"), "panic"),
        (plan("refuse", "root_device_missing", "scratch_too_small"), "not loaded"),
        (plan("refuse", "downgrade", "transition_denied"), "refused: downgrade transition_denied"),
        (plan("none", "already_running"), "none"),
    ],
)
def test_what_a_plan_predicts(made: dict[str, Any], words: str) -> None:
    assert outcome.predicted(made) == words


def test_what_is_done_by_hand_brings_no_handover() -> None:
    handover = plan("handover", previous_release="7.2.13-kho", kexec_count=1)
    too_small = plan("refuse", "scratch_too_small")
    assert outcome.predicted_by_hand(handover, Kernel("new", (KHO_OFF,))) == outcome.KEXEC
    assert outcome.predicted_by_hand(too_small, Kernel("new", (KHO_OFF,))) == outcome.NOT_LOADED
    assert outcome.predicted_by_hand(too_small, Kernel("new", old_call=True)) == outcome.KEXEC


@pytest.mark.parametrize(
    ("boots", "console", "words"),
    [
        ([boot(FOUND, "KHO: exec from: 7.2.13-kho (count 3)")], "", "handover from 7.2.13-kho (3)"),
        ([boot("KHO: setup: handover FDT (0x1) is incompatible with 'kho-v9': 1")], "", "kexec"),
        ([boot(FOUND)], "", "kexec"),
        ([boot()], "", "kexec"),
        ([boot("KHO: kexec-metadata version 1 not supported (expected 2)")], "", "handover without record"),
        ([boot(cause="reset")], "", "reset: 7.3.4-kho"),
        ([boot(), boot(cause="reset")], "Kernel panic - not syncing: The incoming tree failed", "panic"),
        ([], "", "not loaded"),
    ],
)
def test_what_was_seen(boots: list[Boot], console: str, words: str) -> None:
    assert outcome.seen([POWER_ON, *boots], 1, console) == words


def test_every_pair_is_run_or_listed_with_its_reason() -> None:
    assert len(CELLS) + len(NOT_RUN) == len(RUNNING) * len(TARGETS)
    assert set(REPRESENTATIVE) <= set(CELLS)
    assert {cell.running.name for cell in NOT_RUN} == {cell.target.name for cell in NOT_RUN}


@pytest.mark.parametrize("cells", [CELLS, REPRESENTATIVE])
def test_the_guests_share_all_cells_and_each_can_run_its_own(cells: tuple[Cell, ...]) -> None:
    given = shares(cells)
    assert sorted(map(str, cells)) == sorted(str(cell) for share in given.values() for cell in share)
    assert all(len({cell.guest for cell in share}) == 1 for share in given.values())
    assert "debian" not in kernels_of(given["plain-1"] + given["plain-2"])
    assert "old" not in kernels_of(cells), "it is in the image"


@dataclass(frozen=True)
class Row:
    running: str = "old"
    target: str = "new"
    predicted: str | None = "kexec"
    seen: str | None = "kexec"
    trouble: str | None = None
    agrees: bool = True


def test_the_table_shows_what_disagrees_and_what_could_not_be_run() -> None:
    lines = list(render([Row(), Row(seen="panic", agrees=False), Row(seen=None, trouble="no plan", agrees=False)]))
    assert lines[2].split() == ["old", "new", "kexec", "kexec", "agrees"]
    assert lines[3].endswith("DISAGREES")
    assert lines[4].endswith("could not be run")
    assert "1 of 3 agree" in lines
    assert lines[-1] == "old -> new: no plan"
