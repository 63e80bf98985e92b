# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet in which one transition crashes, and what its page is made of."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    FleetCounts,
    Signature,
    Way,
)

OLD, NEW = "7.2.13", "7.3.4"

HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)

BELOW = Signature("9f86d081884c7d65", ("nvme_reset_work",), 20), Signature("0123456789abcdef", ("nvme_reset_work",), 11)
BUG = Bug(HANDOVER, "5e6f7a8b9c0d1e2f", "panic", ("nvme_reset_work", "process_one_work", "kthread"), 31, BELOW)


def counted(way: Way, boots: int, crashes: int, count: int | None = 0) -> Count:
    """Return boots of a day each."""
    return Count(way, count, boots, crashes, 24.0 * boots)


def fleet(*counts: Count, **more: Any) -> Correlation:
    """Return what these counts say."""
    return correlate(FleetCounts(counts=counts, boots=sum(count.boots for count in counts), **more))


CRASHING = (
    counted(HANDOVER, 300, 4, 1),
    counted(HANDOVER, 112, 12, 2),
    counted(HANDOVER, 100, 25, 3),
    counted(COLD, 530, 7),
)

WHOLE = fleet(*CRASHING, counted(Way("kexec", None, NEW), 3, 0), bugs=(BUG,), not_joined=2, not_compared=1)


def boots_and_crashes(fleet: FleetCounts) -> dict[tuple[Way, int | None], tuple[int, int]]:
    """Return the counts by way and number of handovers."""
    return {(count.way, count.kexec_count): (count.boots, count.crashes) for count in fleet.counts}


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
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
