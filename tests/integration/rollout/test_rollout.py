# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_upgrade.yml: one host that is not proven ends the rollout with its wave, however it was lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

THERE: dict[str, Any] = {"ansible_connection": "local"}
REFUSED: dict[str, Any] = {"ansible_connection": "local", "kexec_upgrade_target": "refused"}
# kexec_reboot refuses the local connection, so that this host fails between staging and the jump.
STUCK: dict[str, Any] = {"ansible_connection": "local", "kexec_upgrade_target": "staged"}
LOST: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}

AFTERWARDS = "TASK [Afterwards]"

REPORT = """\
- ansible.builtin.import_playbook: {root}/playbooks/kexec_upgrade.yml
- hosts: localhost
  gather_facts: false
  connection: local
  tasks:
    - name: Afterwards
      ansible.builtin.debug:
        msg: "RESULTS {{{{ hostvars['web1']['kexec_upgrade_result'] | to_json }}}}"
"""


@dataclass
class Run:
    """What a run of the playbook said."""

    rc: int
    output: str

    def ran_on(self, host: str) -> bool:
        return re.search(rf"^(ok|changed|fatal): \[{host}\]", self.output, re.MULTILINE) is not None

    def recap(self, host: str) -> dict[str, int]:
        (line,) = re.findall(rf"^{host} +: (.*)$", self.output, re.MULTILINE)
        return {key: int(value) for key, value in (word.split("=") for word in line.split())}

    def row(self, host: str) -> str:
        (line,) = re.findall(rf"^{host} .* {{2}}.*$", self.output.split("KERNEL ROLLOUT")[1], re.MULTILINE)
        return str(line)


def roll_out(directory: Path, hosts: dict[str, dict[str, Any]], *arguments: str, waves: tuple[int, ...] = (2,)) -> Run:
    """Run the playbook over ``hosts`` in order, in waves of 2 unless ``waves`` says otherwise."""
    collection = directory / "collections/ansible_collections/kho/kexec"
    (collection / "plugins/modules").mkdir(parents=True)
    for part in ("action", "callback", "plugin_utils", "module_utils"):
        (collection / "plugins" / part).symlink_to(ROOT / "plugins" / part)
    (collection / "plugins/modules/kexec_image.py").symlink_to(HERE / "stand_in/kexec_image.py")
    (collection / "plugins/modules/kexec_reboot.py").symlink_to(ROOT / "plugins/modules/kexec_reboot.py")
    for name in ("kexec_guard", "boot_default", "kexec_commit"):
        (collection / f"plugins/modules/{name}.py").symlink_to(HERE / "stand_in/obliging.py")
    (collection / "roles").symlink_to(ROOT / "roles")
    variables = {
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(directory / "remote"),
    }
    (directory / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    (directory / "playbook.yml").write_text(REPORT.format(root=ROOT))
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(directory / "collections"),
        "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_NOCOLOR": "1",
    }
    extra = json.dumps({"kexec_upgrade_waves": list(waves)})
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.yml", "-e", extra, "playbook.yml", *arguments]
    done = subprocess.run(
        argv,
        cwd=directory,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    print(done.stdout)
    return Run(done.returncode, done.stdout)


def test_every_wave_follows_when_all_are_proven(tmp_path: Path) -> None:
    run = roll_out(tmp_path, dict.fromkeys(("web1", "web2", "web3"), THERE))
    assert run.rc == 0
    assert all(run.recap(name)["failed"] == 0 for name in ("web1", "web2", "web3"))
    (results,) = re.findall(r'"msg": "RESULTS (.*)"', run.output)
    assert json.loads(results.replace('\\"', '"')) == {
        "host": "web1",
        "from": "7.3.4-kho",
        "to": "7.3.4-kho",
        "action": "none",
        "promised": None,
        "reported": None,
        "verdict": None,
        "accepted": True,
        "committed": True,
        "rolled_back_to": None,
        "code": None,
        "boot_id_left": None,
        "outage_seconds": None,
    }


@pytest.mark.parametrize(
    ("loss", "code"), [(LOST, "unreachable"), (REFUSED, "kexec_disabled"), (STUCK, "connection_local")]
)
def test_one_unproven_host_stops_the_rollout_after_its_wave(tmp_path: Path, loss: dict[str, Any], code: str) -> None:
    run = roll_out(tmp_path, {"web1": THERE, "web2": loss, "web3": THERE, "web4": THERE})
    assert run.rc != 0
    assert AFTERWARDS not in run.output
    assert not run.ran_on("web3")
    assert not run.ran_on("web4")
    assert "Not proven: web2." in run.output
    assert "Untouched: web3 web4." in run.output
    assert code in run.row("web2")


def test_wave_that_is_lost_as_a_whole_stops_the_rollout(tmp_path: Path) -> None:
    run = roll_out(tmp_path, {"web1": LOST, "web2": LOST, "web3": THERE})
    assert run.rc != 0
    assert AFTERWARDS not in run.output
    assert not run.ran_on("web3")


def test_others_of_the_wave_go_their_way_to_the_end(tmp_path: Path) -> None:
    run = roll_out(tmp_path, {"web1": REFUSED, "web2": STUCK, "web3": THERE}, waves=(3,))
    assert run.rc != 0
    assert re.search(r"Undo what was staged.*\n(.*\n)*?changed: \[web2\]", run.output), "what was staged is unloaded"
    assert "already there" in run.row("web3")
    assert "Not proven: web1 web2." in run.output


def test_check_mode_looks_at_every_host(tmp_path: Path) -> None:
    hosts = {"web1": REFUSED, "web2": LOST, "web3": THERE, "web4": THERE}
    run = roll_out(tmp_path, hosts, "--check", waves=(1,))
    assert run.ran_on("web3")
    assert run.ran_on("web4")
    assert "The rollout stops here" not in run.output
    assert "KERNEL ROLLOUT (PLAN)" in run.output
    assert run.row("web1").split() == ["web1", "7.2.13-kho", "-", "refuse", "-", "-", "kexec_disabled"]
    assert run.row("web2").split()[3] == "unreachable"
    assert run.row("web3").split()[1:5] == ["7.3.4-kho", "7.3.4-kho", "none", "-"]
    assert "kexec_disabled (web1): It is off. Switch it on." in run.output
