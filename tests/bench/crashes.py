# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well crashes are found and grouped, on a corpus of labelled logs.

Each file of the corpus: lines ``TITLE:``, ``ALT:`` (other titles of the same bug) and ``CORRUPTED:``, an empty line,
the log, and maybe more after ``REPORT:``; without a title, nothing in it is a crash. Or a folder of such whose truth
is known, as the one in ``tests/unit/golden/truth``, which is taken when none is named. Two reports are of one bug when
they have a title in common. What counts are pairs: those that are put together and ought to be (precision), and those
that ought to be and are (recall).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReport
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import dumps_of, read_boots
from tools.layout import ROOT

OWN = ROOT / "tests" / "unit" / "golden" / "truth"
TRUTH = "truth.csv"
SAMPLES = 1000
"""How often titles are drawn anew for an interval."""
Z = 1.96
FRAMES = 3
"""Of the simplest rule: the first functions of the log that the kernel is sure of."""
# Titles of what a kernel warns of, or a program does, and of what is no crash to this collection.
_NO_CRASH = re.compile(
    r"WARNING|possible deadlock|inconsistent lock|memory leak|UBSAN|KCSAN|suspicious RCU|INFO: suspicious|"
    r"trying to register|BUG: (?:sleeping|scheduling|MAX_|lock|workqueue|spinlock|unable to read|non-zero|executor)|"
    r"unregister_netdevice|no output|lost connection|unexpected kernel reboot|SYZFAIL"
)
_FUNCTION = re.compile(r"(?:^|\s)(\?\s+)?([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+")


@dataclass(frozen=True)
class Log:
    """A labelled log, the report that was found in it, and what the simplest rule makes of it."""

    name: str
    titles: tuple[str, ...]
    corrupted: bool
    report: CrashReport | None
    first_functions: tuple[str, ...]

    @property
    def is_crash(self) -> bool:
        """Whether a crash is in it that can be read."""
        return bool(self.titles) and not self.corrupted and not _NO_CRASH.match(self.titles[0])


class Pairs(NamedTuple):
    """Pairs of reports: rightly together, wrongly together, wrongly apart."""

    right: float
    wrong: float
    missed: float

    @property
    def scores(self) -> tuple[float, float, float]:
        """Precision, recall and F1."""
        precision = self.right / max(self.right + self.wrong, 1e-9)
        recall = self.right / max(self.right + self.missed, 1e-9)
        return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def read_log(path: Path) -> Log:
    """Read one file of a corpus."""
    head, _empty, body = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")
    body = body.partition("\nREPORT:\n")[0]
    labels = [line.partition(":") for line in head.split("\n")]
    titles = [text.strip() for name in ("TITLE", "ALT") for label, _colon, text in labels if label == name]
    corrupted = any(label == "CORRUPTED" for label, _colon, _text in labels)
    return log_of(path.name, tuple(title for title in titles if title), corrupted, body)


def log_of(name: str, titles: tuple[str, ...], corrupted: bool, body: str) -> Log:
    """Read what a labelled log tells."""
    boots = [boot for dump in dumps_of(body) for boot in read_boots(dump.split("\n"))]
    reports = [report for boot in boots for report in boot.reports]
    sure = [name for unsure, name in _FUNCTION.findall(body) if not unsure]
    report = next((report for report in reports if report.fatal), next(iter(reports), None))
    return Log(name, titles, corrupted, report, tuple(sure[:FRAMES]))


def read_known(corpus: Path) -> list[Log]:
    """Read a folder of crashes whose truth is known; entries of a journal (``.json``) are no text, and left out."""
    return [
        log_of(f"{row['point']}/{name}", (f"{row['class']} in {row['function']}",), False, text)
        for row in csv.DictReader((corpus / TRUTH).read_text().splitlines())
        for name in row["logs"].split()
        if not name.endswith(".json")
        for text in [(corpus / row["point"] / name).read_text(encoding="utf-8", errors="replace")]
    ]


def read_corpus(corpus: Path) -> list[Log]:
    """Read all logs of a corpus of either format."""
    if (corpus / TRUTH).exists():
        return read_known(corpus)
    return [read_log(path) for path in sorted(corpus.iterdir()) if path.is_file()]


