# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One hostile host harms nobody but itself: what an attacker answers, through the shipped playbooks, on each core."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from integration.attacks.connection.hostile import GOOD, PROMISE, VERDICT
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
    - name: Tell
      ansible.builtin.debug:
        msg: >-
          TOLD={{{{ [plain | list, (looped.results | first) | list, again | list, delegated | list] | to_json }}}}
    - name: Tell what Ansible knows
      ansible.builtin.debug:
        msg: >-
          VARS={{{{ [ansible_facts | list, kexec_upgrade_max_failed | default('none'), groups.all,
          hostvars['mallory'].ansible_facts | default({{}}) | list] | to_json }}}}
"""
ADDED_BY_ANSIBLE = {"changed", "failed", "ansible_loop_var", "item", "attempts", "stdout_lines", "_ansible_no_log"}


@pytest.mark.parametrize("module", ["kexec_plan_info", "kho_facts"])
def test_only_what_is_described_gets_in(world: World, module: str) -> None:
    done = world.play(EVERY_WAY.format(module=module), {"mallory": {module: poisoned(module)}})
    assert done.rc == 0
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


def test_a_hostile_host_fails_alone_and_the_others_are_upgraded(world: World) -> None:
    hosts: dict[str, Any] = {
        "web1": {},
        "mallory": {name: poisoned(name) for name in ("kexec_image", "arrive")},
        "infinite": {"arrive": json.dumps({"verdict": VERDICT}).replace('"kexec_count": 1', '"kexec_count": 1e400')},
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
