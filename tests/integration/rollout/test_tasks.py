# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout costs for each host: few tasks, and none of them skipped; what they have in common stays as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from integration.cores import CORES
from integration.fleet_lock.test_fleet_lock import serving
from integration.rollout.test_rollout import HOSTS, LOST, THERE, roll_out

from bench.rollout import UPGRADE, Simulation
from tools.layout import ROOT

AWAY = 6.0
"""Seconds for which simulated hosts are away: longer than it takes until all are told to leave and somebody looks. Who
is back by then is looked at for half a minute, since nobody knows whether it has left."""


def test_host_meets_four_tasks_and_what_nobody_asked_for_is_skipped_by_one_of_a_wave(tmp_path: Path) -> None:
    run = roll_out(tmp_path, dict.fromkeys(HOSTS, THERE), waves=(3,))
    assert run.rc == 0
    assert [run.recap(name)["ok"] for name in HOSTS[1:]] == [4, 4]
    assert [run.recap(name)["skipped"] for name in HOSTS[1:]] == [0, 0]
    assert run.recap("web1")["skipped"] > 0
    assert "run_once" not in run.output, "no warning that it changed between hosts"


@pytest.mark.parametrize(("forks", "tasks"), [(4, 4), (2, 5)])
def test_host_that_is_upgraded_meets_few_tasks_and_skips_none(tmp_path: Path, forks: int, tasks: int) -> None:
    """With a fork for each host, and in a wave that has more: hosts that leave together are waited for by one task."""
    simulation, hosts = Simulation(tmp_path / "simulated", AWAY), 4
    options = {"kexec_upgrade_waves": "100%", "kexec_upgrade_target": "7.3.4-kho"}
    simulation.cost(UPGRADE, hosts, forks, ROOT / "playbooks" / UPGRADE, options)
    output = (tmp_path / "simulated/output.txt").read_text()
    print(output)
    met = re.findall(
        r"^host0000[1-9] +: ok=(\d+) +changed=\d+ +unreachable=0 +failed=0 +skipped=(\d+)", output, re.MULTILINE
    )
    assert met == [(str(tasks), "0")] * (hosts - 1)
    assert output.count("handover_verified") >= hosts


@pytest.mark.parametrize("core", CORES)
def test_hosts_that_go_back_together_skip_nothing_for_it(tmp_path: Path, core: str) -> None:
    """The one that is skipped is for a cold boot."""
    simulation, hosts = Simulation(tmp_path / "simulated", AWAY, CORES[core] / "python"), 4
    playbook = ROOT / "playbooks/kexec_rollback.yml"
    simulation.cost("rollback", hosts, 2, playbook, {"kexec_upgrade_waves": "100%", "kexec_upgrade_max_failed": 0})
    output = (tmp_path / "simulated/output.txt").read_text()
    print(output)
    met = re.findall(r"^host0000[1-9] +: ok=(\d+) +.* failed=0 +skipped=(\d+)", output, re.MULTILINE)
    assert met == [("8", "1")] * (hosts - 1)
    assert "Wait for all hosts that go back together" in output
    assert output.count("runs 7.3.4-kho") == hosts


def test_host_whose_options_cannot_be_in_the_role_is_left_alone(tmp_path: Path) -> None:
    """What a template is there is not known before; an argument that is made of it must not fail first."""
    wrong = {**THERE, "kexec_upgrade_panic": "{{ 'soon' if role_path is defined else 10 }}"}
    (tmp_path / "failed.yml").write_text('[{"name": "Tell", "ansible.builtin.debug": {"msg": "TOLD"}}]')
    run = roll_out(tmp_path / "run", {"web1": wrong, "web2": THERE}, failed_tasks=f"{tmp_path}/failed.yml")
    assert run.rc == 2
    assert "kexec_upgrade_panic: 'soon' is not a number of seconds" in run.output
    assert run.recap("web1")["failed"] == 2, "of the first host, the gate's failure too"
    assert "TOLD" not in run.output
    assert "Undo what was staged" not in run.output
    assert "options_invalid" in run.row("web1")
    assert "already there" in run.row("web2")
    assert "Not proven: web1." in run.output


@pytest.mark.parametrize(("wrong", "kept"), [("soon", []), ("10", ["web2"])])
def test_host_that_is_not_asked_gives_its_slot_back(tmp_path: Path, wrong: str, kept: list[str]) -> None:
    """Slots are taken for the whole wave before any host's options are looked at; the lost host keeps its own."""
    panic = {**THERE, "kexec_upgrade_panic": f"{{{{ '{wrong}' if role_path is defined else 10 }}}}"}
    hosts = {"web1": panic, "web2": panic if wrong == "soon" else LOST, "web3": THERE}
    with serving(tmp_path, 3) as port:
        lock = {"fleet_lock_url": f"http://127.0.0.1:{port}", "fleet_lock_timeout": 5}
        run = roll_out(tmp_path / "run", hosts, waves=(3,), **lock)
    assert run.rc == 2
    asked = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert max(len(one["held"]) for one in asked) == 3
    assert asked[-1]["held"] == kept
    assert ("options_invalid" in run.row("web2")) == (wrong == "soon")