def bugs_of(logs: Sequence[Log]) -> list[int]:
    """Return a number for each log, the same for those that have a title in common, by whatever way."""
    number: dict[str, int] = {}
    for log in logs:
        known = {number[title] for title in log.titles if title in number}
        new = min(known, default=len(number))
        number = {title: new if of in known else of for title, of in number.items()}
        number.update(dict.fromkeys(log.titles, new))
    return [number[log.titles[0]] for log in logs]


def pairs(bugs: Sequence[int], keys: Sequence[Hashable], weight: Counter[int]) -> Pairs:
    """Count pairs, each as often as its bugs were drawn."""
    right = wrong = missed = 0
    for (bug, key), (other, its) in itertools.combinations(zip(bugs, keys, strict=True), 2):
        if bug == other:
            right += weight[bug] * (key == its)
            missed += weight[bug] * (key != its)
        elif key == its:
            wrong += weight[bug] * weight[other]
    return Pairs(right, wrong, missed)


def interval(bugs: Sequence[int], keys: Sequence[Hashable], seed: int) -> list[tuple[float, float]]:
    """Return 95 % intervals of the scores, with other bugs drawn: logs of one bug stay together."""
    chance, every = random.Random(seed), sorted(set(bugs))
    # Only pairs that count one way or the other are looked at again.
    kept = [
        at
        for at in range(len(bugs))
        if any(bugs[at] == bugs[other] or keys[at] == keys[other] for other in range(len(bugs)) if other != at)
    ]
    few, their = [bugs[at] for at in kept], [keys[at] for at in kept]
    drawn = [pairs(few, their, Counter(chance.choices(every, k=len(every)))).scores for _sample in range(SAMPLES)]
    ends = int(SAMPLES * 0.025)
    return [(sorted(column)[ends], sorted(column)[-1 - ends]) for column in zip(*drawn, strict=True)]


def share(happened: int, of: int) -> str:
    """Return a share with its interval of 95 % (Wilson)."""
    if not of:
        return "-"
    rate, square = happened / of, Z * Z
    middle = (rate + square / (2 * of)) / (1 + square / of)
    half = Z * sqrt(rate * (1 - rate) / of + square / (4 * of * of)) / (1 + square / of)
    return f"{happened} of {of} = {rate:.3f} ({max(middle - half, 0.0):.2f} to {min(middle + half, 1.0):.2f})"


RULES: dict[str, Callable[[Log, CrashReport], Hashable]] = {
    "bug": lambda _log, report: report.bug,
    "signature": lambda _log, report: report.signature,
    "first three functions": lambda log, _report: log.first_functions or None,
}


def tell(logs: Sequence[Log], seed: int) -> list[str]:
    """Return what was measured, as lines of Markdown."""
    crashes, clean = [log for log in logs if log.is_crash], [log for log in logs if not log.titles]
    found = [(log, log.report) for log in crashes if log.report]
    said = [
        f"{len(logs)} logs. Crashes found: {share(len(found), len(crashes))}. "
        f"Clean logs with a crash: {share(sum(log.report is not None for log in clean), len(clean))}.",
        "",
        "| rule | reports | pairs of one bug | precision | recall | F1 |",
        "|---|---|---|---|---|---|",
    ]
    for name, rule in RULES.items():
        chosen = [(log, rule(log, report)) for log, report in found if rule(log, report) is not None]
        bugs, keys = bugs_of([log for log, _key in chosen]), [key for _log, key in chosen]
        counted = pairs(bugs, keys, Counter(dict.fromkeys(bugs, 1)))
        cells = [
            f"{score:.2f} ({low:.2f} to {high:.2f})"
            for score, (low, high) in zip(counted.scores, interval(bugs, keys, seed), strict=True)
        ]
        said.append(f"| {name} | {len(chosen)} | {counted.right + counted.missed} | {' | '.join(cells)} |")
    return said


def main(argv: Sequence[str]) -> int:
    """Measure the corpus in a folder."""
    parser = argparse.ArgumentParser(prog="bench.crashes", description=main.__doc__)
    parser.add_argument("corpus", type=Path, nargs="?", default=OWN)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    print("\n".join(tell(read_corpus(given.corpus), given.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
