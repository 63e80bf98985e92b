# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page on where the time of an upgrade goes."""

from __future__ import annotations

from typing import Any

import pytest

from bench.shares import AWAY, PYTHON, medians, merged, page, share_of

LOAD = {"observing": 0.5, "deciding": 0.0, "health": 0.25, "loading": 1.0, "writing": 0.25, "total": 3.0}
STAGE = {"task": "Load", "seconds": 4.5, "timings": LOAD}
JUMP = {
    "task": "Leave",
    "seconds": 20.0,
    "timings": {"leave": {**LOAD, "loading": 0.0, "total": 1.5}, "verify": {**LOAD, "loading": 0.0, "total": 2.5}},
    "outage_seconds": 12.0,
}
INCLUDE = {"task": "Go on", "seconds": 0.5}


def test_what_a_module_did_and_what_is_beside_it() -> None:
    share = share_of(STAGE)
    assert share.parts == {**{name: LOAD[name] for name in LOAD if name != "total"}, PYTHON: 1.0}
    assert share.rest == 1.5


def test_a_jump_is_two_runs_and_the_time_that_the_host_is_away() -> None:
    share = share_of(JUMP)
    assert (share.parts["observing"], share.parts[PYTHON], share.parts[AWAY]) == (1.0, 2.0, 12.0)
    assert share.rest == 4.0


@pytest.mark.parametrize("timings", [None, {}, {"verify": None}])
def test_a_task_without_timings_is_ansibles(timings: Any) -> None:
    assert share_of({**INCLUDE, "timings": timings}).rest == 0.5


def test_tasks_of_one_name_are_one() -> None:
    together = merged(map(share_of, [INCLUDE, STAGE, STAGE]))
    assert (together["Load"].seconds, together["Load"].parts["loading"], together["Load"].rest) == (9.0, 2.0, 3.0)


def test_the_page() -> None:
    rounds = [[STAGE, INCLUDE, JUMP], [{**STAGE, "seconds": 5.5}, INCLUDE, JUMP], [STAGE, INCLUDE, JUMP]]
    lines = list(page(medians(rounds)))
    assert [line.split(" | ")[0].strip("| ") for line in lines[4:]] == ["Leave", "Load", "Go on", "all", "of all"]
    cells = [float(cell) for cell in lines[-2].strip("| ").split(" | ")[1:]]
    assert cells[0] == 25.0
    # All that was spent is accounted for.
    assert sum(cells[1:]) == pytest.approx(25.0)
    assert list(page([]))[-1].startswith("| all | 0.00")
