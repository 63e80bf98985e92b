# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in network namespaces, each with a real sshd and a staged kernel, and a run of Ansible for each way to jump.

Run by native.py as process 1 of new namespaces: ``python -m bench.native_world DIRECTORY``. The folder has
``hosts.json`` (a list of ``name``, ``way``, ``outage`` in s) and, for each way, ``WAY.playbook.json`` and
``WAY.inventory.json``. Writes ``world.json``: when the outage of each host began and ended (s, ``time.time()``), and
how each run of Ansible ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from integration.reboot.world import DIE_WITH_PARENT, SSHD_CONFIG, Host, Story, run, start_jump_host

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load_guarded

# The hosts of unit tests, which have no types.
_HOSTS = "ansible_collections.kho.kexec.tests.unit.support."
guarded_host = import_module(_HOSTS + "guarded_host").guarded_host
healthy_host = import_module(_HOSTS + "health").healthy_host
handover = import_module(_HOSTS + "jumps").handover

LEAVES_AFTER = 1.0
"""Seconds from the order to leave until a host is gone, as with systemd's timer."""
GUARD = GuardSettings(confirm_timeout=3600)
KEPT = ("/proc/meminfo", "/sys/kernel/kexec/crash_loaded")
"""What the new kernel has as the old one had it; without these, its health would be worse."""


@dataclass
class Measured(Host):
    """A host whose module finds a staged kernel with a guard, and after the outage what it promised."""

    trees: list[Any] = field(default_factory=list)

    def plug_in(self) -> None:
        super().plug_in()
        tree = self.state / "tree"
        tree.mkdir()
        # As the module sees it, wherever it is mounted.
        (self.state / "where").write_text(str(tree))
        root = healthy_host(guarded_host(tree))
        load_guarded(root, Policy(), GUARD, RunIdentity("2026-11-22T15:00:00Z"), False)
        self.trees.append(root)

    def start(self) -> None:
        if self.boot is not None:
            self._hand_over()
        super().start()

    def _hand_over(self) -> None:
        """Have the module find another kernel, and all devices."""
        (root,) = self.trees
        kept = {path: root.read_bytes(path) for path in KEPT}
        handover(root)
        for path, content in kept.items():
            root.add(path, content)


def main() -> None:
    """Start all hosts, run Ansible once for each way at the same time, tell what happened when."""
    directory = Path(sys.argv[1])
    told = json.loads((directory / "hosts.json").read_text())
    (directory / "sshd_config").write_text(SSHD_CONFIG.format(directory=directory))
    run("ip", "link", "set", "lo", "up")
    start_jump_host(directory)
    hosts = [
        Measured(Story(one["name"], LEAVES_AFTER, one["outage"]), number, directory)
        for number, one in enumerate(told, start=1)
    ]
    for host in hosts:
        host.plug_in()
        threading.Thread(target=host.live, daemon=True).start()
    for host in hosts:
        host.up.wait()
    codes = {}
    runs = {way: _run(directory, way) for way in dict.fromkeys(one["way"] for one in told)}
    for way, process in runs.items():
        codes[way] = process.wait()
    report = {"rc": codes, "hosts": {host.story.name: host.seen for host in hosts}}
    (directory / "world.json").write_text(json.dumps(report))


def _run(directory: Path, way: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", f"{way}.inventory.json", f"{way}.playbook.json"]
    environment = {**os.environ, "BENCH_ENDED": str(directory / f"{way}.ended.jsonl")}
    with (directory / f"{way}.log").open("wb") as output:
        return subprocess.Popen(
            [*DIE_WITH_PARENT, *argv],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


if __name__ == "__main__":
    main()
