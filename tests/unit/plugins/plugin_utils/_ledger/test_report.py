# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from unit.plugins.plugin_utils.correlations import (
    COLD,
    HANDOVER,
    NEW,
    OLD,
    WHOLE,
    Page,
    counted,
    fleet,
)

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import SCHEMA, render_reports

NOW = 1795392000


HOSTILE = "7.3|`<script>alert(1)</script>\"'&*_[x](javascript:y)"


def test_json() -> None:
    data = json.loads(render_reports(WHOLE, NOW)["report.json"])
    assert (data["schema"], data["made"]) == (SCHEMA, "2026-11-23T00:00:00Z")
    first = data["transitions"][0]
    assert (first["previous_release"], first["release"], first["finding"]) == (OLD, NEW, "crashes_more")
    assert (first["boots"], first["crashes"], first["cold"]["boots"]) == (512, 41, 530)
    assert [cell["kexec_count"] for cell in first["by_count"]] == [1, 2, 3]
    assert first["trend"]["finding"] == "grows"
    assert first["bugs"][0]["boots"] == 31
    assert [below["boots"] for below in first["bugs"][0]["signatures"]] == [20, 11]


def test_json_has_no_infinity() -> None:
    text = render_reports(fleet(counted(HANDOVER, 500, 20), counted(COLD, 500, 0)), NOW)["report.json"]

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    (one,) = json.loads(text, parse_constant=refuse)["transitions"]
    assert one["relative_risk"] is None
    assert one["relative_risk_interval"][1] is None


def test_markdown() -> None:
    text = render_reports(WHOLE, NOW)["report.md"]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "| 7.2.13 -\\> 7.3.4 | crashes\\_more | 512 | 41 | 12288 | 6.1 | 2.8 | 13 | 2.9e-07 | grows |" in rows
    assert "| 7.3.4 | 530 | 7 | 12720 |" in rows


@pytest.fixture
def page() -> str:
    return render_reports(WHOLE, NOW)["report.html"]


def test_page_is_whole_and_needs_nothing_else(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    assert not {"script", "link", "img", "iframe"} & set(parsed.tags)
    assert not {"src", "href", "onload"} & {name for name, _value in parsed.attributes}
    assert "url(http" not in page


def svg(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def test_matrix_says_its_numbers(page: str) -> None:
    texts = ["".join(text.itertext()) for text in svg(page).iter("{http://www.w3.org/2000/svg}text")]
    assert "41/512 \N{BLACK UP-POINTING TRIANGLE}" in texts
    assert "\N{MULTIPLICATION SIGN}6.1" in texts
    assert "7/530" in texts
    assert OLD in texts
    assert page.count('fill="url(#few)"') == 1


def test_cell_that_differs_has_a_frame_that_is_seen_on_any_ground(page: str) -> None:
    assert page.count('fill="none" stroke="#000" stroke-width="3"') == 1


def test_long_names_do_not_run_into_each_other() -> None:
    long = "6.12.43+deb13-cloud-amd64-and-more"
    page = render_reports(fleet(counted(Way("handover", long, long), 5, 1)), NOW)["report.html"]
    lines = [line.text or "" for line in svg(page).iter("{http://www.w3.org/2000/svg}tspan")]
    assert lines == ["6.12.43+deb13-", "cloud-amd64-a\N{HORIZONTAL ELLIPSIS}", "6.12.43+deb13-cloud-amd6", "4-and-more"]
    assert f"<title>{long}</title>" in page


def test_what_was_found_stands_first_and_what_cannot_be_told_last(page: str) -> None:
    found, matrix, few = (page.index(f"<h2>{title}") for title in ("What was found", "Transitions", "Too few to tell"))
    crashes, cannot = page.index("crashes 6.1 times"), page.rindex("kexec without handover")
    assert found < crashes < matrix < few < cannot


def test_hostile_names_stay_text() -> None:
    bad = Way("handover", HOSTILE, HOSTILE)
    note = Bug(bad, HOSTILE, HOSTILE, (HOSTILE, HOSTILE), 9)
    reports = render_reports(
        fleet(counted(bad, 512, 41), counted(Way("cold", None, HOSTILE), 530, 7), bugs=(note,)), NOW
    )
    parsed = Page(reports["report.html"])
    assert parsed.open == []
    assert "script" not in parsed.tags
    svg(reports["report.html"])
    assert re.search(r"(?<!\\)<script|(?<!\\)\[x", reports["report.md"]) is None
    widths = {
        len(re.findall(r"(?<!\\)\|", line)) for line in reports["report.md"].splitlines() if line.startswith("| 7")
    }
    assert widths == {11, 5}
    assert json.loads(reports["report.json"])["transitions"][0]["release"] == HOSTILE
