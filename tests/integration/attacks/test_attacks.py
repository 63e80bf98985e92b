# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One hostile host harms nobody but itself: what an attacker answers, through the shipped playbooks, on each core."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from integration.attacks.connection.hostile import BOOT_IDS, GOOD, PROMISE, VERDICT
from integration.attacks.world import PLAYBOOKS, World
from integration.cores import CORES

ESCAPES = "\x1b]0;owned\x07\x1b[2J{{ 1 + 1 }}\r\nfaked line"
FACTS = {
    "kexec_upgrade_max_failed": 1000,
    "kexec_upgrade_verify_tasks": "/nonexistent/of-the-attacker.yml",
    "kexec_upgrade_ledger": True,
    "kexec_upgrade_ledger_url": "postgresql://attacker.example/x",
    "ansible_connection": "local",
    "ansible_become_exe": "/nonexistent/become",
    "kexec_upgrade_result": {"accepted": True},
}
# All that Ansible acts on in a result.
ACTED_ON: dict[str, Any] = {
    "ansible_facts": FACTS,
    "ansible_stats": {"data": {"owned": 1}, "aggregate": False, "per_host": False},
    "add_host": {"host_name": "planted", "groups": [], "host_vars": {}},
    "add_group": "planted",
    "results": [{"ansible_facts": FACTS}],
    "_ansible_notify": ["planted"],
    "_ansible_delegated_vars": {"ansible_delegated_host": "localhost"},
    "_ansible_no_log": True,
    "_ansible_verbose_always": True,
    "unreachable": True,
    "skipped": True,
    "invocation": {"module_args": {"password": ESCAPES}},
    "stdout": ESCAPES,
    "deprecations": [{"msg": ESCAPES, "version": "1"}],
    "ansible_job_id": "../../x",
    "exception": ESCAPES,
    "host": "victim",
    "left": {"port": {"address": "192.0.2.66", "port": 22, "connect_timeout": 1e9}},
}


@pytest.fixture(params=list(CORES), ids=list(CORES))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(tmp_path, CORES[request.param])


def poisoned(module: str) -> dict[str, Any]:
    """Return the answer of a host that does well, with all that Ansible acts on added."""
    return {"changed": True, **GOOD[module], **ACTED_ON, **keeps_facts(module)}


def keeps_facts(module: str) -> dict[str, Any]:
    return {"ansible_facts": {**FACTS, **GOOD[module]["ansible_facts"]}} if module == "kho_facts" else {}


EVERY_WAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Plainly
      kho.kexec.{module}:
      register: plain
    - name: In a loop
      kho.kexec.{module}:
      loop: [1, 2]
      register: looped
    - name: Until it is well
      kho.kexec.{module}:
      register: again
      until: again is not failed
      retries: 2
      delay: 0
    - name: For another
      kho.kexec.{module}:
      delegate_to: mallory
      delegate_facts: true
      register: delegated
    - name: As a job in the background
      kho.kexec.{module}:
      async: 20
      poll: 1
      register: job
    - name: Tell
      ansible.builtin.debug:
        msg: >-
          TOLD={{{{ [plain | list, (looped.results | first) | list, again | list, delegated | list, job | list]
          | to_json }}}}
    - name: Tell what Ansible knows
      ansible.builtin.debug:
        msg: >-
          VARS={{{{ [ansible_facts | list, kexec_upgrade_max_failed | default('none'), groups.all,
          hostvars['mallory'].ansible_facts | default({{}}) | list] | to_json }}}}
