# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are simulated on this machine, and the controller that soaks them with one ansible-core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OLD, NEW = "7.2.13-kho", "7.3.4-kho"
STAND_INS = {
    "kexec_image": HERE / "stand_in/planning.py",
    "kexec_plan_info": HERE / "stand_in/planning.py",
    "kexec_reboot": HERE / "stand_in/jumping.py",
    "kernel_health_info": HERE / "stand_in/warning.py",
    "kexec_history_info": HERE / "stand_in/remembering.py",
    **dict.fromkeys(("kexec_guard", "boot_default", "kexec_commit"), HERE.parent / "rollout/stand_in/obliging.py"),
}
# Whatever asks for the memory of the machine gets that of the host: each jump loses `leak` MiB of a GiB, or some.
MEMORY = """import builtins, io, json, os
real = builtins.open
def opened(file, *given, **more):
    if file != "/proc/meminfo":
        return real(file, *given, **more)
    state = json.loads(real(os.environ["SIMULATED_HOST"]).read())
    count = state["count"]
    free = (1024 - count * state.get("leak", 0)) * 1024 + 7919 * (count + state.get("seed", 1)) ** 3 % 997
    return io.BytesIO(f"MemFree: {free} kB\\nCmaFree: 2048 kB\\nSlab: 4096 kB\\n".encode())
builtins.open = opened
"""
UNAME = "import json, os\nprint(json.load(open(os.environ['SIMULATED_HOST']))['release'])\n"


class World:
    """Hosts, each of which is a file that says what it runs and how it goes wrong."""

    def __init__(self, programs: Path, folder: Path, hosts: Sequence[str] = ("web1",)) -> None:
        self._programs, self.folder, self.hosts = programs, folder, hosts
        collection = folder / "collections/ansible_collections/kho/kexec"
        for part in ("action", "modules"):
            (collection / "plugins" / part).mkdir(parents=True)
        for part in ("callback", "doc_fragments", "filter", "lookup", "plugin_utils", "module_utils"):
            (collection / "plugins" / part).symlink_to(ROOT / "plugins" / part)
        for part in ("meta", "playbooks", "roles"):
            (collection / part).symlink_to(ROOT / part)
        for module in (ROOT / "plugins/modules").glob("*.py"):
            (collection / "plugins/modules" / module.name).symlink_to(STAND_INS.get(module.stem, module))
        for action in (ROOT / "plugins/action").glob("*.py"):
            if action.stem not in STAND_INS or action.stem == "kexec_image":
                (collection / "plugins/action" / action.name).symlink_to(action)
        self._program("bin/uname", f"#!{sys.executable}\n{UNAME}")
        (folder / "memory").mkdir()
        (folder / "memory/sitecustomize.py").write_text(MEMORY)
        for host in hosts:
            named = f"SIMULATED_HOST={self._state(host)} PYTHONPATH={folder}/memory"
            self._program(f"python-{host}", f'#!/bin/sh\n{named} exec {sys.executable} "$@"\n')
            self.set(host)

    def _program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def _state(self, host: str) -> Path:
        return self.folder / f"{host}.json"

    def set(self, host: str = "web1", **changes: Any) -> None:
        self._state(host).write_text(json.dumps({"release": OLD, "count": 0, "jumps": [], **changes}))

    def of(self, host: str = "web1") -> dict[str, Any]:
        """What a host runs, and what it went through; its stand-in may be writing that just now."""
        for _attempt in range(50):
            with suppress(ValueError):
                return dict(json.loads(self._state(host).read_text()))
            time.sleep(0.1)
        raise AssertionError(f"{host} is half written")

    def jumps(self, host: str = "web1") -> list[list[str]]:
        return list(self.of(host)["jumps"])

    def kept(self, name: str, host: str = "web1") -> Any:
        """What the results of a host hold."""
        return json.loads((self.folder / "kexec-soak" / host / name).read_text())

    def rows(self, host: str = "web1") -> list[dict[str, Any]]:
        return list(self.kept("soak.json", host)["rows"])

    def begin(self, *arguments: str, playbook: str = "kexec_soak", **options: Any) -> subprocess.Popen[str]:
        """Begin to run a playbook with these options, without their prefix."""
        local = {
            "ansible_connection": "this_machine",
            "ansible_remote_tmp": str(self.folder / "remote"),
            "kexec_upgrade_on_failure": "keep",
            **{f"kexec_soak_{name}": value for name, value in options.items()},
        }
        hosts = {name: {"ansible_python_interpreter": str(self.folder / f"python-{name}")} for name in self.hosts}
        (self.folder / "inventory.yml").write_text(json.dumps({"all": {"vars": local, "hosts": hosts}}))
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE.parent / "connection"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "1000",
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
        }
        return subprocess.Popen(
            [str(self._programs / "ansible-playbook"), "-i", "inventory.yml", f"kho.kexec.{playbook}", *arguments],
            cwd=self.folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self, *arguments: str, playbook: str = "kexec_soak", within: float = 240, **options: Any
    ) -> tuple[int, str]:
        """Run a playbook to its end, within so many seconds; its exit code, and what it said."""
        with self.begin(*arguments, playbook=playbook, **options) as process:
            output, _nothing = process.communicate(timeout=within)
        print(output)
        return process.returncode, output
