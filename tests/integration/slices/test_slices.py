# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices of one rollout, when something dies: a run, or the database that they share."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.fleet_lock.test_fleet_lock import client, held, serving
from integration.shared.world import NAME, PATIENCE, World, until, world

from bench.postgres import Cluster, private_cluster
from tools.layout import ROOT


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_cluster() as running:
        yield running


@pytest.fixture
def shared(tmp_path: Path, cluster: Cluster) -> Iterator[World]:
    cluster.sql("DROP SCHEMA public CASCADE")
    cluster.sql("CREATE SCHEMA public")
    with world(tmp_path, cluster.url) as made:
        yield made


def proven(shared: World) -> int:
    return int(shared.info()["counts"]["proven"])


def test_killed_run_loses_nothing_and_doubles_nothing(shared: World) -> None:
    ours, others = ["a1", "a2", "a3"], ["b1", "b2", "b3", "b4"]
    killed = shared.start(*ours)
    until(lambda: shared.jumps("a1") == [1])
    other = shared.start(*others)
    until(lambda: shared.jumps("a2") == [1])
    killed.kill()
    assert shared.info()["counts"]["going"] >= 1, "its host is its own"
    again = shared.start(*ours)
    assert (again.end(), other.end()) == (0, 0)
    assert shared.jumps(*ours, *others) == [1] * 7
    assert shared.info()["counts"] == {
        **{"waiting": 0, "going": 0, "failed": 0, "untouched": 0, "lost": 0},
        "proven": 7,
    }


def test_killed_canaries_are_left_to_the_next(shared: World) -> None:
    killed = shared.start("a1", "a2")
    until(lambda: shared.jumps("a1") == [1])
    killed.kill()
    other = shared.start("b1", "b2")
    assert other.end() == 0
    assert "Wave 1 of 2 of this run begins, before all others." in other.output
    assert shared.info()["canaries_proven"] is not None
    assert shared.jumps("a1", "a2", "b1", "b2") == [1, 0, 1, 1]


def test_database_that_is_killed_and_comes_back_is_waited_for(shared: World, cluster: Cluster) -> None:
    hosts = [["a1", "a2", "a3"], ["b1", "b2", "b3"], ["c1", "c2", "c3"]]
    running = [shared.start(*some) for some in hosts]
    until(lambda: "Wave 1 of 3" in running[0].output + running[1].output + running[2].output)
    until(lambda: proven(shared) >= 2)
    cluster.end(signal.SIGKILL)
    until(lambda: any("is waited for: ledger_away. No wave begins." in run.output for run in running))
    cluster.start()
    assert [run.end() for run in running] == [0, 0, 0]
    everyone = [host for some in hosts for host in some]
    assert shared.jumps(*everyone) == [1] * 9
    assert proven(shared) == 9
    assert all(one["ended"] for one in shared.info()["runs"])


def test_database_that_stays_away_stops_new_waves_and_hurts_nobody(shared: World, cluster: Cluster) -> None:
    run = shared.start("a1", "a2", "a3", rollout_patience=3)
    until(lambda: shared.jumps("a2") == [1])
    cluster.end(signal.SIGKILL)
    try:
        assert run.end() != 0
        assert '"code": "ledger_away"' in run.output
        assert "no wave begins, and hosts that are on their way are left alone" in run.output
        assert "changed: [a2]" in run.output.split("Leave the running kernel and prove the handover")[2]
        assert shared.jumps("a1", "a2", "a3") == [1, 1, 0]
    finally:
        cluster.start()
    again = shared.start("a1", "a2", "a3")
    assert again.end() == 0
    assert shared.jumps("a1", "a2", "a3") == [1, 1, 1]
    assert proven(shared) == 3


def test_paused_and_stopped_for_all_by_the_playbook(shared: World, tmp_path: Path) -> None:
    assert steer(shared, "started", why="the spring update").returncode == 0
    assert steer(shared, "paused", why="not yet").returncode == 0
    run = shared.start("a1", "a2")
    until(lambda: "has paused the rollout (not yet). No host of it is on its way." in run.output)
    assert run.runs()
    assert steer(shared, "resumed").returncode == 0
    assert run.end() == 0
    assert steer(shared, "stopped", why="The disks are late.").returncode == 0
    late = shared.start("b1")
    assert late.end() != 0
    assert "The disks are late." in late.output
    assert shared.jumps("a1", "a2", "b1") == [1, 1, 0]
    told = steer(shared, "info", page=str(tmp_path / "page.html"))
    assert f"{NAME} is stopped by " in told.stdout
    assert "The disks are late." in (tmp_path / "page.html").read_text()