"""
ADDED_BY_ANSIBLE = {"changed", "failed", "ansible_loop_var", "item", "attempts", "stdout_lines", "_ansible_no_log"}


@pytest.mark.parametrize("module", ["kexec_plan_info", "kho_facts"])
def test_only_what_is_described_gets_in(world: World, module: str) -> None:
    job = {"ansible_job_id": "j1.1", "started": 1, "finished": 0}
    answers = {
        module: poisoned(module),
        "async_wrapper": {**ACTED_ON, **job},
        "async_status": {**poisoned(module), **job, "finished": 1},
    }
    done = world.play(EVERY_WAY.format(module=module), {"mallory": answers})
    assert done.rc == 0
    assert "async_status" in done.asked("mallory")
    for keys in done.told("TOLD"):
        assert set(keys) - ADDED_BY_ANSIBLE == {*GOOD[module]}
    facts, budget, hosts, delegated = done.told("VARS")
    expected = ["kho"] if module == "kho_facts" else []
    assert (facts, budget, hosts, delegated) == (expected, "none", ["mallory"], expected)
    assert "\x1b" not in done.output


def test_facts_cannot_be_options(world: World) -> None:
    """Not even those of another's module: Ansible's own `setup` brings what a host likes."""
    tasks = "- hosts: mallory\n  gather_facts: true\n- ansible.builtin.import_playbook: "
    hosts = {"mallory": {"setup": {"ansible_facts": FACTS}}, "web1": {}, "web2": {}}
    options = {"kexec_upgrade_waves": [1, 2], "kexec_upgrade_timeout": 3}
    done = world.play(f"{tasks}{PLAYBOOKS}/kexec_upgrade.yml\n", hosts, options)
    assert done.rc == 2
    assert "options_from_host" in done.output
    assert done.asked("mallory") == ["setup"]
    # The budget is still none: the wave that the host fails in is the last.
    assert done.asked("web1") == done.asked("web2") == []


def test_prepared_host_cannot_choose_options_between_tasks(world: World) -> None:
    """Modules of ansible-core bring what a host likes: here, that it may be cold-booted."""
    lacks = {"code": "debugfs_missing", "message": "It is not mounted.", "remedy": "debugfs"}
    look = {"ready": False, "missing": [lacks], "packages": [], "arguments": [], "cold_boot_needed": True, "notes": []}
    chosen = {"changed": True, "ansible_facts": {"kexec_prepare_allow_cold_boot": True}}
    done = world.play(
        PLAYBOOKS / "kexec_prepare.yml", {"mallory": {"kexec_prepare_info": look, "systemd_service": chosen}}
    )
    assert done.rc == 2
    assert "options_from_host" in done.output
    assert done.asked("mallory") == ["kexec_prepare_info", "systemd_service"]
    assert "Cold-boot the host" not in done.output


def test_a_hostile_host_fails_alone_and_the_others_are_upgraded(world: World) -> None:
    hosts: dict[str, Any] = {
        "web1": {},
        "mallory": {name: poisoned(name) for name in ("kexec_image", "verify")},
        "infinite": {"verify": json.dumps({"verdict": VERDICT}).replace('"kexec_count": 1', '"kexec_count": 1e400')},
        "garbled": {"kexec_image": "no JSON " + ESCAPES},
        "patient": {"leave": {"promise": PROMISE, "guard": {"confirm_timeout": 10**9}}},
        "liar": {"leave": {"failed": True, "msg": ESCAPES, "code": "x", "left": ACTED_ON["left"]}},
        "wrong": {"kexec_image": {"plan": [], "running": 1}},
        "web2": {},
    }
    done = world.roll_out(hosts, [len(hosts)], max_failed=5, guard="off")
    assert done.outcomes() == {
        **dict.fromkeys(("web1", "mallory", "web2"), "done"),
        **dict.fromkeys(("infinite", "garbled", "liar", "wrong"), "failed"),
        # It was told to leave.
        "patient": "unknown",
    }
    assert done.results()["run"]["state"] == "finished"
    assert "KERNEL ROLLOUT" in done.output
    assert "\x1b" not in done.output
    assert "Traceback" not in done.output
    codes = {host["name"]: host["code"] for host in done.results()["hosts"]}
    assert {codes[name] for name in ("infinite", "garbled", "patient", "wrong")} == {"answer_invalid"}
    assert done.seconds < 60
    assert "192.0.2.66" not in done.output


def test_the_budget_and_the_ledger_stay_those_of_the_play(world: World) -> None:
    """One host changes options, another brings what cannot be recorded, a third names somebody else."""
    ledger = world.folder / "ledger.db"
    hosts: dict[str, Any] = {
        "web1": {},
        "mallory": {name: poisoned(name) for name in GOOD if name != "leave"},
        "infinite": {"verify": json.dumps({**poisoned("verify"), "outage_seconds": "X"}).replace('"X"', "1e400")},
        "wrong": {"verify": {"verdict": {**VERDICT, "accepted": "yes"}}},
        "last": {},
        "web2": {},
        "victim": {},
    }
    more = {"guard": "off", "ledger": True, "ledger_url": f"sqlite:///{ledger}"}
    done = world.roll_out(hosts, [5, 2], **more)
    assert done.rc == 2
    assert done.asked("web2") == done.asked("victim") == []
    assert done.outcomes() == {
        **dict.fromkeys(("web1", "mallory", "infinite", "last"), "done"),
        "wrong": "failed",
        **dict.fromkeys(("web2", "victim"), "untouched"),
    }
    assert done.results()["run"]["state"] == "stopped"
    with sqlite3.connect(ledger) as connection:
        recorded = dict(connection.execute("SELECT host, verdict FROM transitions"))
    proven = dict.fromkeys(("web1", "mallory", "infinite", "last"), "handover_verified")
    assert {name: verdict for name, verdict in recorded.items() if name != "wrong"} == proven
    assert "attacker.example" not in done.output


def test_no_host_says_where_the_controller_connects_to(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        port = {"address": "127.0.0.1", "port": trap.getsockname()[1], "connect_timeout": 5}
        left = {"boot_id": BOOT_IDS[0], "at": 1.0, "port": port}
        hosts = {
            "fails": {"leave": {"failed": True, "msg": "x", "code": "x", "left": left, "port": port}},
            "leaves": {"leave": {"changed": True, **GOOD["leave"], "left": left, "port": port}},
        }
        done = world.roll_out(hosts, [2], max_failed=5, guard="off")
        assert done.outcomes()["leaves"] == "done"
        with pytest.raises(BlockingIOError):
            trap.accept()
