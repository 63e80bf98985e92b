# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kexec_reboot against hosts that really vanish. Needs root, for namespaces, and openssh-server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.reboot.world import STORIES

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WORLD_TIMEOUT = 150
"""Seconds. A hang is what this is about, so it must end as a failure."""
LATENESS_LIMIT = 60.0
"""Seconds between the host's first answer and the question for its verdict. Without ServerAliveInterval, it is for
ever. All hosts jump at the same time, so a busy machine is slow by itself, and those that are waited for together
are asked when all are back or given up; `-rA` shows how late each was."""

COMING_BACK = [story.name for story in STORIES if story.back_after is not None]

ALONE = """\
        - name: Jump
          kho.kexec.kexec_reboot:
            timeout: "{{ 12 if inventory_hostname.startswith('never') else 60 }}"
          register: jump
"""
TOGETHER = """\
        - name: Leave
          kho.kexec.kexec_reboot:
            wait: false
          register: jump
        - name: Wait
          kho.kexec.kexec_await:
            registered: jump
            timeout: 26
          register: awaited
          run_once: true
        - name: Keep who is not back
          ansible.builtin.copy:
            content: "{{ awaited | to_json }}"
            dest: "{{ playbook_dir }}/awaited.json"
            mode: "0600"
          delegate_to: localhost
          run_once: true
          vars:
            ansible_connection: local
        - name: Prove
          kho.kexec.kexec_reboot:
            left: "{{ jump.left }}"
            timeout: "{{ 12 if inventory_hostname.startswith('never') else 60 }}"
          register: jump
"""
WAYS = {"alone": (ALONE, 8), "together": (TOGETHER, 3)}
"""The tasks, and Ansible's forks: together, hosts need not have one each."""

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Leave a shared connection behind, which knows nothing of vanishing hosts
      ansible.builtin.raw: "true"
    - name: Jump and keep the result
      block:
{tasks}
      always:
        - name: Keep the result
          ansible.builtin.copy:
            content: "{{{{ jump | to_json }}}}"
            dest: "{{{{ playbook_dir }}}}/result-{{{{ inventory_hostname }}}}.json"
            mode: "0600"
          delegate_to: localhost
          vars:
            ansible_connection: local
"""

SSH_CONFIG = """\
Host *
  IdentityFile {directory}/user_key
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
Host {behind}
  ProxyJump root@127.0.0.1:2222
