# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_soak.yml over several hosts: each has a soak of its own, and the play its limits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from integration.soak.world import World

SLOW = [{"name": "Work", "ansible.builtin.wait_for": {"timeout": 60}}]


@pytest.fixture(params=CORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(CORES[request.param], tmp_path, ("web1", "web2", "web3"))


def test_hosts_that_end_at_different_jumps(world: World) -> None:
    """Side by side: one has its three jumps, one warns at the second, and one is refused before its first."""
    world.set("web2", warns_from=2)
    world.set("web3", kho=False)
    code, output = world.run(jumps=3, waves="100%")
    assert code == 2
    assert [len(world.jumps(host)) for host in world.hosts] == [3, 2, 0]
    assert [row["well"] for row in world.rows("web1")] == [True] * 3
    assert [row["well"] for row in world.rows("web2")] == [True, False]
    assert [world.kept("soak.json", host)["ended"] for host in ("web1", "web2")] == ["all_jumps", "not_well"]
    assert [(world.folder / "kexec-soak" / host / "jump-2").exists() for host in ("web1", "web2")] == [False, True]
    assert "codes.md#running_without_kho" in output
    assert "web1: 3 jumps of 3, 0 not well (all_jumps)." in output


def test_no_other_wave_follows_one_with_a_host_that_is_not_well(world: World) -> None:
    world.set("web1", warns_from=1)
    code, output = world.run(jumps=2, waves=[1, 2])
    assert (code, [len(world.jumps(host)) for host in world.hosts]) == (2, [1, 0, 0])
    assert "codes.md#rollout_stopped" in output


def test_so_many_hosts_at_once_and_some_may_fail(world: World) -> None:
    world.set("web1", warns_from=1)
    # Ansible itself ends a play after a wave in which every host has failed.
    code, output = world.run(jumps=2, waves=[2, 1], max_failed=1)
    assert (code, [len(world.jumps(host)) for host in world.hosts]) == (2, [1, 2, 2])
    # One wave after the other.
    assert output.index("web2: 2 jumps of 2") < output.index("web3: 2 jumps of 2")


def test_a_soak_that_ran_out_of_its_time_goes_on_on_each_host_where_it_was(world: World) -> None:
    usual: dict[str, Any] = {"jumps": 3, "waves": "100%"}
    assert world.run(**usual, time_limit="1s")[0] == 2, "it began a jump later than a second after its beginning"
    assert [len(world.jumps(host)) for host in world.hosts] == [0, 0, 0]
    assert world.run(jumps=2, waves="100%")[0] == 0
    for host, rows in (("web1", 1), ("web2", 2), ("web3", 2)):
        file = world.folder / "kexec-soak" / host / "soak.json"
        stored = world.kept("soak.json", host)
        file.write_text(json.dumps({**stored, "jumps": 3, "ended": "time_limit", "rows": stored["rows"][:rows]}))
    state = world.of("web3")
    world.set("web3", **{**state, "warns_from": 3})
    assert world.run(**usual)[0] == 2
    assert [len(world.jumps(host)) for host in world.hosts] == [4, 3, 3]
    assert [[row["well"] for row in world.rows(host)] for host in world.hosts] == [
        [True] * 3,
        [True] * 3,
        [True, True, False],
    ]


def test_no_jump_begins_while_the_window_is_closed(world: World) -> None:
    closed = [time.strftime("%H:%M", time.gmtime(time.time() + later)) for later in (7200, 7260)]
    window = json.dumps({"kexec_upgrade_window": [{"from": closed[0], "to": closed[1]}]})
    code, _output = world.run("-e", window, jumps=2, waves="100%")
    assert (code, [len(world.jumps(host)) for host in world.hosts]) == (2, [0, 0, 0])
    assert [world.kept("soak.json", host)["ended"] for host in world.hosts] == ["time_limit"] * 3


def test_two_runs_on_the_same_hosts(world: World) -> None:
    (world.folder / "slow.yml").write_text(json.dumps(SLOW))
    with world.begin(jumps=2, waves="100%", workload_tasks="slow.yml") as first:
        deadline = time.monotonic() + 120
        while not all(world.jumps(host) for host in world.hosts):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        code, output = world.run(jumps=2, waves="100%")
        assert code == 2
        assert output.count("codes.md#soak_locked") >= 3
        first.kill()
        first.communicate()
    assert world.run(jumps=2, waves="100%")[0] == 0
