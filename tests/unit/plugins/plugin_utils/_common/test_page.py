# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates escape what they are given; nobody has to remember to."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from ansible_collections.kho.kexec.plugins.plugin_utils._common.page import TEMPLATES, breakable, render

HOSTILE = "<script>alert('1')</script>&{{ 7 * 7 }}"
ESCAPED = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;{{ 7 * 7 }}"


def page(**changes: object) -> str:
    texts = dict.fromkeys(("title", "lead", "reason", "advice", "begin"), HOSTILE)
    drawn = {"begin": 0, "top": 0, "width": 100, "height": 100, "kind": HOSTILE, "is_hatched": True}
    row = {"name": HOSTILE, "outcome": HOSTILE, "shape": HOSTILE, "said": HOSTILE, "bars": [drawn]}
    given = {
        **texts,
        "kinds": [],
        "is_plan": False,
        "troubles": [HOSTILE],
        "summary": [HOSTILE],
        "legend": [{"kind": HOSTILE, "hatched": True, "shape": HOSTILE, "words": HOSTILE, "hosts": 1}],
        "timeline": {"step": 10.0, "ticks": [(0.0, HOSTILE)], "rows": [row]},
        "outages": [{"seconds": HOSTILE, "hosts": 1, "share": 100.0}],
        "waves": [(HOSTILE,)],
        "header": [HOSTILE],
        "numbers": (),
        "hosts": [(HOSTILE, HOSTILE)],
        "began": 3,
        "left_out": 2,
    }
    return render("_rollout/page", **{**given, **changes})


def test_everything_is_escaped() -> None:
    shown = page()
    assert "<script" not in shown
    assert shown.count(ESCAPED) == 22  # some of them more than once


def test_what_a_template_asks_for_has_to_be_given() -> None:
    with pytest.raises(UndefinedError):
        render("_rollout/page", title="Kernel rollout")


def test_a_page_needs_nothing_else() -> None:
    shown = page()
    assert shown.startswith("<!DOCTYPE html>\n<html")
    assert shown.endswith("</html>\n")
    assert not any(word in shown for word in ("http:", "https:", "src=", "href=", "@import"))


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.j2")), ids=lambda path: path.name)
def test_no_template_switches_escaping_off(template: object) -> None:
    text = template.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert not any(word in text for word in ("safe", "autoescape", "Markup"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("frontend-0001.rack01.example.com", "frontend-<wbr>0001.<wbr>rack01.<wbr>example.<wbr>com"),
        ("7.2.13-kho", "7.2.13-kho"),
        ("7.2 -> 7.3", "7.2 \N{RIGHTWARDS ARROW} 7.3"),
        ("95 % within 9.8 s, longest", "95\xa0% within 9.8\xa0s, longest"),
        ("2 sets of <b>", "2 sets of &lt;b&gt;"),
    ],
)
def test_text_breaks_at_good_places_only(given: str, shown: str) -> None:
    assert breakable(given) == shown
