# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbook side by side that share one rollout: a failure in one stops all before their next wave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.shared.world import World, world


@pytest.fixture
def shared(tmp_path: Path, url: str) -> Iterator[World]:
    with world(tmp_path, url) as made:
        yield made


def slice_of(name: str, number: int) -> list[str]:
    return [f"{name}{index}" for index in range(1, number + 1)]


def test_failure_in_one_run_stops_the_others_before_their_next_wave(shared: World) -> None:
    others = [slice_of("b", 7), slice_of("c", 7)]
    failing = shared.start("a1", "a2", "a3", lost=["a2"])
    running = [shared.start(*hosts) for hosts in others]
    assert failing.end() != 0
    assert [run.end() != 0 for run in running] == [True, True]
    assert "Not proven: a2." in failing.output
    for run in running:
        # Before its next wave, or after the one that was on its way.
        assert '"code": "rollout_was_stopped"' in run.output or '"code": "rollout_stopped"' in run.output
        assert "Failed in all runs: 1; allowed: 0 (max_failed)." in run.output
    found = shared.info()
    hosts = ["a1", "a3", *others[0], *others[1]]
    jumps = shared.jumps(*hosts)
    assert set(jumps) <= {0, 1}, "nobody jumps twice"
    assert shared.jumps("a3", "b7", "c7") == [0, 0, 0]
    assert found["counts"]["proven"] == sum(jumps)
    assert found["counts"]["failed"] == 1
    assert found["counts"]["going"] == found["counts"]["lost"] == 0
    assert len(found["canaries"]) == 1


def test_jumps_that_do_harm_in_one_run_stop_the_others(shared: World) -> None:
    gate = {"ledger": True, "ledger_gate": "no_worse"}
    slices = [slice_of(name, 4) for name in "ab"]
    for hosts in slices:
        shared.dies(hosts[1])
    running = [shared.start(*hosts, **gate) for hosts in slices]
    assert [run.end() != 0 for run in running] == [True] * 2
    found = shared.info()
    assert found["state"] == "stopped"
    assert found["why"].startswith("jumped_hosts_worse: Since ")
    assert "times as often are possible. Evidence " in found["why"]
    assert [one["what"] for one in found["events"]].count("jumped_hosts_worse") == 1
    assert found["counts"]["failed"] == found["counts"]["going"] == 0, "each host was proven; only its history tells"
    finders = [run for run in running if "codes.md#jumped_hosts_worse" in run.output]
    assert len(finders) >= 1
    for run in running:
        assert run in finders or "codes.md#rollout_was_stopped" in run.output
    # Of a wave that was on its way, nothing is undone; the next one does not begin.
    last = [hosts[-1] for hosts in slices]
    assert shared.jumps(*last) == [0, 0]
    assert found["counts"]["proven"] == sum(shared.jumps(*(host for hosts in slices for host in hosts)))


def test_harmless_jumps_go_on_to_the_end(shared: World) -> None:
    gate = {"ledger": True, "ledger_gate": "no_worse"}
    slices = [slice_of(name, 1) for name in "ab"]
    running = [shared.start(*hosts, **gate) for hosts in slices]
    assert [run.end() for run in running] == [0, 0]
    assert shared.info()["counts"]["proven"] == 2


def test_late_slice_joins_and_one_that_differs_does_not(shared: World) -> None:
    first = shared.start("a1", "a2")
    assert first.end() == 0
    differs = shared.start("b1", target="latest")
    late = shared.start("c1", "c2", waves=2)
    assert differs.end() != 0
    assert late.end() == 0
    assert "rollout_differs" in differs.output
    assert "kexec_upgrade_target is 'latest' here, and '7.3.4-kho' in the rollout" in differs.output
    assert "Wave 1 of 2 of this run begins, before all others." in first.output
    assert "before all others" not in late.output
    assert shared.jumps("a1", "a2", "b1", "c1", "c2") == [1, 1, 0, 1, 1]
    found = shared.info()
    assert found["counts"]["proven"] == 4
    assert [one["ended"] is not None for one in found["runs"]] == [True, True]
    assert found["canaries"] == ["a1"]
