# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one rollout of many controllers costs its database: ``python -m bench.rollout --slices``.

Runs of simulated hosts go side by side over one PostgreSQL.

The part of the database alone, without Ansible and without pauses: each run is a process that takes the hosts of a
wave, and tells at once that they are proven. Real runs ask once in minutes, and this is the worst that can be. The aim
is that transactions grow with the hosts, and nothing faster; it fails when the sums at the end are wrong.

On two cores that did nothing else, 30 runs with waves of 20 hosts:

====== ===== ======= ============ ====================== ============================ ======
hosts  waves seconds transactions one, median (longest)  of it for the lock (longest) info
====== ===== ======= ============ ====================== ============================ ======
2,490  150   12.2    336          0.42 s (2.4 s)         0.38 s (0.57 s)              31 ms
4,980  270   15.1    578          0.44 s (2.2 s)         0.40 s (0.50 s)              45 ms
9,990  510   22.6    1,033        0.46 s (2.2 s)         0.43 s (0.75 s)              74 ms
====== ===== ======= ============ ====================== ============================ ======

All 30 ask at once all the time, so each waits for the 29 others: the database did 28 to 46 transactions a second.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import Go, Standing
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

from .common import RESULTS, keep
from .postgres import private_cluster

NAME = "bench"
TERMS = {"kexec_upgrade_target": "7.3.4-kho"}
HOSTS = (2500, 5000, 10000)
RUNS, WAVE = 30, 20
CLAIM = 3600
LOOK_EVERY = 0.05
"""Seconds until a run that has to wait asks again; the playbook asks every two."""


@dataclass(frozen=True)
class Cost:
    """What ``runs`` with so many ``hosts`` together took: seconds in all, transactions, and seconds of one transaction
    and of its wait for the lock of the rollout."""

    runs: int
    hosts: int
    waves: int
    seconds: float
    transactions: int
    median: float
    longest: float
    waiting: float
    longest_wait: float
    info_seconds: float


class Measured(SharedRollout):
    """Notes how long the lock of the rollout is waited for."""

    waited = 0.0

    def _standing(self, connection: Any) -> Standing | None:
        began = time.monotonic()
        try:
            return super()._standing(connection)
        finally:
            self.waited = time.monotonic() - began


def run(arguments: tuple[str, int, int, int]) -> list[tuple[float, float]]:
    """Go through all waves of one run; returns the seconds of each transaction, and those of its wait for the lock."""
    url, number, hosts, size = arguments
    names = [f"run{number:02}-host{index:05}" for index in range(hosts)]
    waves = [names[at : at + size] for at in range(0, hosts, size)]
    me, took = Taking(f"run{number}", f"run{number}@bench", len(waves)), []

    def timed(act: Any) -> Any:
        began = time.monotonic()
        with Ledger(place_of(url)) as ledger:
            shared = Measured(ledger, NAME)
            answer = act(shared)
        took.append((time.monotonic() - began, shared.waited))
        return answer

    for index, wave in enumerate(waves, 1):
        others = [*names[: (index - 1) * size], *names[index * size :]]
        hosts_now = (index, wave)
        while not isinstance(
            timed(lambda one: one.begin(me, TERMS, hosts_now, others, CLAIM, "".__eq__))[0],  # noqa: B023
            Go,
        ):
            time.sleep(LOOK_EVERY)
        outcomes: dict[str, tuple[str, str | None]] = dict.fromkeys(wave, ("proven", None))
        if timed(lambda one: one.end(me, index, outcomes, True, Budget(0, None))).canaries:  # noqa: B023
            timed(lambda one: one.passed(me))
    return took


def cost(runs: int, hosts: int, size: int) -> Cost:
    """Measure on a new server. Raises RuntimeError when the sums at the end are wrong."""
    with private_cluster() as cluster:
        with Ledger(place_of(cluster.url)):
            pass
        began = time.monotonic()
        with get_context("spawn").Pool(runs) as pool:
            took = pool.map(run, [(cluster.url, number, hosts // runs, size) for number in range(runs)], chunksize=1)
        seconds, asked = time.monotonic() - began, time.monotonic()
        with Ledger(place_of(cluster.url)) as ledger:
            found = info(ledger, NAME)
        info_seconds = time.monotonic() - asked
    of_all = hosts // runs * runs
    if found["counts"]["proven"] != of_all or len(found["runs"]) != runs:
        raise RuntimeError(f"the sums are wrong: {found['counts']}")
    each = [one for of_run in took for one in of_run]
    all_seconds, waits = [one for one, _wait in each], [wait for _one, wait in each]
    return Cost(
        runs=runs,
        hosts=of_all,
        waves=-(-(hosts // runs) // size) * runs,
        seconds=seconds,
        transactions=len(each),
        median=statistics.median(all_seconds),
        longest=max(all_seconds),
        waiting=sum(waits),
        longest_wait=max(waits),
        info_seconds=info_seconds,
    )


def show(one: Cost) -> None:
    """Print a line of what was measured."""
    print(
        f"{one.runs:3} runs, {one.hosts:6} hosts, {one.waves:4} waves: {one.seconds:6.1f} s, {one.transactions} "
        f"transactions of {1000 * one.median:.0f} ms (longest {1000 * one.longest:.0f} ms); for the lock "
        f"{one.waiting / one.transactions * 1000:.1f} ms each (longest {1000 * one.longest_wait:.0f} ms); info "
        f"{1000 * one.info_seconds:.0f} ms",
        flush=True,
    )


def main(hosts: Sequence[int]) -> int:
    """Measure with so many hosts of all runs together, keep everything in build/bench/."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    load, costs = os.getloadavg(), []
    for number in hosts:
        costs.append(cost(RUNS, number, WAVE))
        show(costs[-1])
    print(f"raw data: {keep('slices', {'wave': WAVE, 'costs': [asdict(one) for one in costs]}, load)}")
    return 0
