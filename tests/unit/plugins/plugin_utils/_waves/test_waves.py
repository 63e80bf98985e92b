# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import WaveError, batch_sizes, waves

HOSTS = [f"web{number}" for number in range(1, 41)]
SIZES = st.lists(st.integers(1, 15) | st.integers(1, 100).map("{}%".format), min_size=1, max_size=4)
COUNTS = st.integers(0, len(HOSTS))
GROUPS = st.dictionaries(
    st.sampled_from(["zone_a", "zone_b", "zone_c", "etcd", "db"]),
    st.lists(st.sampled_from(HOSTS), unique=True, max_size=20),
    min_size=1,
)


def sizes_of(found: list[list[str]]) -> list[int]:
    return [len(wave) for wave in found]


def in_a_row(found: list[list[str]]) -> list[str]:
    return [host for wave in found for host in wave]


def batches(hosts: list[str], serial: list[Any]) -> list[list[str]]:
    """What PlaybookExecutor._get_serialized_batches of ansible-core does."""
    left, found = list(hosts), []
    while left:
        size = serial[min(len(found), len(serial) - 1)]
        number = (int(int(size[:-1]) / 100.0 * len(hosts)) or 1) if isinstance(size, str) else size
        found.append(left[:number])
        left = left[number:]
    return found


@given(COUNTS, SIZES)
def test_without_limits_they_are_those_of_serial(count: int, sizes: list[Any]) -> None:
    assert waves(HOSTS[:count], sizes, {}, {}) == batches(HOSTS[:count], sizes)


@given(COUNTS, SIZES, GROUPS, st.data())
def test_with_limits_every_host_goes_once_and_no_wave_holds_too_many(
    count: int, sizes: list[Any], groups: dict[str, list[str]], data: st.DataObject
) -> None:
    hosts = HOSTS[:count]
    limits = data.draw(st.dictionaries(st.sampled_from(sorted(groups)), st.integers(1, 4)))
    found = waves(hosts, sizes, limits, groups)
    assert sorted(in_a_row(found)) == sorted(hosts)
    for number, wave in enumerate(found):
        size = sizes[min(number, len(sizes) - 1)]
        assert 1 <= len(wave) <= (max(1, int(int(size[:-1]) / 100.0 * count)) if isinstance(size, str) else size)
        assert all(len(set(wave) & set(groups[name])) <= limit for name, limit in limits.items())
    # The gate makes them again, of the hosts in the order in which they go.
    assert waves(in_a_row(found), sizes, limits, groups) == found


@given(COUNTS, SIZES, GROUPS)
def test_no_host_overtakes_another_of_the_same_groups(
    count: int, sizes: list[Any], groups: dict[str, list[str]]
) -> None:
    row = in_a_row(waves(HOSTS[:count], sizes, dict.fromkeys(groups, 1), groups))
    of_same_groups: dict[tuple[str, ...], list[str]] = {}
    for host in row:
        of_same_groups.setdefault(tuple(name for name in groups if host in groups[name]), []).append(host)
    assert all(line == sorted(line, key=HOSTS.index) for line in of_same_groups.values())


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("canary", [1, 4, 10, 25]),
        ("linear", [4] * 10),
        ("exponential", [1, 2, 4, 8, 16, 9]),
        (25, [25, 15]),
        ("25", [25, 15]),
        ("50%", [20, 20]),
        ([1, "1%", 30], [1, 1, 30, 8]),
    ],
)
def test_sizes(sizes: Any, expected: list[int]) -> None:
    assert sizes_of(waves(HOSTS, sizes, {}, {})) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("canary", [1, 400, *[500] * 7, 99]),
        ("linear", [400] * 10),
        ("exponential", [1, 2, 4, 8, 16, 32, 64, 128, 256, *[500] * 6, 489]),
        ([1, "100%"], [1, 3999]),
        ("50%", [2000, 2000]),
        (1500, [1500, 1500, 1000]),
    ],
)
def test_presets_have_500_hosts_at_most_and_sizes_that_somebody_chose_are_kept(sizes: Any, expected: list[int]) -> None:
    hosts = [f"web{number}" for number in range(4000)]
    assert sizes_of(waves(hosts, sizes, {}, {})) == expected


def test_hosts_that_do_not_fit_are_the_first_to_go_next() -> None:
    groups = {"zone_a": HOSTS[:4], "zone_b": HOSTS[4:8]}
    assert waves(HOSTS[:8], 4, {"zone_*": 1}, groups) == [
        ["web1", "web5"],
        ["web2", "web6"],
        ["web3", "web7"],
        ["web4", "web8"],
    ]
    assert waves(HOSTS[:10], 4, {"zone_a": 2}, groups)[0] == ["web1", "web2", "web5", "web6"]


def test_smallest_of_several_limits_counts() -> None:
    groups = {"zone_a": HOSTS[:4]}
    for limits in ({"zone_*": 3, "zone_a": 1}, {"zone_a": 1, "zone_*": 3}):
        assert sizes_of(waves(HOSTS[:4], "100%", limits, groups)) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "sizes", [[], {}, None, True, 0, -1, 1.5, "0%", "101%", "-5%", "2.5%", "%", "often", "", [1, "x"], [[1]], "٣"]
)
def test_bad_sizes(sizes: Any) -> None:
    with pytest.raises(WaveError, match="Give canary, linear, exponential") as caught:
        waves(HOSTS, sizes, {}, {})
    assert caught.value.code == "waves_invalid"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"zone_a": 0}, "group_limits_invalid"),
        ({"zone_a": "50%"}, "group_limits_invalid"),
        ({"zone_a": True}, "group_limits_invalid"),
        ({"zone_a": None}, "group_limits_invalid"),
        (["zone_a"], "group_limits_invalid"),
        ({"zon_*": 1}, "group_limit_unmatched"),
        ({"ZONE_A": 1}, "group_limit_unmatched"),
        ({3: 1}, "group_limit_unmatched"),
    ],
)
def test_bad_limits(limits: Any, code: str) -> None:
    with pytest.raises(WaveError) as caught:
        waves(HOSTS, "canary", limits, {"zone_a": HOSTS})
    assert caught.value.code == code


def test_thousands_of_waves_of_one_do_not_take_longer_than_hosts_deserve() -> None:
    hosts = [f"web{number}" for number in range(4000)]
    racks = {f"rack{number}": hosts[number * 40 : number * 40 + 40] for number in range(100)}
    begun = time.process_time()
    assert sizes_of(waves(hosts, "canary", {"all": 1}, {"all": hosts})) == [1] * 4000
    found = waves(hosts, 50, {"rack*": 1}, racks)
    assert time.process_time() - begun < 2
    assert Counter(sizes_of(found)) == {50: 80}


@pytest.mark.parametrize(
    ("serial", "hosts", "sizes"),
    [
        ([], 3, [3]),
        ([1, "10%", "100%"], 40, [1, 4, 35]),
        (["10%"], 5, [1, 1, 1, 1, 1]),
        ([2], 5, [2, 2, 1]),
        (["30%"], 10, [3, 3, 3, 1]),
        ([0], 4, [4]),
        ([1], 0, []),
    ],
)
def test_sizes_of_batches(serial: list[Any], hosts: int, sizes: list[int]) -> None:
    assert batch_sizes(serial, hosts) == sizes


@given(st.lists(st.integers(0, 9) | st.integers(0, 150).map("{}%".format), max_size=4), st.integers(0, 300))
def test_batches_hold_every_host_once(serial: list[Any], hosts: int) -> None:
    sizes = batch_sizes(serial, hosts)
    assert sum(sizes) == hosts
    assert all(size > 0 for size in sizes)
