# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan and state survive being written and read; what is not theirs is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.state import GuestPlan, RunPlan, planned, read_plan, read_state, write_plan, write_state

PLAN = RunPlan(
    "default",
    "TCG: software emulation",
    "http://127.0.0.1:8080/",
    [GuestPlan("web1", "plain", "/state/web1", ["qemu", "-S"], ["overlay.qcow2"])],
)


def test_the_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", PLAN)
    assert read_plan(tmp_path / "plan.json") == PLAN


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = planned(PLAN, 4711)
    state.guests["web1"].ssh_port = 40001
    state.guests["web1"].status = "running"
    write_state(tmp_path / "state.json", state)
    assert read_state(tmp_path / "state.json") == state
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_planned_run_is_starting() -> None:
    state = planned(PLAN, 4711)
    assert (state.phase, state.supervisor_pid, state.ended_because) == ("starting", 4711, None)
    assert state.guests["web1"].status == "starting"


def test_a_state_that_is_replaced_is_never_half_there(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_state(file, planned(PLAN, 1))
    with file.open() as before:
        write_state(file, planned(PLAN, 2))
        assert json.load(before)["supervisor_pid"] == 1
    assert read_state(file).supervisor_pid == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"schema": 1, "name', "cannot be read"),
        ("[]", "another version of the lab"),
        ('{"schema": 99}', "another version of the lab"),
        ('{"schema": 1}', "not a state of this lab"),
        ('{"schema": 1, "guests": {"web1": {"colour": 1}}}', "not a state of this lab"),
    ],
)
def test_what_is_not_a_state_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(LabError, match=problem):
        read_state(tmp_path / "state.json")


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="is not there"):
        read_plan(tmp_path / "plan.json")
