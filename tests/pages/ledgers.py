# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up fleets, counted as a ledger counts them, the same at every run."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import Correlation, correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    FleetCounts,
    Signature,
    Way,
    WorstHost,
)

RATE = 0.01
"""The share of boots that crash where nothing is wrong."""
HOURS = 300.0
"""How long a boot lasts."""
FRAMES = ("nvme_reset_work", "process_one_work", "worker_thread", "kthread", "ret_from_fork")


def few() -> Correlation:
    """Return a fleet of 24 hosts: three releases, and one transition that crashes."""
    old, middle, new = "6.12.43+deb13-amd64", "6.12.48+deb13-amd64", "7.3.4-kho"
    deadly = Way("handover", middle, new)
    counts = [
        _count(Way("cold", None, old), 240, 2),
        _count(Way("cold", None, middle), 310, 4),
        _count(Way("cold", None, new), 290, 3),
        _count(Way("handover", old, middle), 310, 3, 1),
        _count(deadly, 120, 9, 1),
        _count(deadly, 90, 15, 2),
        _count(Way("handover", old, new), 22, 0, 1),
        _count(Way("kexec", None, new), 3, 1),
    ]
    return _fleet(counts, {deadly: 1})


def many() -> Correlation:
    """Return a fleet of 4,000 hosts: 45 releases, of which 14 were reached, and two transitions that crash."""
    choose = random.Random(1)
    releases = [f"6.12.{patch}+deb13-cloud-amd64" for patch in range(9, 40)]
    releases += [f"7.{minor}.{patch}-kho" for minor in (2, 3) for patch in range(7)]
    deadly = {Way("handover", releases[0], releases[-1]): 0.4, Way("handover", releases[-9], releases[-3]): 0.03}
    counts = []
    for to in releases[-14:]:
        counts.append(_count(Way("cold", None, to), boots := choose.randrange(2000, 9000), int(boots * RATE)))
        for origin in releases[: releases.index(to)]:
            way = Way("handover", origin, to)
            if way in deadly or choose.random() < 0.6:
                boots = 5000 if way in deadly else int(10 ** choose.uniform(0, 3.6))
                crashes = sum(choose.random() < deadly.get(way, RATE) for _boot in range(boots))
                counts.append(_count(way, boots, crashes, 1))
    return _fleet(counts, dict.fromkeys(deadly, 3))


def _count(way: Way, boots: int, crashes: int, count: int = 0) -> Count:
    return Count(way, count, boots, crashes, HOURS * boots)


def _fleet(counts: Sequence[Count], deadly: dict[Way, int]) -> Correlation:
    crashes = {way: sum(count.crashes for count in counts if count.way == way) for way in deadly}
    return correlate(
        FleetCounts(
            counts=tuple(counts),
            bugs=tuple(_bug(way, at, crashes[way] // (at + 2)) for way, bugs in deadly.items() for at in range(bugs)),
            worst_host=dict.fromkeys(deadly, WorstHost("web7", 2)),
            boots=sum(count.boots for count in counts) + 12,
            not_compared=12,
            not_joined=2,
        )
    )


def _bug(way: Way, number: int, boots: int) -> Bug:
    frames = FRAMES[number:]
    below = (
        Signature(f"{number:x}f86d081884c7d65", frames, 2 * boots // 3),
        Signature(f"{number:x}123456789abcdef", (frames[0], *FRAMES[-2:]), boots - 2 * boots // 3),
    )
    return Bug(way, f"{number:x}e6f7a8b9c0d1e2f", "panic" if number else "oops", frames, boots, below)
