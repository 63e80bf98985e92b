# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's page."""

from __future__ import annotations

import re

import pytest
from unit.plugins.plugin_utils.correlations import COLD, HANDOVER, NEW, OLD, WHOLE, Page, counted, fleet

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.matrix import ABREAST
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.page import render_html
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.scale import STEPS

MADE = "2026-11-23T00:00:00Z"
LONG = "6.12.43+deb13-cloud-amd64-and-more"


@pytest.fixture
def page() -> str:
    return render_html(WHOLE, MADE)


def look(page: str, counts: str) -> str:
    """Return the classes of the cell with these numbers."""
    (found,) = re.findall(rf'<td class="([^"]*)" title="[^"]*">{re.escape(counts)}', page)
    return str(found)


def test_page_is_whole_and_needs_nothing_else(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    assert not {"script", "link", "img", "iframe"} & set(parsed.tags)
    assert not {"src", "href", "onload"} & {name for name, _value in parsed.attributes}
    assert "url(http" not in page


def test_page_opens_with_what_matters_most(page: str) -> None:
    ways = f"{OLD} \N{RIGHTWARDS ARROW} {NEW}"
    lead = f"Do not repeat {ways}: 41 of 512 boots crashed, 6.1 times as often as cold boots of {NEW}."
    assert f'<h1>Crashes by transition</h1>\n<p class="lead">{lead}</p>' in page


def test_matrix_says_its_numbers(page: str) -> None:
    for shown in ("41/512 \N{BLACK UP-POINTING TRIANGLE}<br>\N{MULTIPLICATION SIGN}6.1<", ">7/530<", f"<th>{OLD}</th>"):
        assert shown in page


def test_what_differs_has_a_frame_and_what_cannot_be_told_is_hatched(page: str) -> None:
    assert look(page, "41/512") == f"{STEPS[-1]} framed"
    assert look(page, "0/3") == f"{STEPS[0]} few"
    assert look(page, "7/530") in STEPS


def test_scale_ends_with_what_can_be_told() -> None:
    one_of_one = counted(Way("handover", OLD, "7.9"), 1, 1)
    page = render_html(fleet(counted(HANDOVER, 512, 41), counted(COLD, 530, 7), one_of_one), MADE)
    assert "8 % and more</div>" in page
    assert look(page, "1/1") == f"{STEPS[-1]} few"
    assert "8 %</div>" in render_html(fleet(counted(HANDOVER, 512, 41), counted(COLD, 530, 7)), MADE)


def test_signatures_are_below_their_bug(page: str) -> None:
    bug, first, second = (page.index(f"{word} {name}") for word, name in BUGS)
    assert bug < first < second
    assert page[bug:first].endswith("31 boots.<ul><li>")


BUGS = (("Bug", "5e6f7a8b9c0d1e2f:"), ("Signature", "9f86d081884c7d65 in"), ("Signature", "0123456789abcdef in"))


def test_names_are_whole() -> None:
    assert f"<th>{LONG}</th>" in render_html(fleet(counted(Way("handover", LONG, LONG), 5, 1)), MADE)


def test_what_was_found_stands_first_and_what_cannot_be_told_last(page: str) -> None:
    found, matrix, few = (page.index(f"<h2>{title}") for title in ("What was found", "Transitions", "Too few to tell"))
    crashes, cannot = page.index("crashes 6.1 times"), page.rindex("kexec without handover")
    assert found < crashes < matrix < few < cannot


def test_many_columns_are_several_tables_without_empty_rows() -> None:
    many = [counted(Way("handover", f"6.{number}", f"7.{number}"), 5, 1) for number in range(100)]
    page = render_html(fleet(*many), MADE)
    parts = page.split('<table class="matrix">')[1:]
    assert [part.split("</table>")[0].count("<tr>") for part in parts] == [ABREAST + 1] * 3
    assert "Shown are 30 of 100 releases that were left and 30 of 100 releases that were reached" in page
    assert page.count("</tr>") == 3 * (ABREAST + 1) + 101


def test_empty_ledger() -> None:
    page = render_html(fleet(), MADE)
    assert Page(page).open == []
    assert "The ledger holds no boots yet" in page
