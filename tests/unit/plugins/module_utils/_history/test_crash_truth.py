# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Crashes whose truth is known: one crash is one bug, whatever told of it, and whichever build crashed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Dict, Iterator, Tuple

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_bug import bug
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReader, CrashReport, Line
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import dumps_of, read_boots

LOGS = Path(__file__).parents[3] / "golden" / "truth"
TRUTH = {row["point"]: row for row in csv.DictReader((LOGS / "truth.csv").read_text().splitlines())}
SURVIVED = ("journal", "json", "netconsole", "netconsole-extended")


def of_point(point: str) -> Iterator[Path]:
    return iter(sorted((LOGS / point).iterdir()))


def reports_of(path: Path) -> Tuple[CrashReport, ...]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        reader = CrashReader()
        for entry in map(json.loads, text.splitlines()):
            times = (int(entry[name]) / 1e6 for name in ("_SOURCE_MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP"))
            reader.feed(Line(entry["MESSAGE"], *times))
        return reader.reports()
    boots = [boot for dump in dumps_of(text) for boot in read_boots(dump.splitlines())]
    return tuple(report for boot in boots for report in boot.reports)


def test_the_table_names_all_logs():
    there: Dict[str, str] = {
        folder.name: " ".join(path.name for path in of_point(folder.name))
        for folder in LOGS.iterdir()
        if folder.is_dir()
    }
    assert {point: row["logs"] for point, row in TRUTH.items()} == there


@pytest.mark.parametrize("point", TRUTH)
def test_every_form_and_build_gives_the_bug(point):
    row = TRUTH[point]
    found = {path.name: {report.bug for report in reports_of(path)} for path in of_point(point)}
    assert found == dict.fromkeys(found, {bug(row["class"], row["function"], "")})


@pytest.mark.parametrize("point", TRUTH)
def test_every_form_and_build_gives_one_signature(point):
    by_log = {path.name: {report.signature for report in reports_of(path)} for path in of_point(point)}
    assert len(set().union(*by_log.values())) == 1, by_log
    assert all(by_log.values())


@pytest.mark.parametrize("point", TRUTH)
def test_what_a_kernel_survived_is_not_fatal(point):
    found = {path.name: {report.fatal for report in reports_of(path)} for path in of_point(point)}
    # Of one crash, pstore has the oops, written before the panic, and the panic.
    assert {name: True in fatal for name, fatal in found.items()} == {
        name: not name.endswith(SURVIVED) for name in found
    }
