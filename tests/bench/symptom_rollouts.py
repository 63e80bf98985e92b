# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often symptoms stop a harmless rollout, and how fast those that jumps bring do: looked at after each wave.

Nothing is won or lost by crashes here: hosts do not crash, and the ledger knows nothing of the days before.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import LIMIT
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.stakes import KEPT, ON_SYMPTOMS
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import (
    Look,
    compared,
    standings,
    won_by_symptoms,
)

from .rollouts import SOAK, STAGGER, waves_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

EACH = SOAK + STAGGER
AGES = 30 * 24 * 3600.0
"""Seconds since when hosts run at most when the rollout begins."""
SPECIAL = 31
"""Hosts of the first waves that are of other hardware than the others."""
INVENTED = 20
"""As many symptoms of one boot as the ledger takes."""
BROUGHT = "brought by jumps"


@dataclass(frozen=True)
class Kind:
    """Rollouts of one kind: the share of jumps that ``bring`` a symptom, beside what has nothing to do with jumps.

    ``symptoms`` are each in a share of ``often`` of all boots. Hosts of the first waves ``always`` have some, with that
    probability. ``outages`` in an hour give a symptom to a share of ``hit`` of all hosts that run. So many hosts are
    ``liars``, whose kernels complain of all sorts of things after the jump. The ledger has read the ``whole`` fleet at
    each look, or only hosts that jumped, until the end of their wave, and those of the next wave.
    """

    bring: float = 0.0
    symptoms: int = 20
    often: float = 0.02
    always: float = 0.0
    outages: float = 0.0
    hit: float = 0.05
    liars: int = 0
    whole: bool = False
    hosts: int = 4000


class Fleet:
    """Hosts with what their kernels complain about in the boot before the jump and in that after it."""

    def __init__(self, kind: Kind, seed: int) -> None:
        draw, self._sizes = np.random.default_rng(seed), waves_of(kind.hosts)
        self._kind = kind
        self._wave = np.repeat(np.arange(len(self._sizes)), self._sizes)
        self._jump = self._wave * EACH + draw.uniform(0, STAGGER, kind.hosts)
        self._began: Numbers = -draw.uniform(0, AGES, kind.hosts)
        hours = len(self._sizes) * EACH / 3600
        moments = np.sort(draw.uniform(0, hours * 3600, draw.poisson(kind.outages * hours)))
        self._hits = [(float(moment), draw.random(kind.hosts) < kind.hit) for moment in moments]
        always = [
            draw.random(kind.hosts) < np.where(np.arange(kind.hosts) < SPECIAL, kind.always, 0.0) for _one in "ab"
        ]
        self._before, self._after = (self._boots(kind, draw, always) for _boot in range(2))
        for number in np.flatnonzero(draw.random(kind.hosts) < kind.bring):
            self._after[number].add(BROUGHT)
        for liar in range(kind.liars):
            self._after[liar].update(f"invented {one}" for one in range(INVENTED))

    def stopped_after(self) -> int | None:
        """Return after how many jumps this rollout is stopped, None when never."""
        for number in range(len(self._sizes)):
            found = standings(compared(*self._read(number)))
            if KEPT * (1 - ON_SYMPTOMS + ON_SYMPTOMS * won_by_symptoms(found)) >= LIMIT:
                return int(sum(self._sizes[: number + 1]))
        return None

    def _boots(self, kind: Kind, draw: np.random.Generator, always: Sequence[NDArray[np.bool_]]) -> list[set[str]]:
        found: list[set[str]] = [set() for _host in range(kind.hosts)]
        has = [draw.random(kind.hosts) < kind.often for _symptom in range(kind.symptoms)]
        for symptom, hosts in enumerate([*has, *always]):
            for number in np.flatnonzero(hosts):
                found[number].add(f"symptom {symptom}")
        return found

    def _read(self, number: int) -> tuple[list[Look], list[Look]]:
        """Return what the ledger knows when wave ``number`` is over, and the hosts of the next one were read."""
        now = (number + 1) * EACH
        before, after = [], []
        for host in range(self._kind.hosts):
            wave, jump = int(self._wave[host]), float(self._jump[host])
            gone = wave <= number
            if not (gone or wave == number + 1 or self._kind.whole):
                break
            until = jump if gone else now + host / self._kind.hosts
            before.append(self._look(host, float(self._began[host]), until, self._before))
            if gone:
                after.append(self._look(host, jump, now if self._kind.whole else (wave + 1) * EACH, self._after))
        return before, after

    def _look(self, host: int, began: float, until: float, boots: Sequence[set[str]]) -> Look:
        hit = {
            f"outage {at}" for at, (moment, hosts) in enumerate(self._hits) if hosts[host] and began <= moment <= until
        }
        return Look(f"host{host:05}", began, until, frozenset(boots[host] | hit))


KINDS = {
    "harmless, 20 symptoms in 2 % of the boots": Kind(),
    "harmless, 20 symptoms in 30 % of the boots": Kind(often=0.3),
    "harmless, the first hosts have other hardware": Kind(always=0.9),
    "harmless, 5 % of the hosts hit at once, every four hours": Kind(outages=0.25),
    "harmless, two hosts invent 20 symptoms each": Kind(liars=2),
    "10 % of jumps bring a symptom": Kind(bring=0.1),
    "10 % of jumps bring a symptom, two hosts invent 20 each": Kind(bring=0.1, liars=2),
    "2 % of jumps bring a symptom": Kind(bring=0.02),
}


def table(seeds: range, hosts: int) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = ["| rollouts | stopped | before 5 % of the fleet | jumps, median |", "|---|---|---|---|"]
    for name, kind in KINDS.items():
        for words, whole in (("", False), (", whole fleet read", True)):
            found = [Fleet(replace(kind, whole=whole, hosts=hosts), seed).stopped_after() for seed in seeds]
            after = [jumps for jumps in found if jumps is not None]
            early = sum(jumps <= 0.05 * hosts for jumps in after)
            shares = " | ".join(f"{100 * number / len(seeds):.1f} %" for number in (len(after), early))
            lines.append(f"| {name}{words} | {shares} | {np.median(after) if after else '-'} |")
            print(lines[-1], flush=True)
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.symptom_rollouts", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many rollouts of each kind, default %(default)s")
    parser.add_argument("--hosts", type=int, default=4000, help="of each rollout, default %(default)s")
    given = parser.parse_args(argv)
    table(range(given.seeds), given.hosts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
