# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger counts and the statistics start from. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import ReleaseKey, release_key

COLD = "cold"
WAYS = 200
"""So many transitions, and cold boots of so many releases, are told each by itself."""
COUNTS_OF_WAY, COUNTS = 30, 600
"""So many values of ``kexec_count`` are told of one way, and of all ways together."""


class Way(NamedTuple):
    """How a kernel came to run: the kind of boot (``cold``, ``kexec``, ``handover``) and the two releases.

    ``previous_release`` is known after a handover only.
    """

    boot: str
    previous_release: str | None
    release: str


def in_order(release: str | None) -> tuple[bool, ReleaseKey]:
    """Sort key for releases; one that is not known is the last."""
    return release is None, release_key(release or "")


@dataclass(frozen=True)
class Count:
    """Boots of one way with one ``kexec_count`` (None: unknown), how many of them crashed, and how long they ran.

    A boot has crashed when a crash ended it, or when evidence of a crash that its kernel died of, or was broken after,
    names it; it counts once. ``again`` are those that came right after a crashed boot of the same host and way, and
    ``again_crashes`` how many of these crashed; ``recovered`` and ``recovered_crashes`` are the same right after a
    crashed boot of another way.
    """

    way: Way
    kexec_count: int | None
    boots: int
    crashes: int
    hours: float
    again: int = 0
    again_crashes: int = 0
    recovered: int = 0
    recovered_crashes: int = 0


class HostCount(NamedTuple):
    """So many ``hosts`` that have the same numbers of boots and crashes of one way, and of cold boots of its release.

    Without those that came right after a crash of the same way, since a crash loop is one crash. Of these there were
    ``again`` and ``cold_again``, and so many of them crashed. Of the cold boots, ``cold_recovered`` came right after a
    crash of another way, and ``cold_recovered_crashes`` of these crashed.
    """

    boots: int
    crashes: int
    cold_boots: int
    cold_crashes: int
    hosts: int = 1
    again: int = 0
    again_crashes: int = 0
    cold_again: int = 0
    cold_again_crashes: int = 0
    cold_recovered: int = 0
    cold_recovered_crashes: int = 0


class WorstHost(NamedTuple):
    """The host with the most crashed boots of one way."""

    host: str
    crashes: int


@dataclass(frozen=True)
class Signature:
    """A signature of one bug: its topmost frames, and the number of boots that it was seen in."""

    signature: str
    frames: tuple[str, ...]
    boots: int


@dataclass(frozen=True)
class Bug:
    """A bug that crashes come of after one way.

    Its kind, its topmost frames, the number of boots that it was seen in, and its leading signatures. Of crashes that
    were written before there were bugs (``old``), it is the signature of then, which is that of no newer one.
    """

    way: Way
    bug: str
    kind: str
    frames: tuple[str, ...]
    boots: int
    signatures: tuple[Signature, ...] = ()
    old: bool = False


class Rest(NamedTuple):
    """What is not told each by itself: so many ways, and their boots and crashes together."""

    ways: int = 0
    boots: int = 0
    crashes: int = 0


@dataclass(frozen=True)
class SymptomCount:
    """A symptom, on how many hosts it was seen, and the boots that were looked at for it.

    ``trouble`` and ``words`` are what the kernel complained about. The ``crashes`` of ``counts`` and ``hosts`` are
    boots in which it did. ``cold_hosts`` says, by release, on how many hosts it did so after a cold boot.
    """

    symptom: str
    trouble: str
    words: str
    on_hosts: int
    counts: tuple[Count, ...]
    hosts: Mapping[Way, tuple[HostCount, ...]] = field(default_factory=dict)
    cold_hosts: Mapping[str, int] = field(default_factory=dict)


class Symptoms(NamedTuple):
    """The symptoms that the most hosts have; how many only one host has, and how many others are not told."""

    told: tuple[SymptomCount, ...] = ()
    of_one_host: int = 0
    not_told: int = 0


class What(NamedTuple):
    """A measure of a release: a name of ``_soak/measures.py``."""

    release: str
    measure: str


Chain = tuple[tuple[int, float], ...]
"""The count and the value of boots that followed one another by handovers, those of other releases left out."""


