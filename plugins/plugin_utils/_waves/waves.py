# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of a rollout go together: waves of given sizes, with at most so many hosts of a group in each."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain, repeat
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import nearest

PRESETS: Mapping[str, tuple[int | str, ...]] = {
    "canary": (1, "10%", "25%", "100%"),
    "linear": ("10%",),
    "exponential": tuple(2**exponent for exponent in range(32)),
}
MOST_OF_A_PRESET = 500
"""Hosts. Ansible makes a process for each task of each host, and the more hosts a wave has, the longer that takes it
(tests/bench). A preset grows with the fleet, and nobody has said how many hosts may be away together."""

# Hosts that wait for the same groups, each with its place in the whole order; by the names of these groups.
Lines = dict[tuple[str, ...], deque[tuple[int, str]]]


class WaveError(KhoError):
    """The waves cannot be made as asked. Nothing was begun."""


def waves(hosts: Sequence[str], sizes: Any, limits: Any, groups: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the waves, each a list of names; together they hold every host once.

    ``hosts`` are different names, in the order in which they should go. ``sizes`` is the name of a preset, or one size,
    or a list of sizes: numbers and percentages of all ``hosts``, the last of which repeats, as in Ansible's ``serial``.
    The waves of a preset have at most MOST_OF_A_PRESET hosts.
    ``limits`` says of how many hosts of a group a wave may hold at most, by globs of names of ``groups``, which are the
    inventory's. A host that does not fit waits for a later wave and is then the first to go; hosts behind it overtake
    it unless they are in the same limited groups. So a wave may be smaller than its size.

    The waves of all waves' hosts in a row are the same waves. It takes time that grows linearly with the hosts, and
    with the waves times the combinations of limited groups that there are.

    Raises WaveError ``waves_invalid``, ``group_limits_invalid`` or ``group_limit_unmatched``.
    """
    wave_sizes = _sizes(sizes, len(hosts))
    most = _limits(limits, groups)
    lines = _lines(hosts, {name: groups[name] for name in most})
    found = []
    while lines:
        found.append(_next_wave(lines, most, next(wave_sizes)))
    return found


def batch_sizes(serial: Sequence[Any], count: int) -> list[int]:
    """Return how many of ``count`` hosts go in each batch of any play, as Ansible takes its ``serial``.

    That is what ``PlaybookExecutor._get_serialized_batches`` does, which refuses less than `waves`.
    """
    sizes: list[int] = []
    left = count
    while left > 0:
        wanted = _batch_size(serial[min(len(sizes), len(serial) - 1)], count) if serial else count
        sizes.append(min(wanted, left) if wanted > 0 else left)
        left -= sizes[-1]
    return sizes


def _batch_size(size: Any, count: int) -> int:
    said = str(size)
    return _share(int(said.rstrip("%")), count) if said.endswith("%") else int(said)


def _next_wave(lines: Lines, most: Mapping[str, int], size: int) -> list[str]:
    """Take the hosts of one wave out of ``lines``; lines that become empty are removed."""
    wave: list[str] = []
    taken: Counter[str] = Counter()
    fronts = [(line[0], names) for names, line in lines.items()]
    heapq.heapify(fronts)
    while fronts and len(wave) < size:
        (_place, host), names = heapq.heappop(fronts)
        if any(taken[name] == most[name] for name in names):
            continue
        taken.update(names)
        wave.append(host)
        lines[names].popleft()
        if lines[names]:
            heapq.heappush(fronts, (lines[names][0], names))
        else:
            del lines[names]
    return wave


def _lines(hosts: Sequence[str], limited: Mapping[str, Iterable[str]]) -> Lines:
    names_of: dict[str, list[str]] = {host: [] for host in hosts}
    for name, members in limited.items():
        for host in members:
            if host in names_of:
                names_of[host].append(name)
    lines: Lines = defaultdict(deque)
    for place, host in enumerate(hosts):
        lines[tuple(names_of[host])].append((place, host))
    return lines


def _limits(limits: Any, groups: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return how many hosts of each limited group a wave may hold; of several limits, the smallest."""
    if not isinstance(limits, Mapping):
        raise WaveError(
            "group_limits_invalid",
            f"The limits of groups are {_shown(limits)}, which is not a mapping, so it is not known how many hosts of "
            "a group may go together. Give globs of group names and numbers, such as {'zone_*': 2, 'etcd': 1}.",
        )
    most: dict[str, int] = {}
    for glob, limit in limits.items():
        number = _limit(glob, limit)
        names = [name for name in groups if fnmatchcase(name, str(glob))]
        if not names:
            raise WaveError(
                "group_limit_unmatched",
                f"The limit for the groups {_shown(glob)} matches no group of the inventory"
                f"{nearest(str(glob), groups)}, so it would limit nothing. Correct the name, or remove the limit.",
            )
        most.update({name: min(number, most.get(name, number)) for name in names})
    return most


def _limit(glob: Any, limit: Any) -> int:
    number = _number(limit)
    if number is None or number < 1:
        raise WaveError(
            "group_limits_invalid",
            f"The limit for the groups {_shown(glob)} is {_shown(limit)}, so no host of them could go, or it is not "
            "known how many. Give a number of hosts, 1 or more.",
        )
    return number


def _sizes(sizes: Any, count: int) -> Iterator[int]:
    """Yield the sizes of the waves of ``count`` hosts, without end."""
    if isinstance(sizes, str) and sizes in PRESETS:
        numbers = [min(_size(size, count), MOST_OF_A_PRESET) for size in PRESETS[sizes]]
    else:
        numbers = [_size(size, count) for size in (sizes if isinstance(sizes, (list, tuple)) else [sizes])]
    if not numbers:
        raise _bad_size(sizes)
    return chain(numbers, repeat(numbers[-1]))


def _size(size: Any, count: int) -> int:
    percentage = _number(size[:-1]) if isinstance(size, str) and size.endswith("%") else None
    if percentage is not None and 1 <= percentage <= 100:
        return _share(percentage, count)
    number = _number(size)
    if number is None or number < 1:
        raise _bad_size(size)
    return number


def _share(percentage: int, count: int) -> int:
    """Return how many of ``count`` hosts a percentage is, as pct_to_int in ansible/utils/helpers.py says."""
    return int(percentage / 100.0 * count) or 1


def _bad_size(size: Any) -> WaveError:
    return WaveError(
        "waves_invalid",
        f"The sizes of the waves hold {_shown(size)}{nearest(str(size), PRESETS)}, so it is not known how many hosts "
        "go together. Give "
        f"{', '.join(PRESETS)}, or a list of numbers and percentages, 1 to 100%, such as [1, '10%', '50%'].",
    )


def _number(value: Any) -> int | None:
    """Return a whole number, also of text as the command line gives it; None when it is something else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:9])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _shown(value: Any) -> str:
    return printable(repr(value), 80)
