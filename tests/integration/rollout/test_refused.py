# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is refused fails once, in few lines, and nothing that is due for it is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from integration.cores import CORES
from integration.rollout.test_rollout import HOSTS, REFUSED, STUCK, THERE, roll_out


@pytest.mark.parametrize("core", CORES)
def test_refusal_takes_few_lines_and_fails_each_host_once(tmp_path: Path, core: str) -> None:
    run = roll_out(tmp_path, dict.fromkeys(HOSTS, REFUSED), waves=(3,), python=str(CORES[core] / "python"))
    assert run.rc == 2
    said = [f'[{host}]: FAILED! => {{"changed": false, "code": "kexec_disabled", "msg": "It is' for host in HOSTS]
    assert [run.output.count(text) for text in said] == [1, 1, 1]
    assert [run.recap(host)["failed"] for host in HOSTS] == [2, 1, 1], "of the first host, the gate's failure too"
    assert run.output.count("Switch it on.") == 3, "once for each host"
    assert "Origin: " not in run.output, "no lines of task files"
    assert "Undo what was staged" not in run.output
    assert "refused: kexec_disabled" not in run.output, "Ansible has said it in the line above"
    assert len(run.output.splitlines()) <= 59
    assert "Not proven: web1 web2 web3." in run.output
    assert [run.row(host).split()[-3] for host in HOSTS] == ["kexec_disabled"] * 3


def test_refused_host_is_told_of_once_and_no_hook_hides_why(tmp_path: Path) -> None:
    told = {"path": f"{tmp_path}/told.txt", "line": "{{ inventory_hostname }}", "create": True, "mode": "0600"}
    tasks = [
        {"name": "Tell", "ansible.builtin.lineinfile": told, "delegate_to": "localhost"},
        {"name": "Break", "ansible.builtin.fail": {"msg": "Nobody listens."}, "when": "inventory_hostname == 'web2'"},
    ]
    (tmp_path / "failed.yml").write_text(json.dumps(tasks))
    hosts = {"web1": REFUSED, "web2": REFUSED, "web3": THERE}
    run = roll_out(tmp_path / "run", hosts, waves=(3,), failed_tasks=f"{tmp_path}/failed.yml", max_failed=2)
    assert run.rc == 2
    assert sorted((tmp_path / "told.txt").read_text().split()) == ["web1", "web2"]
    assert run.output.count("TASK [kho.kexec.kexec_upgrade : Tell]") == 1, "a hook that fails is not run again"
    assert "Undo what was staged" not in run.output
    assert [run.recap(host)["failed"] for host in HOSTS] == [1, 1, 0]
    assert sorted((tmp_path / "run/playbook.retry").read_text().split()) == ["web1", "web2"]
    assert [run.row(host).split()[-3] for host in HOSTS[:2]] == ["kexec_disabled"] * 2
    assert "already there" in run.row("web3")
    assert "The rollout stops here" not in run.output


def test_staged_host_is_given_up_for_a_refused_one_only_once_it_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_ANY_ERRORS_FATAL", "1")
    run = roll_out(tmp_path, {"web1": REFUSED, "web2": STUCK}, waves=(2,))
    assert run.rc == 2
    assert re.search(r"Undo what was staged.*\n(.*\n)*?changed: \[web2\]", run.output), "what was staged is unloaded"
    assert "TASK [kho.kexec.kexec_upgrade : Leave the running kernel" not in run.output
    assert run.recap("web2")["failed"] > 0
    assert "Not proven: web1 web2." in run.output
