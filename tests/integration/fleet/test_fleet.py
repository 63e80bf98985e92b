# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_facts.yml with each ansible-core: all hosts are in the table, lost ones on top, and it fails then."""

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
from integration.cores import CORES

from tools.layout import COLLECTIONS

HERE = Path(__file__).parent
PLAYBOOK = "kho.kexec.kexec_facts"

THERE: dict[str, Any] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
LOST: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
BROKEN: dict[str, Any] = {"ansible_connection": "local", "ansible_python_interpreter": "/nonexistent/python3"}
MIXED = {"web1": THERE, "lost1": LOST, "broken1": BROKEN, "web2": THERE}


@dataclass
class Run:
    """What a run said."""

    rc: int
    output: str
    errors: str

    def table(self, output: str = "") -> list[list[str]]:
        """Return the words of each line of the table."""
        rows = re.search(r"^host +release .*\n-[- ]+\n((?:.+\n)*)\n", output or self.output, re.MULTILINE)
        assert rows, "no table"
        return [line.split() for line in rows.group(1).splitlines()]

    def hosts(self) -> list[str]:
        return [row[0] for row in self.table()]


class Controller:
    """Runs programs of one ansible-core in a directory of their own."""

    def __init__(self, folder: Path, directory: Path) -> None:
        self._folder = folder
        self._directory = directory

    def inventory(self, hosts: dict[str, dict[str, Any]], **groups: list[str]) -> str:
        children = {name: {"hosts": dict.fromkeys(members)} for name, members in groups.items()}
        path = self._directory / "inventory.yml"
        path.write_text(json.dumps({"all": {"hosts": hosts, "children": children}}))
        return str(path)

    def run(self, program: str, *arguments: str, **settings: str) -> Run:
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        config = self._directory / "ansible.cfg"
        config.write_text("[defaults]\n")
        always = {
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self._directory / "home"),
            "ANSIBLE_REMOTE_TMP": str(self._directory / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "1000",
        }
        done = subprocess.run(
            [str(self._folder / program), *arguments],
            cwd=self._directory,
            env={**own, **always, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        print(done.stdout, done.stderr)
        return Run(done.returncode, done.stdout, done.stderr)

    def look(self, *arguments: str, **settings: str) -> Run:
        return self.run("ansible-playbook", PLAYBOOK, *arguments, **settings)


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return Controller(CORES[request.param], tmp_path)


def test_without_an_inventory_it_shows_this_machine(controller: Controller) -> None:
    run = controller.look()
    assert run.rc == 0
    ((host, release, *_rest),) = run.table()
    assert (host, release) == ("localhost", os.uname().release)
    # Ansible's own, about the inventory that is not there.
    assert len(re.findall(r"\[WARNING\]", run.errors)) == len(
        re.findall(r"No inventory was parsed|provided hosts list is empty", run.errors)
    )
    assert "[DEPRECATION" not in run.errors


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_lost_hosts_stand_on_top_and_make_it_fail(controller: Controller, arguments: tuple[str, ...]) -> None:
    run = controller.look("-i", controller.inventory(MIXED), *arguments)
    assert run.rc == 2
    assert run.hosts() == ["lost1", "broken1", "web1", "web2"]
    assert [row[-1] for row in run.table()[:2]] == ["unreachable", "facts_failed"]
    assert "No facts from lost1 broken1." in run.output
    assert "[WARNING]" not in run.errors
    assert "[DEPRECATION" not in run.errors


@pytest.mark.parametrize("hosts", [{"a": LOST, "b": LOST}, {"a": BROKEN, "b": BROKEN}])
def test_table_is_shown_when_all_are_lost(controller: Controller, hosts: dict[str, dict[str, Any]]) -> None:
    run = controller.look("-i", controller.inventory(hosts))
    assert run.rc == 2
    assert run.hosts() == ["a", "b"]


def test_group(controller: Controller) -> None:
    inventory = controller.inventory(MIXED, web=["web1", "web2"])
    run = controller.look("-i", inventory, "-e", "kexec_facts_hosts=web", "-e", "kexec_facts_long_chain=-1")
    assert run.rc == 0
    assert run.hosts() == ["web1", "web2"]


def test_limit(controller: Controller) -> None:
    run = controller.look("-i", controller.inventory(MIXED), "--limit", "web2")
    assert run.rc == 0
    assert run.hosts() == ["web2"]


def test_standard_output_of_programs_stays_theirs(controller: Controller) -> None:
    inventory = controller.inventory({"web1": THERE})
    callbacks = str(HERE / "stand_in")
    run = controller.look("-i", inventory, ANSIBLE_CALLBACK_PLUGINS=callbacks, ANSIBLE_STDOUT_CALLBACK="json")
    fleet = json.loads(run.output)["Show the fleet"]
    assert [row["host"] for row in fleet["rows"]] == ["web1"]
    assert fleet["counts"]["hosts"] == 1
    assert [row[0] for row in run.table(run.errors)] == ["web1"]


def test_one_line_a_host(controller: Controller) -> None:
    arguments = ("-o", "-m", "kho.kexec.kho_fleet_info", "-a", "registered=nothing")
    run = controller.run("ansible", "all", "-i", controller.inventory({"web1": THERE, "web2": THERE}), *arguments)
    assert run.rc == 0
    assert run.hosts() == ["web1", "web2"]
    assert run.output.count("facts_missing") >= 2
