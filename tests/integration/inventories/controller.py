# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's folder with a copy of the example inventory, and one ansible-core that is used in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from integration.cores import CORES

from tools.layout import COLLECTIONS, ROOT

EXAMPLE = ROOT / "playbooks" / "inventory" / "facts"
# Interpreter discovery says which Python it found, and that is a warning.
PYTHON = "/usr/bin/python3"
TIMEOUT = 120.0


class Controller:
    """Runs programs of one ansible-core as an operator does who has made the example's folder the current one.

    Every run must succeed, without a warning and without a deprecation.
    """

    def __init__(self, core: str, directory: Path) -> None:
        self.core = core
        self.folder = directory / "inventory"
        self.home = directory / "home"
        self.home.mkdir()
        shutil.copytree(EXAMPLE, self.folder)

    def write_hosts(self, *names: str) -> None:
        """Replace the example's hosts by names for this machine."""
        variables = {"ansible_connection": "local", "ansible_python_interpreter": PYTHON}
        hosts = {"all": {"hosts": dict.fromkeys(names), "vars": variables}}
        (self.folder / "hosts.yml").write_text(json.dumps(hosts))

    def run(self, program: str, *arguments: str, **settings: str) -> str:
        """Return what the program printed."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        own = {"HOME": str(self.home), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [str(CORES[self.core] / program), *arguments],
            cwd=self.folder,
            env={**inherited, **own, "ANSIBLE_LOCALHOST_WARNING": "false", **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stdout + done.stderr
        for word in ("[WARNING]", "[DEPRECATION", "[ERROR]"):
            assert word not in done.stdout + done.stderr
        return done.stdout

    def play(
        self, tasks: list[dict[str, Any]], *arguments: str, settings: dict[str, str] | None = None, **play: Any
    ) -> str:
        """Run a play with these tasks on all hosts, and return what was printed."""
        book = [{"name": "Play", "hosts": "all", "gather_facts": False, **play, "tasks": tasks}]
        (self.home / "playbook.yml").write_text(json.dumps(book))
        return self.run("ansible-playbook", str(self.home / "playbook.yml"), *arguments, **(settings or {}))

    def value(self, expression: str, *before: dict[str, Any], **play: Any) -> Any:
        """Return what a template means in a play on the only host, after the tasks ``before``."""
        keep = {
            "name": "Keep the value",
            "ansible.builtin.copy": {
                "content": "{{ " + expression + " | to_json }}",
                "dest": str(self.home / "value"),
                "mode": "0600",
            },
        }
        self.play([*before, keep], **play)
        return json.loads((self.home / "value").read_text())

    def groups(self) -> dict[str, set[str]]:
        """Return the hosts of each group that the facts made, as ``ansible-inventory --list`` says."""
        listed = json.loads(self.run("ansible-inventory", "--list"))
        return {name: set(group["hosts"]) for name, group in listed.items() if name.startswith("kho_")}