def steer(shared: World, state: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook kexec_rollout."""
    given = {"name": NAME, "ledger_url": shared.url, "state": state, **options}
    extra = json.dumps({f"kexec_rollout_{name}": value for name, value in given.items()})
    argv = [sys.executable, "-m", "ansible", "playbook", "-e", extra, str(ROOT / "playbooks" / "kexec_rollout.yml")]
    return subprocess.run(argv, env=shared.environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_others_wait_for_the_gate_task_after_the_canaries(shared: World, tmp_path: Path) -> None:
    looked = tmp_path / "looked"
    waits = {
        **{"name": "Look at the canaries", "ansible.builtin.wait_for": {"path": str(looked), "timeout": PATIENCE}},
        **{"delegate_to": "localhost", "vars": {"ansible_connection": "local"}},
    }
    (tmp_path / "gate.yml").write_text(json.dumps([waits]))
    first = shared.start("a1", gate_tasks=str(tmp_path / "gate.yml"))
    until(lambda: "Look at the canaries" in first.output)
    assert proven(shared) == 1, "it is known of the host, and not yet of what has to hold"
    other = shared.start("b1")
    until(lambda: "are not proven yet. No host of it is on its way." in other.output)
    assert shared.jumps("a1", "b1") == [1, 0]
    looked.touch()
    assert (first.end(), other.end()) == (0, 0)
    assert shared.jumps("a1", "b1") == [1, 1]


def test_stop_is_heard_by_a_wave_that_waits_for_slots(shared: World, tmp_path: Path) -> None:
    assert steer(shared, "started").returncode == 0
    (tmp_path / "lock").mkdir()
    with serving(tmp_path / "lock", 1) as port:
        client(port).lock(["other"])
        run = shared.start("a1", fleet_lock_url=f"http://127.0.0.1:{port}", fleet_lock_group="web")
        until(lambda: shared.info()["counts"]["going"])
        assert steer(shared, "stopped", why="The disks are late.").returncode == 0
        client(port).unlock(["other"])
        assert run.end() != 0
    assert "none of its hosts was touched" in run.output
    assert "The disks are late." in run.output
    assert held(tmp_path / "lock") == []
    assert shared.jumps("a1") == [0]
    assert shared.info()["counts"]["untouched"] == 1


def test_gate_task_that_finds_its_host_unreachable_lets_nobody_go_on(shared: World, tmp_path: Path) -> None:
    lost = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    asks = {"name": "Ask", "ansible.builtin.command": "true", "vars": lost}
    (tmp_path / "gate.yml").write_text(json.dumps([asks]))
    run = shared.start("b1", "b2", "b3", waves=2, gate_tasks=str(tmp_path / "gate.yml"))
    assert run.end() != 0
    assert '"code": "wave_not_judged"' in run.output
    assert shared.jumps("b1", "b2", "b3") == [1, 1, 0]
    assert shared.info()["canaries_proven"] is None


def test_hook_before_a_wave_that_fails_gives_its_hosts_back_and_a_gate_task_stops_all(
    shared: World, tmp_path: Path
) -> None:
    (tmp_path / "fail.yml").write_text('[{"name": "Ask", "ansible.builtin.fail": {"msg": "An alert fires."}}]')
    hook = str(tmp_path / "fail.yml")
    kept = shared.start("a1", wave_before_tasks=hook)
    assert kept.end() != 0
    assert "none of its hosts was touched: This wave does not begin" in kept.output
    found = shared.info()
    assert (found["state"], found["counts"]["untouched"], found["counts"]["going"]) == ("running", 1, 0)
    gated = shared.start("b1", gate_tasks=hook)
    assert gated.end() != 0
    found = shared.info()
    assert (found["state"], found["why"]) == ("stopped", "An alert fires.")
    assert found["counts"]["proven"] == 1
    assert found["canaries_proven"] is None
    other = shared.start("a1", "c1")
    assert other.end() != 0
    assert "rollout_was_stopped" in other.output
    assert shared.jumps("a1", "b1", "c1") == [0, 1, 0]
