# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's entry point `watch`, on a host that is lost while its new kernel is watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ACCEPTED = {
    "accepted": True,
    "verdict": "handover_verified",
    "code": None,
    "promised": {"release": "7.3.4-kho"},
    "reported": {"release": "7.3.4-kho", "boot_id": "0b0b0b0b-0000-4000-8000-000000000002"},
}
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.set_fact": {"kexec_upgrade_result": ACCEPTED}},
            {"ansible.builtin.import_role": {"name": "kho.kexec.kexec_upgrade", "tasks_from": "watch"}},
            {"ansible.builtin.debug": {"msg": "RESULT {{ kexec_upgrade_result | to_json }}"}},
        ],
    }
]


def test_lost_host_loses_its_acceptance_and_stays_in_the_play(tmp_path: Path) -> None:
    (tmp_path / "play.json").write_text(json.dumps(PLAY))
    host = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": {"web1": host}}}))
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.json", "play.json"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_NOCOLOR": "1"}
    run = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    print(run.stdout)
    assert run.returncode == 0
    (line,) = [line for line in run.stdout.splitlines() if "RESULT " in line]
    result = json.loads(json.loads("{" + line.strip() + "}")["msg"].split(" ", 1)[1])
    assert (result["accepted"], result["verdict"], result["code"]) == (False, "unhealthy", "unreachable")
