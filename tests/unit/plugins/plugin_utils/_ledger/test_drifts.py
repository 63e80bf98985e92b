# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drifts on several hosts is found, what one host tells is not, and where nothing drifts nothing is found."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Chain, Measures, What
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drifts import Base, Drift, drifts

FREE, SLAB, BOOT = (What("7.3.4-kho", name) for name in ("free_bytes", "slab_bytes", "boot_seconds"))
LEAK, NOISE = -16.0, 10.0


def chain(slope: float, seed: object, jumps: int = 8, noise: float = NOISE, first: int = 1) -> Chain:
    """Return values that change by that with each jump, in noise."""
    draw = random.Random(str(seed))
    return tuple((count, 1000 + slope * count + draw.gauss(0, noise)) for count in range(first, first + jumps))


def one(*chains: Sequence[Chain], cold: Mapping[str, tuple[float, ...]] | None = None) -> Drift:
    """Return what is found of the free memory of these hosts."""
    hosts = {f"web{number}": tuple(some) for number, some in enumerate(chains, 1)}
    (found,) = drifts(Measures(chains={FREE: hosts}, cold={FREE: cold} if cold else {}))
    return found


@pytest.mark.parametrize("hosts", [2, 3, 6, 12])
def test_a_leak_on_every_host_is_found(hosts: int) -> None:
    found = one(*([chain(LEAK, host)] for host in range(hosts)))
    assert (found.finding, found.hosts, found.jumps) == ("falls", hosts, 8 * hosts)
    assert found.trend is not None
    assert found.trend.low < LEAK < found.trend.high < 0
    assert found.q_beyond is not None
    assert found.q_beyond <= 0.05


def test_what_rises() -> None:
    assert one(*([chain(-LEAK, host)] for host in range(3))).finding == "rises"


def test_a_small_leak_is_found_on_many_hosts_together() -> None:
    found = one(*([chain(-4, host, jumps=6)] for host in range(40)))
    assert found.finding == "falls"
    assert found.trend is not None
    assert found.trend.low < -4 < found.trend.high


@pytest.mark.parametrize("others", [0, 1, 5, 11])
def test_what_one_host_tells_is_a_suspicion_about_it(others: int) -> None:
    found = one([chain(LEAK, "x", jumps=20)], *([chain(0, host)] for host in range(others)))
    assert (found.finding, found.host) == ("one_host", "web1")
    assert (found.p_beyond is None) is (others == 0)


def test_a_host_that_tells_whatever_it_likes_neither_makes_a_finding_nor_hides_one() -> None:
    lie = [tuple((count, 1e15 * count) for count in range(1, 200))]
    quiet = [[chain(0, host)] for host in range(4)]
    leaking = [[chain(LEAK, host)] for host in range(4)]
    assert one(lie, *quiet).finding == "one_host"
    assert one(lie, *leaking).finding == "falls"


def test_some_hosts_are_not_the_kernel() -> None:
    found = one(*([chain(LEAK, host, jumps=20)] for host in range(2)), *([chain(0, host)] for host in range(9)))
    assert found.finding == "some_hosts"
    assert found.host in ("web1", "web2")


def test_chains_of_one_host_are_compared_within_themselves() -> None:
    """Another level is no drift, and a host with many chains is one host."""
    levels = [tuple((count, value + 5000 * at) for count, value in chain(0, at)) for at in range(3)]
    assert one(levels, levels).finding == "no_drift"
    found = one([chain(LEAK, at) for at in range(5)])
    assert (found.finding, found.hosts, found.jumps) == ("one_host", 1, 40)


def test_too_few_jumps() -> None:
    found = one([chain(LEAK, 1, jumps=5), chain(LEAK, 2, jumps=5)], [chain(LEAK, 3, jumps=5)])
    assert (found.finding, found.hosts, found.trend, found.q) == ("too_few", 0, None, None)


def test_values_that_stay_the_same_do_not_drift() -> None:
    assert one(*([chain(0, 1, noise=0)] for _host in range(8))).finding == "no_drift"


def test_cold_boots_are_the_base() -> None:
    found = one([chain(LEAK, 1)], cold={"web1": (1000.0, 1010.0, 5000.0), "web9": (900.0,)})
    assert found.cold == Base(955.0, 4, 2)


def test_findings_come_first_and_what_is_not_known_last() -> None:
    leaking = {f"web{host}": (chain(LEAK, host),) for host in range(3)}
    quiet = {f"web{host}": (chain(0, host),) for host in range(3)}
    few = {"web1": (chain(0, 1, jumps=2),)}
    told = drifts(Measures(chains={BOOT: few, FREE: leaking, SLAB: quiet}))
    assert [(each.what, each.finding) for each in told] == [(FREE, "falls"), (SLAB, "no_drift"), (BOOT, "too_few")]


def test_where_nothing_drifts_at_most_one_fleet_in_twenty_has_a_finding_or_a_suspicion() -> None:
    fleets, found, suspected = 120, 0, 0
    for fleet in range(fleets):
        chains = {what: {f"web{host}": (chain(0, (fleet, what, host)),) for host in (1, 2)} for what in (FREE, BOOT)}
        told = {each.finding for each in drifts(Measures(chains=chains))}
        found += not told <= {"no_drift", "one_host"}
        suspected += "one_host" in told
    assert found <= 0.05 * fleets
    assert suspected <= 0.05 * fleets


def test_where_one_host_does_drift_at_most_one_fleet_in_twenty_blames_the_kernel() -> None:
    fleets = 120
    told = [one([chain(LEAK, (fleet, "x"), jumps=20)], [chain(0, fleet)]).finding for fleet in range(fleets)]
    assert set(told) <= {"one_host", "falls"}
    assert told.count("falls") <= 0.05 * fleets
