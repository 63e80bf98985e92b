# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of crashes: what is a pair, and what is told of a corpus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.crashes import OWN, bugs_of, interval, main, pairs, read_corpus, read_log, share

OOPS = (
    "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018\n"
    "[    1.000001] RIP: 0010:{0}_poll+0x1/0x2\n[    1.000002] Call Trace:\n"
    "[    1.000003]  {1}_wait+0x1/0x2\n[    1.000004]  {1}_open+0x1/0x2\n"
)
FILES = {
    "1": f"TITLE: fault in nova_poll\nALT: bad-access in nova_poll\n\n{OOPS.format('nova', 'one')}",
    "2": f"TITLE: KASAN in nova_poll\nALT: bad-access in nova_poll\n\n{OOPS.format('nova', 'two')}REPORT:\n{OOPS}",
    "3": f"TITLE: fault in omega_poll\n\n{OOPS.format('omega', 'one')}",
    "4": "TITLE: fault in nobody\n\nnothing\n",
    "5": f"TITLE: fault in torn\nCORRUPTED: Y\n\n{OOPS.format('torn', 'one')}",
    "6": "TITLE: WARNING in x\n\nnothing\n",
    "7": "TITLE:\n\nnothing\n",
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_in_a_log(corpus: Path) -> None:
    logs = [read_log(corpus / name) for name in FILES]
    assert [log.is_crash for log in logs] == [True, True, True, True, False, False, False]
    assert logs[1].titles == ("KASAN in nova_poll", "bad-access in nova_poll")
    assert logs[1].first_functions == ("two_wait", "two_open")
    assert [log.name for log in logs if log.report is None] == ["4", "6", "7"]


def test_the_own_corpus_is_read_whole_and_its_bugs_are_told_apart() -> None:
    logs = read_corpus(OWN)
    assert {Path(log.name).suffix for log in logs} == {
        f".{form}" for form in ("console", "journal", "kdump", "netconsole", "netconsole-extended", "pstore")
    }
    found = [log.report.bug for log in logs if log.report and log.is_crash]
    assert len(found) == len(logs)
    counted = pairs(bugs_of(logs), found, Counter(dict.fromkeys(range(len(logs)), 1)))
    assert counted.scores == (1.0, 1.0, pytest.approx(1.0))


def test_titles_in_common_are_one_bug(corpus: Path) -> None:
    one, same, other = bugs_of([read_log(corpus / name) for name in "123"])
    assert one == same != other


def test_pairs() -> None:
    counted = pairs([1, 1, 1, 2, 2], ["a", "a", "b", "b", "c"], Counter({1: 1, 2: 1}))
    assert counted == (1, 1, 3)
    assert counted.scores == (0.5, 0.25, pytest.approx(1 / 3))
    assert pairs([1, 1, 2], ["a", "a", "a"], Counter({1: 2})) == (2, 0, 0)


def test_an_interval_holds_the_score() -> None:
    bugs, keys = (
        [number // 2 for number in range(40)],
        [number // 2 + number % 2 * (number > 30) for number in range(40)],
    )
    scores = pairs(bugs, keys, Counter(dict.fromkeys(bugs, 1))).scores
    assert all(low <= score <= high for score, (low, high) in zip(scores, interval(bugs, keys, 1), strict=True))


def test_a_share_has_its_interval() -> None:
    assert share(0, 0) == "-"
    assert share(8, 10) == "8 of 10 = 0.800 (0.49 to 0.94)"


def test_a_corpus_is_told(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(corpus)]) == 0
    told = capsys.readouterr().out
    assert "Crashes found: 3 of 4 = 0.750" in told
    assert "| bug | 3 | 1 | 1.00 (" in told
    assert "| first three functions | 3 | 1 | 0.00 (" in told
