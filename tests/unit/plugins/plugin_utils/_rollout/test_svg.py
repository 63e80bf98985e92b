# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.svg import MOST_WAVES, spent, timeline

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


def drawn(told: dict[str, Any], *shown: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(timeline(told, shown or told["hosts"]))


def words(drawing: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in drawing.iter() if element.tag.endswith("text")]


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
    assert said in words(drawn(results(host("web1", **changes))))


def test_wave_counts_its_hosts() -> None:
    found = words(drawn(results(host("web1"), host("web2", "failed"), host("db", wave=None))))
    assert "wave 1: 2 hosts" in found
    assert "1 done, 1 failed" in found


def test_what_is_not_done_is_hatched() -> None:
    hatched = "url(#hatch)"
    assert hatched not in timeline(results(host("web1")), [host("web1")])
    assert hatched in timeline(results(host("web1", "failed")), [host("web1", "failed")])


def test_hosts_without_a_row_are_not_drawn() -> None:
    told = results(host("web1"), host("web2"))
    assert "web2" not in words(drawn(told, told["hosts"][0]))


def test_done_waves_are_left_out_where_there_are_too_many() -> None:
    hosts = [host(f"web{number}", wave=number) for number in range(1, MOST_WAVES + 2)]
    hosts[6]["outcome"] = "failed"
    assert [word for word in words(drawn(results(*hosts, waves=len(hosts)), hosts[6])) if word.startswith("wave")] == [
        "wave 7: 1 host"
    ]


def test_names_are_escaped() -> None:
    told = results(host("<b>&"))
    assert "<b>" not in timeline(told, told["hosts"])
    assert "<b>&" in words(drawn(told))
