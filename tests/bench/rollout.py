# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout costs the controller: the whole playbook over many simulated hosts, beside a number of pings.

And what waiting costs: hosts that are away for a while, each with a fork of its own, or all together in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.layout import COLLECTIONS, ROOT
from tools.processes import descendants

from . import slices
from .common import HERE, RESULTS, keep

UPGRADE, PINGS = "kexec_upgrade.yml", "6 tasks of ansible.builtin.ping"
ALONE, TOGETHER = "a fork for each host", "all in one process"
TASKS = 6
"""As many as the playbook once ran on a host, and has fewer of now (tests/stories/fleets.py): ratios of then and of now
compare with the same."""
AWAIT = {"kho.kexec.kexec_await": {"registered": "jump"}, "run_once": True}
AWAY = 2.0
"""Seconds that a simulated kexec takes: little, for a rollout is measured without it."""
LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds of time and of processor time, and the most memory of all its processes (MiB).

    Memory that processes share counts once (PSS, proc(5)).
    """

    what: str
    hosts: int
    forks: int
    seconds: float
    processor_seconds: float
    memory_mib: float


class Memory(threading.Thread):
    """Watches the memory of a process and of all that descend from it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self._most = 0

    def run(self) -> None:
        """Look until somebody asks for the result."""
        while not self._over.wait(LOOK_EVERY):
            self._most = max(self._most, sum(_proportional_set_size(pid) for pid in _family(self._pid)))

    def most_mib(self) -> float:
        """Return the most that was seen, and stop."""
        self._over.set()
        return self._most / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    yield from (one.pid for one in descendants(pid))


def _proportional_set_size(pid: int) -> int:
    """Return it in KiB; 0 for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


class Simulation:
    """Simulated hosts, and plays over them."""

    def __init__(self, folder: Path, away: float, python: Path | str = sys.executable) -> None:
        """``away`` are seconds; ``python`` is one that has the ansible-core that plays."""
        self._folder = folder
        self._python = str(python)
        self._environment = {
            **os.environ,
            "BENCH_STATE": str(folder / "state"),
            "BENCH_AWAY": str(away),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_HOME": str(folder / "home"),
        }

    @contextmanager
    def hosts(self, number: int) -> Iterator[Path]:
        """Have so many new hosts; their inventory."""
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder / "state").mkdir(parents=True)
        argv = [sys.executable, "-m", "bench.banners"]
        with subprocess.Popen(argv, env=self._environment, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                names = {f"host{n:05}": {"ansible_host": f"127.1.{n // 250}.{n % 250 + 1}"} for n in range(number)}
                variables = {
                    "ansible_connection": "simulated",
                    "ansible_port": port,
                    "ansible_python_interpreter": sys.executable,
                }
                inventory = self._folder / "inventory.json"
                inventory.write_text(json.dumps({"all": {"hosts": names, "vars": variables}}))
                yield inventory
            finally:
                server.kill()

    def cost(self, what: str, hosts: int, forks: int, playbook: Path, variables: Mapping[str, Any]) -> Cost:
        """Run a playbook on new hosts. Raises CalledProcessError when it fails."""
        with self.hosts(hosts) as inventory:
            argv = [self._python, "-m", "ansible", "playbook", "-i", str(inventory), "-f", str(forks)]
            argv += ["-e", json.dumps(variables), str(playbook)]
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            with (self._folder / "output.txt").open("wb") as output:
                run = subprocess.Popen(argv, env=self._environment, stdin=subprocess.DEVNULL, stdout=output)
                memory = Memory(run.pid)
                memory.start()
                if run.wait() != 0:
                    raise subprocess.CalledProcessError(run.returncode, argv)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = sum(getattr(after, kind) - getattr(before, kind) for kind in ("ru_utime", "ru_stime"))
            return Cost(what, hosts, forks, time.monotonic() - began, used, memory.most_mib())

    def play(self, tasks: Sequence[Mapping[str, Any]]) -> Path:
        """Write a playbook of these tasks, beside the folder, which is emptied for each run."""
        path = self._folder.with_suffix(".playbook.json")
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]))
        return path


def rollouts(simulation: Simulation, hosts: int, forks: int, waves: str) -> list[Cost]:
    """The whole playbook in these waves, and the pings."""
    upgrade = {"kexec_upgrade_waves": waves, "kexec_upgrade_target": "7.3.4-kho"}
    pings = simulation.play([{"ansible.builtin.ping": {}} for _task in range(TASKS)])
    return [
        simulation.cost(PINGS, hosts, forks, pings, {}),
        simulation.cost(UPGRADE, hosts, forks, ROOT / "playbooks" / UPGRADE, upgrade),
    ]


def waits(simulation: Simulation, hosts: int, forks: int) -> list[Cost]:
    """The jump of all hosts, with and without a fork for each that is waited for."""
    reboot = "kho.kexec.kexec_reboot"
    together: list[dict[str, Any]] = [
        {reboot: {"wait": False}, "register": "jump"},
        AWAIT,
        {reboot: {"left": "{{ jump.left }}"}},
    ]
    return [
        simulation.cost(ALONE, hosts, forks, simulation.play([{reboot: {}}]), {}),
        simulation.cost(TOGETHER, hosts, forks, simulation.play(together), {}),
    ]


def show(costs: Sequence[Cost]) -> None:
    """Print a pair of costs, and the second as a multiple of the first."""
    for cost in costs:
        print(
            f"{cost.hosts:6} hosts, {cost.forks} forks: {cost.seconds:7.1f} s, {cost.processor_seconds:7.1f} s of "
            f"processor time, {cost.memory_mib:6.0f} MiB, {cost.what}"
        )
    first, second = costs
    ratios = (second.seconds / first.seconds, second.processor_seconds / first.processor_seconds)
    print(f"    {second.what}: {ratios[0]:.2f} x the time, {ratios[1]:.2f} x the processor time", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, keep everything in build/bench/, print the ratios."""
    parser = argparse.ArgumentParser(prog="bench.rollout", description=__doc__)
    parser.add_argument("hosts", nargs="*", type=int, help="default: 100; with --slices: 2500 5000 10000")
    parser.add_argument("--slices", action="store_true", help="what many runs at once cost their database (slices.py)")
    parser.add_argument("--waves", default="100%", help="a size or a preset; default: all hosts in one wave")
    parser.add_argument("--forks", type=int, default=20, help="of Ansible, default %(default)s")
    parser.add_argument("--away", type=float, default=20.0, help="seconds, for the waiting, default %(default)s")
    parser.add_argument("--wait-hosts", type=int, default=100, help="for the waiting, default %(default)s; 0: none")
    given = parser.parse_args(argv)
    if given.slices:
        return slices.main(given.hosts or slices.HOSTS)
    RESULTS.mkdir(parents=True, exist_ok=True)
    load, folder, costs = os.getloadavg(), RESULTS / "simulated", []
    for hosts in given.hosts or [100]:
        costs += rollouts(Simulation(folder, AWAY), hosts, given.forks, given.waves)
        show(costs[-2:])
    if given.wait_hosts:
        costs += waits(Simulation(folder, given.away), given.wait_hosts, given.forks)
        show(costs[-2:])
    data = {"away": given.away, "waves": given.waves, "costs": [asdict(cost) for cost in costs]}
    print(f"raw data: {keep('rollout', data, load)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