"""


def lay_out(directory: Path, tasks: str) -> None:
    """Write what the world needs into ``directory``; its hosts jump by ``tasks``."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    collection = directory / "collections/ansible_collections/kho/kexec/plugins"
    collection.mkdir(parents=True)
    for part in ("action", "plugin_utils", "module_utils"):
        (collection / part).symlink_to(ROOT / "plugins" / part)
    (collection / "modules").mkdir()
    (collection / "modules/kexec_reboot.py").symlink_to(HERE / "stand_in/kexec_reboot.py")
    (collection / "modules/kexec_await.py").symlink_to(ROOT / "plugins/modules/kexec_await.py")
    hosts: dict[str, Any] = {}
    for number, story in enumerate(STORIES, start=1):
        hosts[story.name] = {"ansible_host": f"10.77.{number}.2", "ansible_pipelining": story.pipelining}
    behind = next(hosts[story.name]["ansible_host"] for story in STORIES if story.jump_host)
    (directory / "ssh_config").write_text(SSH_CONFIG.format(directory=directory, behind=behind))
    variables = {
        "ansible_user": "root",
        "ansible_ssh_common_args": f"-F {directory}/ssh_config",
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(directory / "remote"),
    }
    (directory / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    (directory / "playbook.yml").write_text(PLAYBOOK.format(tasks=tasks))


@pytest.fixture(scope="module", params=WAYS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("world")
    tasks, forks = WAYS[request.param]
    lay_out(directory, tasks)
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv = ["setpriv", "--pdeathsig", "KILL", *unshare, sys.executable, str(HERE / "world.py"), str(directory)]
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(directory / "collections"),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    with (directory / "output.log").open("wb") as output:
        subprocess.run(
            argv,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=WORLD_TIMEOUT,
            check=True,
        )
    print((directory / "output.log").read_text())
    report: dict[str, Any] = json.loads((directory / "world.json").read_text())
    for name, seen in report["hosts"].items():
        seen["result"] = json.loads((directory / f"result-{name}.json").read_text())
    report["remote_tmp"] = directory / "remote"
    report["awaited"] = directory / "awaited.json"
    return report


@pytest.mark.parametrize("name", COMING_BACK)
def test_host_that_comes_back_is_noticed_soon(world: dict[str, Any], name: str) -> None:
    seen = world["hosts"][name]
    result = seen["result"]
    assert result["failed"] is False
    assert result["verdict"]["verdict"] == "handover_verified"
    assert result["rebooted"] is True
    assert result["boot_id_before"] != result["boot_id_after"]
    lateness = float(result["verdict"]["evidence"]["source"]) - seen["back_at"]
    print(f"{name}: late by {lateness:.2f} s")
    assert lateness < LATENESS_LIMIT


@pytest.mark.parametrize("name", COMING_BACK)
def test_measured_outage_holds_the_real_one(world: dict[str, Any], name: str) -> None:
    seen = world["hosts"][name]
    result = seen["result"]
    real = seen["back_at"] - seen["gone_at"]
    print(f"{name}: away for {real:.2f} s, measured {result['outage_seconds']} s, {result['probe']}")
    assert result["outage_seconds"] >= real - 0.1
    assert result["outage_seconds"] - result["probe"]["resolution_seconds"] <= real + 0.1


def test_jump_host_is_found_and_reported(world: dict[str, Any]) -> None:
    probe = world["hosts"]["behind_jump_host"]["result"]["probe"]
    assert probe["route"] == "banner"
    assert "ProxyJump" in probe["detour"]


def test_direct_host_is_watched_by_its_banner(world: dict[str, Any]) -> None:
    probe = world["hosts"]["back_late"]["result"]["probe"]
    assert probe["route"] == "banner"
    assert probe["seen_down"] is True


def test_host_that_never_comes_back_has_failed_and_is_not_unreachable(world: dict[str, Any]) -> None:
    result = world["hosts"]["never_back"]["result"]
    assert result["failed"] is True
    assert "unreachable" not in result
    assert result["verdict"]["verdict"] == "unreachable"
    assert result["rebooted"] is None
    assert 12 <= result["elapsed_seconds"] < 75


def test_host_that_never_leaves_is_not_rebooted(world: dict[str, Any]) -> None:
    result = world["hosts"]["never_gone"]["result"]
    assert result["failed"] is True
    assert result["verdict"]["verdict"] == "not_rebooted"
    assert result["rebooted"] is False
    assert 12 <= result["elapsed_seconds"] < 75


def test_no_copied_files_are_left_behind(world: dict[str, Any]) -> None:
    # All hosts share the file system of this machine; Ansible's directory for temporary files is set below the test's.
    assert world["hosts"]["copied_files"]["result"]["failed"] is False
    assert list(Path(world["remote_tmp"]).iterdir()) == []


@pytest.mark.parametrize("world", ["together"], indirect=True)
def test_hosts_that_are_waited_for_together_are_told_from_others(world: dict[str, Any]) -> None:
    awaited = json.loads(world["awaited"].read_text())
    assert awaited["hosts"] == len(STORIES)
    assert awaited["not_back"]["never_back"] == awaited["not_back"]["behind_jump_host"] == "absent"
    assert awaited["not_back"]["never_gone"] == "unsure"
    # The others may be back before everybody has left.
    assert "back_late" not in awaited["not_back"]


def test_run_ends_with_failed_hosts_and_without_unreachable_ones(world: dict[str, Any]) -> None:
    """ansible-playbook ends with 2 for failed hosts, with 4 for unreachable ones."""
    assert world["rc"] == 2
