# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time went: what is summed up, kept, compared and shown."""

from __future__ import annotations

import json

import pytest

from tools import times


def entry(seconds, outcome="passed", **kinds):
    spent = {kind: {"count": count, "seconds": each} for kind, (count, each) in kinds.items()}
    return {"seconds": seconds, "outcome": outcome, "kinds": spent}


def test_sums_for_each_kind():
    lines = [
        '{"kind": "boot", "seconds": 31.2, "what": "alpha"}',
        '{"kind": "boot", "seconds": 10, "what": "beta"}',
        '{"kind": "nap", "seconds": 0.5, "what": "alpha", "more": 1}',
    ]
    assert times.sums(lines) == {"boot": {"count": 2, "seconds": 41.2}, "nap": {"count": 1, "seconds": 0.5}}


@pytest.mark.parametrize(
    "torn", ['{"kind": "boot", "sec', "", "[]", "3", '{"kind": "boot"}', '{"kind": "x", "seconds": "y"}']
)
def test_what_is_no_record_is_passed_over(torn):
    assert times.sums(['{"kind": "jump", "seconds": 1}', torn]) == {"jump": {"count": 1, "seconds": 1.0}}


def test_steps_that_were_not_run_keep_their_last_times(tmp_path):
    path = tmp_path / "build" / "times.json"
    times.save(path, "2026-01-01T00:00:00+00:00", 60.04, {"ruff": entry(3), "mypy": entry(57)})
    times.save(path, "2026-01-02T00:00:00+00:00", 4.0, {"ruff": entry(4)})
    assert json.loads(path.read_text()) == {
        "schema": 1,
        "started": "2026-01-02T00:00:00+00:00",
        "seconds": 4.0,
        "steps": {"ruff": entry(4), "mypy": entry(57)},
    }
    assert [each.name for each in path.parent.iterdir()] == ["times.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2, "steps": {"ruff": {}}}', '{"schema": 1}'])
def test_what_cannot_be_read_counts_as_nothing(tmp_path, text):
    path = tmp_path / "times.json"
    path.write_text(text)
    assert times.load(path) == {}
    assert times.load(tmp_path / "absent") == {}


def test_table():
    steps = {
        "ruff": entry(3.4),
        "cores": entry(120.6, boot=(4, 80.2), nap=(1, 2)),
        "lab": entry(9, outcome="failed", kernel=(1, 8)),
        "new": entry(1),
    }
    last = {"ruff": entry(5.4), "cores": entry(100), "lab": entry(700), "gone": entry(1)}
    assert times.table(steps, last) == [
        "        step   seconds  last  +/-   boots  kernel builds    nap",
        "passed  ruff         3     5   -2",
        "passed  cores      121   100  +21  80 (4)                 2 (1)",
        "FAILED  lab          9   700                       8 (1)",
        "passed  new          1",
    ]
