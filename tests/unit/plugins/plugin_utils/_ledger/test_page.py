# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's page."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from unit.plugins.plugin_utils.correlations import (
    WHOLE,
    Page,
    counted,
    fleet,
)

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.page import MOST_RELEASES, VIRIDIS
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports

NOW = 1795392000


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
