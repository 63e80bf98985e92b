# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, FleetCounts, Signature, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.page import MOST_RELEASES, VIRIDIS
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import SCHEMA, render_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import sentence, summary

OLD, NEW = "7.2.13", "7.3.4"
HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)
NOW = 1795392000
SIGNATURE = Signature(HANDOVER, "9f86d081884c7d65", "panic", ("nvme_reset_work", "process_one_work", "kthread"), 31)
HOSTILE = "7.3|`<script>alert(1)</script>\"'&*_[x](javascript:y)"


def counted(way: Way, boots: int, crashes: int, count: int | None = 0) -> Count:
    return Count(way, count, boots, crashes, 24.0 * boots)


def fleet(*counts: Count, **more: Any) -> Correlation:
    return correlate(FleetCounts(counts=counts, boots=sum(count.boots for count in counts), **more))


CRASHING = (
    counted(HANDOVER, 300, 4, 1),
    counted(HANDOVER, 112, 12, 2),
    counted(HANDOVER, 100, 25, 3),
    counted(COLD, 530, 7),
)
WHOLE = fleet(*CRASHING, counted(Way("kexec", None, NEW), 3, 0), signatures=(SIGNATURE,), not_joined=2, not_compared=1)


def said(*counts: Count, **more: Any) -> str:
    return sentence(fleet(*counts, **more).transitions[0])


def test_words_for_a_transition_that_crashes() -> None:
    assert said(*CRASHING, signatures=(SIGNATURE,)) == (
        "7.2.13 -> 7.3.4 crashes 6.1 times as often as a cold boot of 7.3.4 (CI 2.8 to 13, 41 of 512 boots crashed, "
        "q = 1.5e-07); leading signature 9f86d081884c7d65 (panic in nvme_reset_work < process_one_work, 31 boots); "
        "grows with the count (q = 0.0001)."
    )


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            [counted(HANDOVER, 500, 20), counted(COLD, 500, 0)],
            "none of 500 cold boots of 7.3.4 did (at least 5.2 times",
        ),
        ([counted(HANDOVER, 2000, 40), counted(COLD, 2000, 38)], "crashes about as often as a cold boot of 7.3.4"),
        ([counted(HANDOVER, 530, 7), counted(COLD, 512, 41)], "crashes 0.16 times as often as"),
        ([counted(HANDOVER, 5, 1), counted(COLD, 5, 0)], "has too few boots or crashes to tell (1 of 5 boots crashed"),
        ([counted(HANDOVER, 900, 0), counted(COLD, 900, 0)], "has not crashed, and neither has a cold boot of 7.3.4"),
        (
            [counted(HANDOVER, 1, 0)],
            "there is no cold boot of 7.3.4 (0 of 1 boot crashed, which allows for up to 98 %)",
        ),
        ([counted(Way("kexec", None, NEW), 1, 0)], "kexec without handover -> 7.3.4 cannot be compared"),
        ([counted(Way("handover", None, NEW), 1, 0)], "(unknown) -> 7.3.4 cannot be compared"),
    ],
)
def test_words(counts: list[Count], words: str) -> None:
    assert words in said(*counts)


def test_summary() -> None:
    assert summary(WHOLE) == [
        "1045 boots in the ledger, 2 transitions: 1 crash more often than cold boots of the same release, of 1 there "
        "are too few boots to tell.",
        "1 boot of unknown kind or release, or of crash kernels, not compared.",
        "2 crashes of boots that the ledger does not know, not counted.",
    ]


def test_json() -> None:
    data = json.loads(render_reports(WHOLE, NOW)["report.json"])
    assert (data["schema"], data["made"]) == (SCHEMA, "2026-11-23T00:00:00Z")
    first = data["transitions"][0]
    assert (first["previous_release"], first["release"], first["finding"]) == (OLD, NEW, "crashes_more")
    assert (first["boots"], first["crashes"], first["cold"]["boots"]) == (512, 41, 530)
    assert [cell["kexec_count"] for cell in first["by_count"]] == [1, 2, 3]
    assert first["trend"]["finding"] == "grows"
    assert first["signatures"][0]["boots"] == 31


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


class Page(HTMLParser):
    """Collects what a page is made of, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


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


def luminance(colour: tuple[int, ...]) -> float:
    """Return the relative luminance (Web Content Accessibility Guidelines 2.2)."""
    shares = [value / 255 for value in colour]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_scale_can_be_read_without_colours() -> None:
    light = [luminance(colour) for colour in VIRIDIS]
    assert light == sorted(light, reverse=True)
    every_share = [counted(Way("handover", "7.2", f"7.3.{rate:02}"), 29, rate) for rate in range(30)]
    page = render_reports(fleet(*every_share), NOW)["report.html"]
    cells = re.findall(r'fill="#(\w{6})" stroke="#000"/>(?:<rect[^>]*/>)?<text[^>]*fill="#(\w{3})"', page)
    assert len({box for box, _ink in cells}) == 30
    for box, ink in cells:
        ground = luminance(tuple(bytes.fromhex(box)))
        contrast = 1.05 / (ground + 0.05) if ink == "fff" else (ground + 0.05) / 0.05
        assert contrast >= 4.5, f"{ink} on {box}"


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
    note = Signature(bad, HOSTILE, HOSTILE, (HOSTILE, HOSTILE), 9)
    reports = render_reports(
        fleet(counted(bad, 512, 41), counted(Way("cold", None, HOSTILE), 530, 7), signatures=(note,)), NOW
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


def test_many_releases_and_none() -> None:
    many = [counted(Way("handover", f"6.{number}", f"7.{number}"), 5, 1) for number in range(100)]
    page = render_reports(fleet(*many), NOW)["report.html"]
    assert int(svg(page).get("width", "0")) < 200 * MOST_RELEASES
    assert page.count("</tr>") == 101
    empty = render_reports(fleet(), NOW)
    assert Page(empty["report.html"]).open == []
    assert json.loads(empty["report.json"])["transitions"] == []
