# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a run."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

from unit.plugins.plugin_utils.rollouts import REFUSED, STAGED, THERE, Told, bad_day, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.page import render_html
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.results import Setting, document

BEGIN = datetime(2026, 11, 23, 2, 30, 41, tzinfo=timezone.utc)

SETTING = Setting(BEGIN, "kexec_upgrade.yml", False, "controller.example.com")


def results_of(told: Told) -> dict[str, Any]:
    run_log = told.stop()
    return document(run_log, SETTING, "stopped", told.now)


class Elements(HTMLParser):
    """Collects elements and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page_of(results: dict[str, Any]) -> tuple[str, Elements]:
    text, elements = render_html(results), Elements()
    elements.feed(text)
    return text, elements


def test_page_needs_nothing_else() -> None:
    text, elements = page_of(results_of(bad_day()))
    assert not {tag for tag, _attributes in elements.found} & {"script", "link", "img", "iframe", "object"}
    assert not {name for _tag, attributes in elements.found for name in attributes} & {"src", "href", "onload"}
    assert "url(#hatch)" in text
    assert not re.search(r"url\((?!#)|@import", text)


def test_page_tells_how_each_host_came_out() -> None:
    text, _elements = page_of(results_of(bad_day()))
    for told in (
        '<p class="lead">The rollout was stopped in wave 2 of 3: 2 of 7 hosts run 7.3.4-kho; nobody knows what 1 runs '
        "(gone); 1 failed (failed); 1 has the target loaded and did not jump (half); 1 is back on its old kernel "
        "(back); 1 was not touched.</p>",
        "What stopped it: rollout_stopped (docs/reference/codes.md#rollout_stopped).",
        "kexec_disabled on 1 host: failed (docs/reference/codes.md#kexec_disabled)",
        "Outcomes: done: 2, failed: 1, rolled back: 1, unknown: 1, staged: 1, untouched: 1",
        "\N{BLACK CIRCLE} done, handover_verified, 8.3\N{NO-BREAK SPACE}s",
        "\N{BLACK CIRCLE} done, already there",
        "\N{HEAVY MULTIPLICATION X} failed, kexec_disabled",
        "\N{BLACK LEFT-POINTING TRIANGLE} rolled back, unhealthy, 8.3\N{NO-BREAK SPACE}s",
        "? unknown, unreachable",
        "\N{BLACK SQUARE} staged",
        "wave 2: 5 hosts",
    ):
        assert told in text


def test_every_colour_is_in_the_legend_and_in_both_palettes() -> None:
    text, _elements = page_of(results_of(bad_day()))
    light, dark = text.split("@media screen and (prefers-color-scheme:dark){:root{--done")
    for outcome, counted in {"done": 2, "failed": 1, "rolled_back": 1, "unknown": 1, "staged": 1}.items():
        assert f"--{outcome}:#" in light
        assert f"--{outcome}:#" in f"--done{dark}"
        assert re.search(rf'<rect class="{outcome}"[^\n]*{outcome.replace("_", " ")}: {counted}</li>', text)


def test_plan_is_shown_in_check_mode() -> None:
    told = Told(["web1", "web2", "web3"], [])
    told.wave()
    results = [STAGED, THERE, REFUSED]
    for host, result in zip(("web1", "web2", "web3"), results, strict=True):
        told.run_log.note_result(told.now, host, "kexec_image", result, True, False)
    told.run_log.note_waves({"waves": 3, "msg": "3 hosts would go in 3 waves: 1. 1 (web1)."})
    told.run_log.end_wave(told.now)
    setting = Setting(BEGIN, "kexec_upgrade.yml", True, "controller.example.com")
    text, _elements = page_of(document(told.run_log, setting, "finished", told.now))
    for shown in (
        "<h1>Kernel rollout (plan)</h1>",
        "Nothing was changed: 1 of 3 hosts would change its kernel to 7.3.4-kho; 1 is there already; 1 would not "
        "(web3).</p>",
        "<p>3 hosts would go in 3 waves: 1. 1 (web1).</p>",
        "1 host would be handed over: web1",
        "Refused: kexec_disabled on 1 host: web3 (docs/reference/codes.md#kexec_disabled)",
        "<li>Waves: 3 planned</li>",
        "<td>web1</td><td>7.2.13-kho</td><td>7.3.4-kho</td><td>handover</td><td>7.2.13-kho (1)</td>",
    ):
        assert shown in text
    assert "Timeline" not in text


def test_names_and_reports_are_escaped() -> None:
    name = '<script>alert(1)</script>&"'
    told = Told([name], [])
    told.wave()
    promise = {"release": "<b>7", "previous_release": "<i>x", "kexec_count": 1}
    told.result(name, "kexec_image", {**STAGED, "running": {"release": "<u>"}, "plan": {"action": "handover"}})
    told.result(name, "kexec_reboot", {**judged("<hr>"), "promise": promise, "code": "<br>"})
    _text, elements = page_of(results_of(told))
    assert not {tag for tag, _attributes in elements.found} & {"script", "b", "i", "u", "hr", "br"}


def test_page_of_a_large_fleet_stays_small() -> None:
    told = Told([f"node{number:04}" for number in range(4000)], [1, "10%", "100%"])
    for _wave in range(3):
        for at, host in enumerate(told.wave()):
            told.rolled_back(host) if at % 1000 == 999 else told.proven(host)
    results = results_of(told)
    text, _elements = page_of(results)
    assert len(text) < 50_000
    assert "3997 others of 4000 are not shown" in text
    assert text.count("\N{BLACK LEFT-POINTING TRIANGLE} rolled back, unhealthy") == 3
    assert "<h2>Outages</h2>" in text


def test_large_fleet_without_a_blemish_has_no_table_of_hosts() -> None:
    told = Told([f"node{number:04}" for number in range(100)], ["100%"])
    for host in told.wave():
        told.proven(host)
    text, _elements = page_of(results_of(told))
    assert "<p>None of 100 needs a row of its own; the results file has them all.</p>" in text
    assert "<th>promised</th>" not in text


def test_many_small_waves_of_done_hosts_are_not_drawn() -> None:
    told = Told([f"node{number:04}" for number in range(400)], [1])
    for _wave in range(400):
        (host,) = told.wave()
        told.rolled_back(host) if host == "node0123" else told.proven(host)
    text, _elements = page_of(results_of(told))
    assert "wave 124: 1 host<" in text
    assert "wave 125: 1 host<" not in text
