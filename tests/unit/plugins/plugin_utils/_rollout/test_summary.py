# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.rollouts import REFUSED, STAGED, Told, bad_day, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import RunLog
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.summary import (
    FEW_HOSTS,
    MOST_ROWS,
    hosts_to_show,
    report,
    state_of,
)


def texts(run_log: RunLog, state: str) -> list[str]:
    return [line.text for line in report(run_log, state, 754.0, ascii_only=True)]


def fleet(*bad: tuple[int, str]) -> Told:
    """Return a rollout of 4,000 hosts that are done but for so many with each other verdict."""
    names = [f"node{number:04}" for number in range(4000)]
    told = Told(names, [])
    told.wave()
    rest = iter(names)
    for number, word in bad:
        for _each in range(number):
            host = next(rest)
            told.result(host, "kexec_image", STAGED)
            told.result(host, "kexec_reboot", judged(word))
    for host in rest:
        told.proven(host)
    told.run_log.end_wave(told.now)
    return told


def test_nothing_is_told_when_nothing_happened() -> None:
    assert report(RunLog(), "finished", 0.0, ascii_only=True) == []


@pytest.mark.parametrize(("ended", "state"), [(True, "stopped"), (False, "interrupted")])
def test_rollout_that_did_not_come_to_its_end(ended: bool, state: str) -> None:
    run_log = bad_day().stop()
    assert state_of(run_log, ended) == state
    lines = "\n".join(texts(run_log, state)).splitlines()
    assert lines[-8:] == [
        f"The rollout was {state} (rollout_stopped) after 0:12:34, in wave 2 of 3.",
        "  done            2  done there",
        "  failed          1  failed",
        "  rolled back     1  back",
        "  unknown         1  gone (work on them had begun, and nobody knows how it ended)",
        "  staged          1  half (the target is loaded, and they have not left their kernel)",
        "  untouched       1  next",
        "The same command goes on from here, once the cause is gone.",
    ]


def test_rollout_that_came_to_its_end_without_some() -> None:
    told = Told(["web1", "web2"], [])
    told.wave()
    told.proven("web1")
    told.result("web2", "kexec_image", REFUSED)
    told.run_log.end_wave(told.now)
    assert texts(told.run_log, "finished")[-1].splitlines() == [
        "The rollout came to its end after 0:12:34, in wave 1 of 1.",
        "  done            1  web1",
        "  failed          1  web2",
        "The same command goes on from here, once the cause is gone.",
    ]


def test_hosts_that_were_passed_over_do_not_make_a_stopped_rollout() -> None:
    told = Told(["web1", "web2"], [])
    told.wave()
    told.proven("web1")
    told.run_log.end_wave(told.now)
    assert told.run_log.outcomes["web2"] == "untouched"
    assert state_of(told.run_log, ended=True) == "finished"


def test_rollout_that_came_to_its_end() -> None:
    told = Told(["web1"], [])
    told.wave()
    told.proven("web1")
    told.run_log.end_wave(told.now)
    assert state_of(told.run_log, ended=True) == "finished"
    assert texts(told.run_log, "finished")[-1] == "handover_verified: 1"


def test_few_hosts_all_have_rows_in_their_order() -> None:
    assert hosts_to_show(bad_day().stop()) == ["done", "there", "failed", "back", "gone", "half"]


def test_many_hosts_have_rows_when_they_are_not_done_worst_first() -> None:
    told = fleet((2, "rolled_back"), (1, "unhealthy"), (1, "unreachable"))
    assert hosts_to_show(told.run_log) == ["node0002", "node0003", "node0000", "node0001"]
    lines = texts(told.run_log, "finished")
    assert "Done, and without a row: 3996 of 4000 hosts." in lines
    assert "handover_verified: 3996, rolled_back: 2, unhealthy: 1, unreachable: 1" in lines


def test_rows_and_names_are_bounded() -> None:
    told = fleet((4000, "unhealthy"))
    lines = "\n".join(texts(told.run_log, "stopped")).splitlines()
    assert sum(line.startswith("node") for line in lines) == MOST_ROWS
    assert "Done, and without a row: 0 of 4000 hosts. Without a row, too: 3800 others." in lines
    (failed,) = (line for line in lines if line.startswith("  failed"))
    assert failed.endswith("node0009 and 3990 more")


def test_fleet_without_a_blemish_has_no_table() -> None:
    lines = texts(fleet().run_log, "finished")
    assert lines == ["KERNEL ROLLOUT", "Done, and without a row: 4000 of 4000 hosts.", "", "handover_verified: 4000"]


def preview(hosts: int) -> RunLog:
    names = [f"node{number:04}" for number in range(hosts)]
    told = Told(names, [])
    told.wave()
    for at, host in enumerate(names):
        result: Any = REFUSED if at == hosts - 1 else STAGED
        told.run_log.note_result(1.0, host, "kexec_image", result, True, False)
    told.run_log.end_wave(2.0)
    return told.run_log


def test_plan_of_many_hosts_shows_those_that_deserve_a_look() -> None:
    hosts = FEW_HOSTS + 10
    run_log = preview(hosts)
    assert hosts_to_show(run_log) == [f"node{hosts - 1:04}"]
    lines = texts(run_log, state_of(run_log, ended=True))
    assert lines[0] == "KERNEL ROLLOUT (PLAN)"
    assert f"Without a row: {hosts - 1} of {hosts} hosts; those with warnings or refusals come first." in lines
    assert lines[-1].startswith("kexec_disabled (")
    assert len(hosts_to_show(preview(FEW_HOSTS))) == FEW_HOSTS


def test_plan_is_finished_though_all_hosts_are_untouched() -> None:
    assert state_of(preview(3), ended=True) == "finished"
