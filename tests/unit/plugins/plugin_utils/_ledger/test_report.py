# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re

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
    Measures,
    Way,
    What,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import SCHEMA, render_reports

NOW = 1795392000


HOSTILE = "7.3|`<script>alert(1)</script>\"'&*_[x](javascript:y)"


def test_json() -> None:
    data = json.loads(render_reports(WHOLE, NOW)["report.json"])
    assert data["headline"].startswith("Do not repeat 7.2.13 -> 7.3.4: 41 of 512 boots crashed")
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
    assert "times cold | lower end (95 %) | upper end (95 %) | by the hour | q" in rows[0]
    row = "| 7.2.13 -\\> 7.3.4 | crashes\\_more | 512 | 41 | - | - | 12288 | 6.1 | 2.8 | 13 | 6.1 | 2.9e-07 | grows |"
    assert row in rows
    assert "| 7.3.4 | 530 | 7 | 12720 |" in rows


def test_markdown_says_that_an_interval_has_no_upper_end() -> None:
    text = render_reports(fleet(counted(HANDOVER, 500, 20), counted(COLD, 500, 0)), NOW)["report.md"]
    assert "| only here | 5.2 | none |" in text


def test_markdown_has_signatures_below_their_bug() -> None:
    lines = render_reports(WHOLE, NOW)["report.md"].splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("  - Bug 5e6f7a8b9c0d1e2f: panic"))
    assert [line[:23] for line in lines[at + 1 : at + 3]] == ["    - Signature 9f86d08", "    - Signature 0123456"]


def test_releases_are_in_their_order() -> None:
    cold = [counted(Way("cold", None, release), 10, 0) for release in ("6.12.10", "6.9", "6.12.9")]
    data = json.loads(render_reports(fleet(*cold), NOW)["report.json"])
    assert [one["release"] for one in data["cold_boots"]] == ["6.9", "6.12.9", "6.12.10"]


def test_hostile_names_stay_text() -> None:
    bad = Way("handover", HOSTILE, HOSTILE)
    note = Bug(bad, HOSTILE, HOSTILE, (HOSTILE, HOSTILE), 9)
    reports = render_reports(
        fleet(counted(bad, 512, 41), counted(Way("cold", None, HOSTILE), 530, 7), bugs=(note,)), NOW
    )
    parsed = Page(reports["report.html"])
    assert parsed.open == []
    assert "script" not in parsed.tags
    assert re.search(r"(?<!\\)<script|(?<!\\)\[x", reports["report.md"]) is None
    widths = {
        len(re.findall(r"(?<!\\)\|", line)) for line in reports["report.md"].splitlines() if line.startswith("| 7")
    }
    assert widths == {14, 5}
    assert json.loads(reports["report.json"])["transitions"][0]["release"] == HOSTILE


def test_what_drifts_is_in_all_three_and_hostile_names_stay_text() -> None:
    chains = {f"web{host}": (tuple((count, 9e8 - host * count) for count in range(1, 8)),) for host in (1, 2, 3)}
    leaking = Measures(chains={What(HOSTILE, "free_bytes"): chains}, not_joined=3)
    reports = render_reports(fleet(counted(COLD, 500, 0), measures=leaking), NOW)
    (told,) = json.loads(reports["report.json"])["drifts"]
    assert (told["finding"], told["hosts"], told["jumps"]) == ("falls", 3, 21)
    assert json.loads(reports["report.json"])["measures_not_joined"] == 3
    assert "## What drifts with the count" in reports["report.md"]
    assert "free memory falls with the count" in reports["report.md"]
    assert "free memory falls with the count" in reports["report.html"]
    assert "1 measure of kernels drifts with the kexec count" in reports["report.html"]
    parsed = Page(reports["report.html"])
    assert parsed.open == []
    assert "script" not in parsed.tags
    assert re.search(r"(?<!\\)<script|(?<!\\)\[x", reports["report.md"]) is None
