# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up fleets whose hosts are not alike, boot by boot, and whose truth is known. For bench.truth and the tests.

A fleet is an array of hosts by boots. A boot is of way 0 (cold), 1 and so on (a transition), or there is none (-1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Count, FleetCounts, HostCount, Way

if TYPE_CHECKING:
    from numpy.typing import NDArray

RELEASE = "7.3.4"
RATE = 0.02
"""With this probability, a boot of a host that is in order crashes, if the transition is harmless."""
NOBODY = 10**6
FEW = 5
HALF = (1 - RATE) / RATE
"""With these odds, half of the boots crash."""
LOOP, LOOPING = 30, 0.03
"""How many boots a crash loop has, and which share of the hosts is in one at some time."""


@dataclass(frozen=True)
class Kind:
    """Fleets of one kind: of which ``share`` hosts boots crash with the probability ``flaky``, and the others' is RATE.

    ``odds`` are those of a crash after a transition, in times of those after a cold boot. ``lie`` is what one host more
    tells of each transition that it names: its boots and crashes after it, and after cold boots.
    """

    design: str
    hosts: int = 300
    boots: int = 20
    transitions: int = 3
    share: float = 0.0
    flaky: float = 0.0
    odds: float = 1.0
    loops: str = ""
    few: int = FEW
    lie: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Simulated:
    """What became of a fleet: the way of each boot, and whether it crashed."""

    way: NDArray[np.int64]
    crashed: NDArray[np.bool_]
    lies: Sequence[HostCount] = field(default=())


def way_of(number: int) -> Way:
    """Return the way of that number."""
    return Way("handover", f"7.2.{number}", RELEASE) if number else Way("cold", None, RELEASE)


def simulate(kind: Kind, seed: int) -> Simulated:
    """Return the fleet of that kind and seed."""
    draw = np.random.default_rng(seed)
    way = DESIGNS[kind.design](draw, kind)
    rates = np.where(draw.random(kind.hosts) < kind.share, kind.flaky, RATE)[:, None]
    raised = kind.odds * rates / (1 - rates + kind.odds * rates)
    chance = draw.random(way.shape)
    if kind.design in COLD_AFTER_CRASHES:
        way = _recovered(way, (chance < rates, chance < raised))
    crashed = chance < np.where(way > 0, raised, rates)
    if kind.loops:
        way, crashed = _looping(draw, kind, way, crashed)
    return Simulated(way, crashed & (way >= 0))


def _mixed(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Each host takes every way."""
    return draw.integers(0, kind.transitions + 1, size=(kind.hosts, kind.boots))


def _apart(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Each host takes one way only."""
    return np.repeat(draw.integers(0, kind.transitions + 1, size=(kind.hosts, 1)), kind.boots, axis=1)


def _few_apart(_draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """A few hosts take nothing but one transition, and all others are cold-booted."""
    way = np.zeros((kind.hosts, kind.boots), dtype=np.int64)
    for number in range(kind.transitions):
        way[kind.few * number : kind.few * (number + 1)] = number + 1
    return way


def _few_mixed(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """A few hosts take a transition with half of their boots; all others are cold ones."""
    way = np.zeros((kind.hosts, kind.boots), dtype=np.int64)
    for number in range(kind.transitions):
        chosen = draw.choice(kind.hosts, kind.few, replace=False)
        way[chosen] = np.where(draw.random((kind.few, kind.boots)) < 0.5, number + 1, way[chosen])
    return way


def _unequal(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Some hosts have many boots, and many have few: the logarithms of their numbers are normal."""
    boots = np.minimum(np.exp(draw.normal(1.5, 1.2, kind.hosts)).astype(int) + 1, kind.boots)
    return np.where(np.arange(kind.boots) < boots[:, None], _mixed(draw, kind), -1)


def _unequal_ways(_draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Hosts take a transition twice and have no other boots, or are cold-booted many times."""
    way = np.zeros((kind.hosts, kind.boots), dtype=np.int64)
    part = kind.hosts // (2 * kind.transitions)
    for number in range(kind.transitions):
        way[part * number : part * (number + 1)] = -1
        way[part * number : part * (number + 1), :2] = number + 1
    return way


def _once(_draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Every host takes each transition once, after many cold boots: a rollout."""
    way = np.zeros((kind.hosts, kind.boots), dtype=np.int64)
    way[:, kind.boots - kind.transitions :] = np.arange(1, kind.transitions + 1)
    return way


def _installed(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Every host is cold-booted once, when it is installed, and takes transitions from then on."""
    way = draw.integers(1, kind.transitions + 1, size=(kind.hosts, kind.boots))
    way[:, 0] = 0
    return way


def _installed_apart(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """The same, and each host takes one transition only."""
    way = np.repeat(draw.integers(1, kind.transitions + 1, size=(kind.hosts, 1)), kind.boots, axis=1)
    way[:, 0] = 0
    return way


def _never_cold(draw: np.random.Generator, kind: Kind) -> NDArray[np.int64]:
    """Not even that."""
    return draw.integers(1, kind.transitions + 1, size=(kind.hosts, kind.boots))


def _recovered(way: NDArray[np.int64], crashes: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Have each boot after a crash be a cold one; ``crashes`` says which boots crash if cold, and if after another."""
    way = way.copy()
    for at in range(1, way.shape[1]):
        crashed = np.where(way[:, at - 1] > 0, crashes[1][:, at - 1], crashes[0][:, at - 1])
        way[crashed, at] = 0
    return way


COLD_AFTER_CRASHES = ("installed", "installed apart", "never cold")
DESIGNS: Mapping[str, Any] = {
    "mixed": _mixed,
    "apart": _apart,
    "few apart": _few_apart,
    "few mixed": _few_mixed,
    "unequal": _unequal,
    "unequal ways": _unequal_ways,
    "once": _once,
    "installed": _installed,
    "installed apart": _installed_apart,
    "never cold": _never_cold,
}


def _looping(
    draw: np.random.Generator, kind: Kind, way: NDArray[np.int64], crashed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Some hosts break at some time, and crash in a loop from then on; the boots of it are cold, or of the same way."""
    none = np.full((kind.hosts, LOOP), -1)
    way, crashed = np.hstack([way, none]), np.hstack([crashed, none > 0])
    begin = np.where(draw.random(kind.hosts) < LOOPING, draw.integers(0, kind.boots, kind.hosts), NOBODY)[:, None]
    at = np.arange(way.shape[1])
    first = np.take_along_axis(way, np.minimum(begin, kind.boots - 1), axis=1)
    # A loop begins with a boot of the host; one without any at that time is in order until the end.
    begin = np.where(first >= 0, begin, NOBODY)
    again = (at > begin) & (at < begin + LOOP)
    way = np.where(again, 0 if kind.loops == "cold" else first, way)
    crashed = crashed | (at == begin) | again
    if kind.loops == "cold":
        # After a crash, a host is cold-booted.
        way[:, 1:] = np.where(crashed[:, :-1] & (way[:, 1:] >= 0) & (way[:, :-1] >= 0), 0, way[:, 1:])
    return way, crashed


def counted(kind: Kind, fleet: Simulated) -> FleetCounts:
    """Return what the ledger would count of the fleet, with the lies of one host more."""
    ways = range(kind.transitions + 1)
    after, same = np.zeros_like(fleet.crashed), np.zeros_like(fleet.crashed)
    after[:, 1:] = fleet.crashed[:, :-1] & (fleet.way[:, 1:] >= 0)
    same[:, 1:] = fleet.way[:, 1:] == fleet.way[:, :-1]
    sums = [
        np.stack([((fleet.way == number) & wanted).sum(axis=1) for number in ways])
        for kind in (fleet.way >= 0, after & same, after & ~same)
        for wanted in (kind, kind & fleet.crashed)
    ]
    boots, crashes, *loops_and_others = sums
    again, again_crashes, *_recovered = loops_and_others
    by_host = np.stack([boots - again, crashes - again_crashes, *loops_and_others], axis=1)
    counts = [
        Count(
            way_of(number),
            min(number, 1),
            int(boots[number].sum()),
            int(crashes[number].sum()),
            1.0,
            *(int(one[number].sum()) for one in loops_and_others),
        )
        for number in ways
    ]
    hosts = {number: _alike(by_host[number], by_host[0]) for number in ways if number}
    if kind.lie is not None:
        counts, hosts = _lied(counts, hosts, kind.lie)
    present = tuple(count for count in counts if count.boots)
    return FleetCounts(counts=present, hosts={way_of(number): tuple(found) for number, found in hosts.items()})


def _alike(here: NDArray[np.int64], cold: NDArray[np.int64]) -> list[HostCount]:
    rows, many = np.unique(np.concatenate([here, cold]).T, axis=0, return_counts=True)
    pairs = zip(rows.tolist(), many.tolist(), strict=True)
    return [
        HostCount(row[0], row[1], row[6], row[7], hosts, row[2], row[3], *row[8:])
        for row, hosts in pairs
        if row[0] or row[6]
    ]


def _lied(
    counts: list[Count], hosts: dict[int, list[HostCount]], lie: tuple[int, int, int, int]
) -> tuple[list[Count], dict[int, list[HostCount]]]:
    """Have one host more tell this of the first transition, and the same of cold boots for all."""
    boots, crashes, cold_boots, cold_crashes = lie
    added = [(cold_boots, cold_crashes), (boots, crashes), *[(0, 0)] * (len(counts) - 2)]
    told = [
        replace(count, boots=count.boots + more[0], crashes=count.crashes + more[1])
        for count, more in zip(counts, added, strict=True)
    ]
    liars = {number: HostCount(*added[number], *added[0]) for number in hosts}
    return told, {number: [*found, liars[number]] for number, found in hosts.items()}


FLAKY: Mapping[str, Mapping[str, float]] = {
    "alike": {},
    "2 % at 0.9": {"share": 0.02, "flaky": 0.9},
    "5 % at 0.4": {"share": 0.05, "flaky": 0.4},
}
"""How hosts differ from each other."""
LIES = (
    *((200, 200, 0, 0), (10_000, 10_000, 0, 0), (1000, 500, 0, 0)),
    *((100, 100, 100, 0), (1000, 1000, 1000, 0), (100, 50, 100, 0)),
    *((0, 0, 200, 200), (0, 0, 10_000, 10_000), (1000, 0, 1000, 1000)),
    *((0, 0, 300, 0), (0, 0, 10_000, 0), (1000, 0, 0, 0), (10_000, 0, 0, 0)),
)
"""What a host may tell: crashes after the transition, or after cold boots, or that there are none."""


def harmless() -> dict[str, Kind]:
    """Return the kinds of fleets in which no transition does any harm."""
    kinds = {}
    for name, differing in FLAKY.items():
        for boots in (4, 20):
            for design in ("mixed", "apart"):
                kinds[f"{name}, {boots} boots, {design}"] = Kind(design, boots=boots, **differing)  # type: ignore[arg-type]
        for design in ("few apart", "few mixed", "unequal", "unequal ways", "once", *COLD_AFTER_CRASHES):
            kinds[f"{name}, {design}"] = Kind(design, **differing)  # type: ignore[arg-type]
    for loops in ("cold", "same"):
        kinds[f"crash loops, {loops} boots"] = Kind("mixed", loops=loops)
    kinds["crash loops, few apart"] = Kind("few apart", loops="same")
    kinds["crash loops, cold boots, 5 % at 0.4, unequal"] = Kind("unequal", loops="cold", **FLAKY["5 % at 0.4"])  # type: ignore[arg-type]
    for lie in LIES:
        kinds[f"lie {lie}"] = Kind("mixed", hosts=100, lie=lie)
    return kinds


def harmful(odds: float) -> dict[str, Kind]:
    """Return the kinds of fleets of hosts that are alike, with one transition of these odds."""
    sizes = {
        "mixed": 60,
        "apart": 70,
        "unequal": 120,
        "few mixed": 400,
        "once": 150,
        "installed": 100,
        "never cold": 150,
    }
    return {design: Kind(design, hosts=hosts, transitions=1, odds=odds, few=20) for design, hosts in sizes.items()}


def ruinous() -> dict[str, Kind]:
    """Return kinds of small fleets that cold-boot only after crashes, where half of the other boots crash."""
    return {
        f"half of the boots crash, {hosts} hosts, {boots} boots, {design}": Kind(
            design, hosts=hosts, boots=boots, transitions=1, odds=HALF
        )
        for design in ("installed", "never cold")
        for hosts, boots in ((5, 8), (10, 4), (10, 8), (20, 4))
    }
