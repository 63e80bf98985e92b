# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    FleetCounts,
    Signature,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.page import MOST_RELEASES, VIRIDIS
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports

OLD, NEW = "7.2.13", "7.3.4"

HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)

NOW = 1795392000

BELOW = Signature("9f86d081884c7d65", ("nvme_reset_work",), 20), Signature("0123456789abcdef", ("nvme_reset_work",), 11)
BUG = Bug(HANDOVER, "5e6f7a8b9c0d1e2f", "panic", ("nvme_reset_work", "process_one_work", "kthread"), 31, BELOW)


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

WHOLE = fleet(*CRASHING, counted(Way("kexec", None, NEW), 3, 0), bugs=(BUG,), not_joined=2, not_compared=1)


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


def svg(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


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


def test_many_releases_and_none() -> None:
    many = [counted(Way("handover", f"6.{number}", f"7.{number}"), 5, 1) for number in range(100)]
    page = render_reports(fleet(*many), NOW)["report.html"]
    assert int(svg(page).get("width", "0")) < 200 * MOST_RELEASES
    assert page.count("</tr>") == 101
    empty = render_reports(fleet(), NOW)
    assert Page(empty["report.html"]).open == []
    assert json.loads(empty["report.json"])["transitions"] == []
