# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_soak.yml over a simulated host, which jumps, warns and refuses as its file says; with each core."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from integration.soak.world import NEW, OLD, World
from unit.support.cases import more

WORKLOAD = [{"name": "Work", "ansible.builtin.debug": {"msg": "WORKED"}}]
LOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
KILLING = [{"name": "Die", "ansible.builtin.set_fact": LOST}, {"name": "Work", "ansible.builtin.ping": {}}]
FORGING = [{"name": "Forge", "ansible.builtin.set_fact": {"kexec_soak_ledger_url": "x", "cacheable": True}}]
FAILING = [{"name": "Work", "ansible.builtin.fail": {"msg": "It does not work."}}]
HOOKS = {"workload": WORKLOAD, "failing": FAILING, "killing": KILLING, "forging": FORGING}


@pytest.fixture(params=CORES)
def soaked(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    for name, tasks in HOOKS.items():
        (tmp_path / f"{name}.yml").write_text(json.dumps(tasks))
    return World(CORES[request.param], tmp_path)


def test_three_jumps_to_the_running_kernel_and_work_after_each(soaked: World) -> None:
    code, output = soaked.run(jumps=3, workload_tasks="workload.yml")
    assert code == 0
    assert soaked.jumps() == [[OLD, OLD]] * 3
    assert [(row["kexec_count"], row["well"], row["symptoms"]) for row in soaked.rows()] == [
        (count, True, []) for count in (1, 2, 3)
    ]
    assert all(row["free_bytes"] and row["slab_bytes"] for row in soaked.rows())
    assert output.count("WORKED") == 3
    assert "web1: 3 jumps of 3, 0 not well (all_jumps)." in output


def test_kernels_in_turns_and_the_one_that_runs_is_started_anew(soaked: World) -> None:
    assert soaked.run(jumps=3, targets=[OLD, NEW])[0] == 0
    assert soaked.jumps() == [[OLD, OLD], [OLD, NEW], [NEW, OLD]]


def test_a_kernel_that_warns_from_a_chain_of_two_on_ends_it_with_evidence(soaked: World) -> None:
    soaked.set(warns_from=2)
    code, output = soaked.run(jumps=4)
    assert (code, len(soaked.jumps())) == (2, 2)
    assert "The first that was not well is jump 2 to 7.2.13-kho (count 2): kernel_warning." in output
    evidence = soaked.folder / "kexec-soak/web1/jump-2"
    assert json.loads((evidence / "health.json").read_text())["troubles"][0]["code"] == "kernel_warning"
    assert {"result.json", "history.json"} <= {path.name for path in evidence.iterdir()}
    assert not (soaked.folder / "kexec-soak/web1/jump-1").exists()


def test_it_goes_on_and_counts(soaked: World) -> None:
    soaked.set(lost_at=2)
    assert soaked.run(jumps=3, keep_going=True)[0] == 2
    assert [(row["well"], row["failure"]) for row in soaked.rows()] == [
        (True, None),
        (False, "unexpected_count"),
        (True, None),
    ]


def test_work_that_fails_is_a_jump_that_was_not_well(soaked: World) -> None:
    assert soaked.run(jumps=3, workload_tasks="failing.yml")[0] == 2
    assert [row["failure"] for row in soaked.rows()] == ["task_failed"]


def test_another_run_goes_on(soaked: World) -> None:
    assert soaked.run(jumps=1)[0] == 0
    file = soaked.folder / "kexec-soak/web1/soak.json"
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "jumps": 3, "ended": None}))
    assert soaked.run(jumps=3)[0] == 0
    assert [row["number"] for row in soaked.rows()] == [1, 2, 3]
    assert len(soaked.jumps()) == 3


@pytest.mark.parametrize(
    ("options", "state", "code"),
    [
        ({"jumps": 0}, {}, "options_invalid"),
        ({"targets": [NEW, "7.9.9"]}, {}, "target_not_found"),
        *more(
            ({"targets": []}, {}, "options_invalid"),
            ({}, {"kho": False}, "running_without_kho"),
            ({"workload_tasks": "nowhere.yml"}, {}, "hook_missing"),
            ({"jmups": 3}, {}, "option_unknown"),
        ),
    ],
)
def test_bad_input_touches_nothing(soaked: World, options: dict[str, Any], state: dict[str, Any], code: str) -> None:
    soaked.set(**state)
    status, output = soaked.run(**options)
    assert (status, soaked.jumps()) == (2, [])
    assert f"codes.md#{code}" in output


def test_a_target_that_would_count_before_all_jumps_is_refused(soaked: World) -> None:
    status, output = soaked.run("-e", f"kexec_upgrade_target={NEW}")
    assert (status, soaked.jumps()) == (2, [])
    assert "codes.md#soak_target_given" in output


def test_check_mode_only_plans(soaked: World) -> None:
    assert soaked.run("--check", jumps=3)[0] == 0
    assert soaked.jumps() == []
    assert not (soaked.folder / "kexec-soak").exists()


def test_the_ledger_knows_the_jumps_and_the_boots(soaked: World) -> None:
    path = soaked.folder / "ledger.db"
    assert soaked.run(jumps=2, ledger=True, ledger_url=f"sqlite:///{path}")[0] == 0
    with sqlite3.connect(path) as connection:
        jumps = connection.execute("SELECT host, from_release, to_release, kexec_count, verdict FROM transitions")
        assert sorted(jumps) == [("web1", OLD, OLD, count, "handover_verified") for count in (1, 2)]
        assert connection.execute("SELECT count(*) FROM boots").fetchone()[0] == 2
        measured = connection.execute("SELECT measure, count(*) FROM measures NATURAL JOIN boots GROUP BY 1 ORDER BY 1")
        # How long this machine took to boot is known where systemd is.
        told = {name: number for name, number in measured if name != "boot_seconds"}
        assert told == dict.fromkeys(("cma_free_bytes", "free_bytes", "outage_seconds", "slab_bytes"), 2)


def test_work_that_ends_the_kernel_is_counted(soaked: World) -> None:
    code, output = soaked.run(jumps=3, workload_tasks="killing.yml")
    assert code == 2
    assert [(row["number"], row["well"]) for row in soaked.rows()] == [(1, False)]
    assert "web1: 1 jump of 3, 1 not well (not_well)." in output


def test_a_host_cannot_choose_what_is_soaked(soaked: World) -> None:
    """What a module of ansible-core brings as facts beats the inventory."""
    code, output = soaked.run(jumps=2, workload_tasks="forging.yml")
    assert code == 2
    assert len(soaked.jumps()) == 1
    assert "options_from_host" in output
