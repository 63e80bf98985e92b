# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often the gate of a rollout is wrong, and how fast it is right: simulated rollouts, looked at after each wave."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.exposure import Past
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import (
    LIMIT,
    Watched,
    ratio_interval,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.stakes import evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAVES = (1, 5, 25, 125, 500)
SOAK, STAGGER, DYING = 3600.0, 60.0, 60.0
"""Seconds that a wave is left alone, in which its hosts jump, and within which one that the jump kills dies."""
EACH = SOAK + STAGGER
"""Seconds from the beginning of a wave to that of the next one of its run."""
NOISY, QUIET = 1 / 2000, 1 / 100_000
"""Crashes in an hour of a host."""
HIT = 0.05
"""The share of hosts that an outage hits."""
EARLY = 0.05
"""The share of the fleet that a jump which kills may cost."""


@dataclass(frozen=True)
class Kind:
    """Rollouts of one kind: crashes an hour, the share of jumps that ``kill``, and the ``times`` as often afterwards.

    ``flaky`` hosts crash 1,000 times as often. ``outages`` in an hour take down ``HIT`` of all hosts at one moment. The
    ledger has read the ``whole`` fleet at each look, or only hosts that jumped, until then, and those of the next wave;
    of hosts that it has read, the last ``days`` before the rollout, too.

    Where ``symptoms`` are wanted, no kernel complains about anything, so only what is left of the stake can be won.

    With several ``runs`` that share the rollout, each has its slice of the hosts and its own waves, side by side after
    the first canary, and asks about all hosts before and after each of them.
    """

    rate: float
    kill: float = 0.0
    times: float = 1.0
    flaky: float = 0.0
    outages: float = 0.0
    whole: bool = True
    days: float = 14.0
    hosts: int = 4000
    runs: int = 1
    symptoms: bool = False


class Stopped(NamedTuple):
    """After how many jumps a rollout was stopped, None when never; whether an interval missed the true ratio."""

    after: int | None
    missed: bool


def waves_of(hosts: int) -> list[int]:
    """Return the sizes of the waves; the last one repeats."""
    sizes: list[int] = []
    while sum(sizes) < hosts:
        sizes.append(min(WAVES[min(len(sizes), len(WAVES) - 1)], hosts - sum(sizes)))
    return sizes


def begins_of(kind: Kind) -> NDArray[np.float64]:
    """Return when the wave of each host begins, in seconds after the rollout did."""
    slices = np.array_split(np.arange(kind.hosts), kind.runs)
    found = np.zeros(kind.hosts)
    for number, hosts in enumerate(slices):
        sizes = waves_of(len(hosts))
        behind = (number > 0) + number / kind.runs
        found[hosts] = (np.repeat(np.arange(len(sizes)), sizes) + behind) * EACH
    return found


def roll_out(kind: Kind, seed: int) -> Stopped:
    """Return what became of one rollout."""
    draw, begin = np.random.default_rng(seed), begins_of(kind)
    end = begin + EACH
    jump = begin + draw.uniform(0, STAGGER, kind.hosts)
    flaky = draw.random(kind.hosts) < kind.flaky
    mean: NDArray[np.float64] = np.where(flaky, 3.6 / kind.rate, 3600 / kind.rate)
    before = draw.exponential(mean)
    after = jump + draw.exponential(mean / kind.times)
    after = np.where(draw.random(kind.hosts) < kind.kill, jump + draw.uniform(1, DYING, kind.hosts), after)
    down = draw.uniform(0, end.max(), draw.poisson(kind.outages * end.max() / 3600))
    for moment in down:
        hit = draw.random(kind.hosts) < HIT
        before = np.where(hit, np.minimum(before, moment), before)
        after = np.where(hit & (jump < moment), np.minimum(after, moment), after)
    hours = 24 * kind.days
    past = draw.poisson(3600 * hours / mean) + draw.binomial(draw.poisson(kind.outages * hours), HIT, kind.hosts)
    missed = False
    for now in np.unique([*begin[begin > 0], *end]):
        over = (jump if kind.whole else end) <= now
        seen = np.where(kind.whole, now, np.where(over, end, begin))
        read = np.full(kind.hosts, True) if kind.whole else begin <= now
        # A host is looked at until its first crash.
        gone = over & (before >= jump)
        jumped = _watched(jump[gone], seen[gone], after[gone])
        waiting = _watched(np.zeros(read.sum()), np.where(over, jump, seen)[read], before[read])
        low, high = ratio_interval(jumped, waiting)
        missed = missed or not low <= kind.times <= high
        known = Past(hours * float(read.sum()), int(past[read].sum()))
        if evidence(jumped, waiting, known, 1.0 if kind.symptoms else None) >= LIMIT:
            return Stopped(int(over.sum()), missed)
    return Stopped(None, missed)


def _watched(begin: NDArray[np.float64], until: NDArray[np.float64], crash: NDArray[np.float64]) -> Watched:
    return Watched(begin, np.minimum(until, crash), crash <= until)


KINDS = {
    "harmless, noisy": Kind(NOISY),
    "harmless, quiet": Kind(QUIET),
    "harmless, noisy, 2 % of the hosts crash 1,000 times as often": Kind(NOISY, flaky=0.02),
    "harmless, quiet, 5 % of the hosts down at once, once a day": Kind(QUIET, outages=1 / 24),
    "2 % of jumps kill, noisy": Kind(NOISY, kill=0.02),
    "2 % of jumps kill, quiet": Kind(QUIET, kill=0.02),
    "three times as often, noisy": Kind(NOISY, times=3.0),
    "ten times as often, noisy": Kind(NOISY, times=10.0),
}


READINGS: dict[str, dict[str, Any]] = {
    "": {},
    ", next wave read only": {"whole": False},
    ", next wave read only, nothing known before": {"whole": False, "days": 0.0},
    ", symptoms wanted": {"symptoms": True},
    ", symptoms wanted, next wave read only": {"symptoms": True, "whole": False},
    ", eight runs that share it": {"runs": 8},
    ", eight runs that share it, next waves read only": {"runs": 8, "whole": False},
}


def table(seeds: range) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [
        "| rollouts | stopped | before 5 % of the fleet | jumps, median | an interval missed |",
        "|---|---|---|---|---|",
    ]
    for words, reading in READINGS.items():
        for name, kind in KINDS.items():
            found = [roll_out(replace(kind, **reading), seed) for seed in seeds]
            after = [one.after for one in found if one.after is not None]
            early = sum(jumps <= EARLY * kind.hosts for jumps in after)
            shares = [f"{100 * number / len(seeds):.1f} %" for number in (len(after), early)]
            missed = "-" if kind.kill else f"{100 * sum(one.missed for one in found) / len(seeds):.1f} %"
            lines.append(f"| {name}{words} | {' | '.join(shares)} | {np.median(after) if after else '-'} | {missed} |")
            print(lines[-1], flush=True)
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.rollouts", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many rollouts of each kind, default %(default)s")
    table(range(parser.parse_args(argv).seeds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
