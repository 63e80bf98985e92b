# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays over hosts that answer what an attacker would, on each ansible-core that is tested."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.layout import COLLECTIONS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PLAYBOOKS = ROOT / "playbooks"


@dataclass(frozen=True)
class Run:
    """What a run said, and how long it took (s)."""

    rc: int
    output: str
    seconds: float
    folder: Path

    def asked(self, host: str) -> list[str]:
        """Return what a host was asked, in that order."""
        path = self.folder / "state" / host / "asked"
        return path.read_text().split() if path.exists() else []

    def results(self) -> dict[str, Any]:
        """Return the results file of the rollout."""
        (path,) = (self.folder / "results").glob("rollout-*.json")
        document: dict[str, Any] = json.loads(path.read_text())
        return document

    def outcomes(self) -> dict[str, str]:
        """Return what became of each host."""
        return {host["name"]: host["outcome"] for host in self.results()["hosts"]}

    def told(self, name: str) -> Any:
        """Return what the play printed as ``name=JSON``."""
        found = re.findall(rf"{name}=(\{{.*\}}|\[.*\]|null)", self.output)
        assert found, self.output
        return json.loads(found[-1].replace('\\"', '"'))


@dataclass(frozen=True)
class World:
    """One folder for a run with one ansible-core."""

    folder: Path
    programs: Path

    def play(
        self,
        playbook: Path | str,
        hosts: Mapping[str, Mapping[str, Any]],
        variables: Mapping[str, Any] | None = None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        inventory_variables: Mapping[str, Any] | None = None,
    ) -> Run:
        """Run a playbook, or its text, over ``hosts``, each given by its answers."""
        path = playbook if isinstance(playbook, Path) else self.folder / "play.yml"
        if not isinstance(playbook, Path):
            path.write_text(playbook)
        inventory = self._inventory(hosts, inventory_variables or {})
        argv = [str(self.programs / "ansible-playbook"), "-i", str(inventory), str(path), *arguments]
        began = time.monotonic()
        done = subprocess.run(
            [*argv, "-e", json.dumps(variables or {})],
            env={**os.environ, **self._settings(), **(environment or {})},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=100,
            check=False,
        )
        print(done.stdout)
        return Run(done.returncode, done.stdout, time.monotonic() - began, self.folder)

    def roll_out(self, hosts: Mapping[str, Mapping[str, Any]], waves: list[int], *arguments: str, **more: Any) -> Run:
        """Run the shipped playbook for upgrades; ``more`` are options of the play, without their prefix."""
        options = {f"kexec_upgrade_{name}": value for name, value in {"waves": waves, "timeout": 3, **more}.items()}
        return self.play(PLAYBOOKS / "kexec_upgrade.yml", hosts, options, *arguments)

    def _inventory(self, hosts: Mapping[str, Mapping[str, Any]], variables: Mapping[str, Any]) -> Path:
        answers = self.folder / "answers"
        answers.mkdir(exist_ok=True)
        known = {}
        for name, said in hosts.items():
            file = answers / f"{name}.json"
            file.write_text(json.dumps({key: as_text(value) for key, value in said.items()}))
            known[name] = {"attack_answers": str(file), "attack_state": str(self.folder / "state" / name)}
        common = {
            "ansible_connection": "hostile",
            "ansible_host": "127.0.0.1",
            "ansible_python_interpreter": "/usr/bin/python3",
            **variables,
        }
        path = self.folder / "inventory.yml"
        path.write_text(json.dumps({"all": {"hosts": known, "vars": common}}))
        return path

    def _settings(self) -> dict[str, str]:
        return {
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
            "KHO_KEXEC_ROLLOUT_RESULTS_DIRECTORY": str(self.folder / "results"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": "",
        }


def as_text(answer: Any) -> str:
    """Return an answer as the host prints it; a text is printed as it is."""
    return answer if isinstance(answer, str) else json.dumps(answer)


def python_of(programs: Path) -> str:
    """Return the Python of an ansible-core."""
    found = programs / "python"
    return str(found if found.exists() else sys.executable)
