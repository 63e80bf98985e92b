# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three workers of ansible-runner side by side, as AWX and Receptor have them: transmit | worker | process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from integration.shared.world import PATIENCE, World, world

from bench.postgres import private_cluster

PLAYBOOK = "- ansible.builtin.import_playbook: kho.kexec.kexec_upgrade\n"
RUNNER = [sys.executable, "-m", "ansible_runner"]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[World]:
    with private_cluster() as cluster, world(tmp_path, cluster.url) as made:
        yield made


class Worker:
    """One slice: what is sent, what a worker makes of it elsewhere, and what comes back."""

    def __init__(self, shared: World, folder: Path, hosts: Sequence[str], lost: Sequence[str] = ()) -> None:
        sent = folder / "sent"
        for part in ("inventory", "project", "env"):
            (sent / part).mkdir(parents=True)
        (sent / "inventory" / "hosts.json").write_text(json.dumps(shared.inventory(hosts, lost)))
        (sent / "project" / "upgrade.yml").write_text(PLAYBOOK)
        (sent / "env" / "extravars").write_text(json.dumps(shared.options()))
        self._back = folder / "back"
        words = (
            ["transmit", str(sent), "-p", "upgrade.yml"],
            ["worker", "--private-data-dir", str(folder / "worker")],
            ["process", str(self._back)],
        )
        given: Any = subprocess.DEVNULL
        for part in words:
            self._last = shared.process([*RUNNER, *part], stdin=given, stdout=subprocess.PIPE, cwd=folder)
            given = self._last.stdout

    def end(self) -> tuple[int, str]:
        """Wait for its end; returns the playbook's exit code, as it came back, and what it said."""
        self._last.communicate(timeout=PATIENCE)
        artifacts = self._back / "artifacts"
        said = (artifacts / "stdout").read_text()
        print(said)
        return int((artifacts / "rc").read_text()), said


def test_three_workers_share_one_rollout(shared: World, tmp_path: Path) -> None:
    slices = [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]]
    workers = [Worker(shared, tmp_path / hosts[0], hosts) for hosts in slices]
    assert [worker.end()[0] for worker in workers] == [0, 0, 0]
    everyone = [host for hosts in slices for host in hosts]
    assert shared.jumps(*everyone) == [1] * 6
    found = shared.info()
    assert found["counts"]["proven"] == 6
    assert len(found["runs"]) == 3
    assert len(found["canaries"]) == 1


def test_failure_in_one_worker_stops_the_others(shared: World, tmp_path: Path) -> None:
    failing = Worker(shared, tmp_path / "a1", ["a1", "a2"], lost=["a2"])
    hosts = [[f"{name}{number}" for number in range(7)] for name in "bc"]
    others = [Worker(shared, tmp_path / some[0], some) for some in hosts]
    assert failing.end()[0] != 0
    for code, said in [worker.end() for worker in others]:
        assert code != 0
        assert "Failed in all runs: 1; allowed: 0 (max_failed)." in said
    assert shared.jumps("b6", "c6") == [0, 0]
    jumps = shared.jumps("a1", *hosts[0], *hosts[1])
    assert set(jumps) <= {0, 1}
    assert shared.info()["counts"]["proven"] == sum(jumps)
