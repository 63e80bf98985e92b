# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from itertools import islice

import pytest

from bench.facts import KHO_FACTS, PING, SETUP, TASKS, WARM_UP, play, summarize


def test_every_round_has_each_task_in_another_order() -> None:
    (one,) = play(rounds=4)
    names = iter(task["name"] for task in one["tasks"])
    assert list(islice(names, len(TASKS))) == [WARM_UP] * len(TASKS)
    rounds = list(zip(*[names] * len(TASKS), strict=True))
    assert len(rounds) == 4
    assert all(set(turn) == set(TASKS) for turn in rounds)
    assert len({turn[0] for turn in rounds[:3]}) == 3
    assert all(set(task) == {"name", task["name"]} for task in one["tasks"][len(TASKS) :])


def test_ratios() -> None:
    seconds = {KHO_FACTS: [3.0, 1.2, 9.0, 1.2, 3.0], PING: [2.0, 1.0, 2.0, 1.0, 8.0], SETUP: [6.0, 2.4, 6.0, 2.4, 99.0]}
    found = summarize([{"task": task, "seconds": value} for task, values in seconds.items() for value in values])
    assert found["ratios"] == {PING: 1.5, SETUP: 0.5}
    assert found["undisturbed"] == {PING: pytest.approx(1.2), SETUP: pytest.approx(0.5)}
    assert found["quartiles"][PING] == [1.0, 2.0, 2.0]