@dataclass(frozen=True)
class Measures:
    """The ``chains`` of each host, and the values after its ``cold`` boots.

    How many values are of unknown boots, and how many were too many to be read, of the hosts that are last by name.

    A chain begins after a boot that was no handover, or where the count does not rise.
    """

    chains: Mapping[What, Mapping[str, tuple[Chain, ...]]] = field(default_factory=dict)
    cold: Mapping[What, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    not_joined: int = 0
    not_read: int = 0


@dataclass(frozen=True)
class FleetCounts:
    """All that is counted, as of one moment.

    ``hosts`` has the numbers of single hosts by way, other than those of cold boots alone; a way that is missing is
    compared as if each boot were one of another host. ``worst_host`` is the host that has most of the crashed boots, by
    way, and ``suspects`` names the one that has most but for those that came right after another of it.
    ``not_compared`` are boots whose kind or release is unknown, and those of crash kernels; ``not_joined`` crashes of
    boots that are not in the ledger.
    ``rest`` are ways beyond ``WAYS``; ``counts_left_out`` has by way how many values of ``kexec_count`` are told as
    unknown ones. ``doubted_hosts`` are those of whose history something was left out.
    ``curves`` are those of ``survival``.
    """

    counts: tuple[Count, ...]
    bugs: tuple[Bug, ...] = ()
    hosts: Mapping[Way, tuple[HostCount, ...]] = field(default_factory=dict)
    worst_host: Mapping[Way, WorstHost] = field(default_factory=dict)
    suspects: Mapping[Way, str] = field(default_factory=dict)
    boots: int = 0
    not_compared: int = 0
    not_joined: int = 0
    rest: Rest = Rest()
    counts_left_out: dict[Way, int] = field(default_factory=dict)
    doubted_hosts: tuple[str, ...] = ()
    symptoms: Symptoms = Symptoms()
    curves: tuple[Any, ...] = ()
    measures: Measures = field(default_factory=Measures)


class Bounded(NamedTuple):
    """Counts of as many ways as are told each by itself, and what is left."""

    counts: tuple[Count, ...]
    rest: Rest
    counts_left_out: dict[Way, int]


def bound(counts: Iterable[Count], hosts: Mapping[Way, int]) -> Bounded:
    """Keep of all counts those of the ``WAYS`` weightiest ways, and of their counts the weightiest.

    A way weighs as many ``hosts`` as took it, and then its boots: no host can crowd out what others did. With
    the ways to a kernel go the cold boots of its release, which they are compared with. Nothing is chosen by crashes,
    so the statistics hold for what is left.
    """
    groups: defaultdict[Way, list[Count]] = defaultdict(list)
    for count in counts:
        groups[count.way].append(count)

    def weight(way: Way) -> tuple[int, int, Way]:
        boots = sum(count.boots for count in groups[way])
        return -hosts.get(way, 0), -boots, Way(way.boot, way.previous_release or "", way.release)

    ranked = sorted(groups, key=weight)
    transitions = [way for way in ranked if way.boot != COLD][:WAYS]
    releases = {way.release for way in transitions}
    cold = sorted((way for way in ranked if way.boot == COLD), key=lambda way: way.release not in releases)[:WAYS]
    kept = [count for way in cold for count in _bound_counts(groups.pop(way), 1)[0]]
    left_out: dict[Way, int] = {}
    budget = COUNTS
    for way in transitions:
        few, further = _bound_counts(groups.pop(way), min(budget, COUNTS_OF_WAY))
        budget = max(budget - len(few), 0)
        kept += few
        if further:
            left_out[way] = further
    others = [count for group in groups.values() for count in group]
    rest = Rest(len(groups), sum(count.boots for count in others), sum(count.crashes for count in others))
    return Bounded(tuple(kept), rest, left_out)


def _bound_counts(counts: list[Count], most: int) -> tuple[list[Count], int]:
    """Return the ``most`` weightiest counts, the others as one of unknown count, and how many those were."""
    if len(counts) <= max(most, 1):
        return counts, 0
    ranked = sorted(counts, key=lambda count: (count.kexec_count is None, -count.boots, count.kexec_count or 0))
    few, others = ranked[:most], ranked[most:]
    further = sum(count.kexec_count is not None for count in others)
    return [*few, merged(others)], further


def merged(counts: Sequence[Count]) -> Count:
    """Return counts of one way, of which there are some, as one whose ``kexec_count`` is unknown."""
    names = ("boots", "crashes", "hours", "again", "again_crashes", "recovered", "recovered_crashes")
    return Count(counts[0].way, None, *(sum(getattr(count, name) for count in counts) for name in names))
