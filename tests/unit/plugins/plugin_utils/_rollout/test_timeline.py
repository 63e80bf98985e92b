# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.timeline import MOST_WAVES, Row, spent, timeline

BEGIN = "2026-11-23T02:30:00Z"


def at(seconds: int) -> str:
    return f"2026-11-23T02:{30 + seconds // 60:02}:{seconds % 60:02}Z"


def host(name: str, outcome: str = "done", wave: int | None = 1, **changes: Any) -> dict[str, Any]:
    events = [{"seconds": 10.0, "event": "jump_begun"}, {"seconds": 20.0, "event": "verdict"}]
    usual = {"verdict": "handover_verified", "code": None, "action": "handover", "outage_seconds": 8.34}
    times = {"begin": at(0), "end": at(30), "events": events}
    return {"name": name, "outcome": outcome, "wave": wave, **usual, **times, **changes}


def results(*hosts: dict[str, Any], waves: int = 1, end: str | None = at(60)) -> dict[str, Any]:
    made = [
        {"number": number, "hosts": [one["name"] for one in hosts if one["wave"] == number], "begin": BEGIN, "end": end}
        for number in range(1, waves + 1)
    ]
    run = {"begin": BEGIN, "end": end, "written": at(90)}
    return {"run": run, "waves": made, "hosts": list(hosts)}


def rows(told: dict[str, Any], *shown: dict[str, Any]) -> tuple[Row, ...]:
    return timeline(told, shown or told["hosts"]).rows


def kinds(row: Row) -> list[str]:
    return [drawn.kind for drawn in row.bars]


@pytest.mark.parametrize(("end", "seconds"), [(at(60), 60.0), (None, 90.0)])
def test_time_of_a_run_until_its_end_or_until_now(end: str | None, seconds: float) -> None:
    assert spent(results(host("web1"), end=end)) == seconds


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "\N{BLACK CIRCLE} done, handover_verified, 8.3 s"),
        ({"verdict": None, "outage_seconds": None, "action": "none"}, "\N{BLACK CIRCLE} done, already there"),
        ({"outcome": "rolled_back", "verdict": "rolled_back"}, "\N{BLACK LEFT-POINTING TRIANGLE} rolled back, 8.3 s"),
        (
            {"outcome": "failed", "verdict": None, "code": "lockdown", "outage_seconds": None},
            "\N{HEAVY MULTIPLICATION X} failed, lockdown",
        ),
    ],
)
def test_each_outcome_has_a_shape_and_words(changes: dict[str, Any], said: str) -> None:
    _wave, row = rows(results(host("web1", **changes)))
    assert f"{row.shape} {row.said}" == said


def test_wave_counts_its_hosts() -> None:
    wave = rows(results(host("web1"), host("web2", "failed"), host("db", wave=None)))[0]
    assert (wave.name, wave.said) == ("wave 1: 2 hosts", "1 done, 1 failed")
    assert [(drawn.kind, drawn.top, drawn.height) for drawn in wave.bars] == [("done", 0, 100), ("failed", 0, 50)]


def test_what_is_not_done_is_hatched() -> None:
    (_wave, done), (_other, failed) = (rows(results(host("web1", outcome))) for outcome in ("done", "failed"))
    assert [drawn.is_hatched for drawn in done.bars] == [False, False, False]
    assert [drawn.is_hatched for drawn in failed.bars] == [False, False, True]


def test_bars_of_a_host_go_from_its_old_kernel_to_the_end_of_its_wave() -> None:
    _wave, row = rows(results(host("web1")))
    assert kinds(row) == ["before", "away", "done"]
    places = [(round(drawn.begin), round(drawn.begin + drawn.width)) for drawn in row.bars]
    assert places == [(0, 17), (17, 33), (33, 100)]


@pytest.mark.parametrize("outcome", ["failed", "done", "staged", "untouched", "unknown"])
def test_host_that_never_jumped_has_the_colour_of_its_outcome(outcome: str) -> None:
    _wave, row = rows(results(host("web1", outcome, events=[{"seconds": 5.0, "event": "refused"}])))
    assert kinds(row) == [outcome]


def test_host_on_its_way_is_where_it_is() -> None:
    _wave, waits = rows(results(host("web1", "in_flight", events=[]), end=None))
    _wave, left = rows(results(host("web1", "in_flight", events=[{"seconds": 5.0, "event": "jump_begun"}]), end=None))
    assert (kinds(waits), kinds(left)) == (["before"], ["before", "away"])


def test_shortest_phase_is_seen_within_the_chart() -> None:
    _wave, row = rows(results(host("web1", events=[{"seconds": 60.0, "event": "jump_begun"}])))
    assert row.bars[-1].width > 0
    assert row.bars[-1].begin + row.bars[-1].width <= 100


@pytest.mark.parametrize(("end", "times"), [(at(60), ["0:00:00", "0:00:15", "0:00:30", "0:00:45", "0:01:00"])])
def test_scale(end: str, times: list[str]) -> None:
    scale = timeline(results(host("web1"), end=end), [])
    assert [time for _place, time in scale.ticks] == times
    assert (scale.step, scale.ticks[1][0]) == (25.0, 25.0)


def test_hosts_without_a_row_are_not_drawn() -> None:
    told = results(host("web1"), host("web2"))
    assert [row.name for row in rows(told, told["hosts"][0])] == ["wave 1: 2 hosts", "web1"]


def test_done_waves_are_left_out_where_there_are_too_many() -> None:
    hosts = [host(f"web{number}", wave=number) for number in range(1, MOST_WAVES + 2)]
    hosts[6]["outcome"] = "failed"
    assert [row.name for row in rows(results(*hosts, waves=len(hosts)), hosts[6])] == ["wave 7: 1 host", "web7"]
