# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated hosts, and runs of the playbook side by side that share one rollout over them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from tools.layout import COLLECTIONS, ROOT
from tools.processes import descendants

BENCH = ROOT / "tests" / "bench"
NAME = "spring"
AWAY = 1.0
"""Seconds that a simulated kexec takes."""
LOST: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
PATIENCE = 400
"""Seconds: several runs at a time ask for statistics, which takes a busy machine minutes."""


class Run:
    """One run of the playbook."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def output(self) -> str:
        return self._output.read_text()

    def end(self) -> int:
        """Wait for its end, and return its exit code."""
        code = self._process.wait(PATIENCE)
        print(self.output)
        return code

    def kill(self) -> None:
        """End it and all its processes at once, as power that is cut does."""
        kill(self._process)

    def runs(self) -> bool:
        return self._process.poll() is None


class World:
    """Hosts, and the ledger at ``url``."""

    def __init__(self, folder: Path, url: str, port: int) -> None:
        self._folder = folder
        self.url = url
        self._port = port
        self._numbers: dict[str, int] = {}
        self._started = 0
        self._processes: list[subprocess.Popen[bytes]] = []

    def inventory(self, hosts: Sequence[str], lost: Sequence[str] = ()) -> dict[str, Any]:
        variables = {
            **{"ansible_connection": "simulated", "ansible_port": self._port},
            "ansible_python_interpreter": sys.executable,
        }
        named = {host: LOST if host in lost else {"ansible_host": self._address(host)} for host in hosts}
        return {"all": {"hosts": named, "vars": variables}}

    def options(self, **options: Any) -> dict[str, Any]:
        """The variables of a run; ``options`` are without their prefix."""
        given = {"rollout": NAME, "ledger_url": self.url, "target": "7.3.4-kho", "waves": 1, **options}
        return {f"kexec_upgrade_{name}": value for name, value in given.items()}

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BENCH_STATE": str(self._folder / "state"),
            "BENCH_AWAY": str(AWAY),
            "ANSIBLE_CONNECTION_PLUGINS": str(BENCH / "connection"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_NOCOLOR": "1",
            # Where ansible-runner finds ansible-playbook.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_HOME": str(self._folder / "home"),
        }

    def start(self, *hosts: str, lost: Sequence[str] = (), playbook: str = "kexec_upgrade", **options: Any) -> Run:
        """Start a run over these hosts, in waves of one unless told otherwise; the ``lost`` do not answer."""
        self._started += 1
        inventory = self._folder / f"inventory-{self._started}.json"
        inventory.write_text(json.dumps(self.inventory(hosts, lost)))
        output = self._folder / f"output-{self._started}.txt"
        argv = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "-f", "4"]
        argv += ["-e", json.dumps(self.options(**options)), str(ROOT / "playbooks" / f"{playbook}.yml")]
        with output.open("wb") as stream:
            process = self.process(argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        return Run(process, output)

    def process(self, argv: Sequence[str], **settings: Any) -> subprocess.Popen[bytes]:
        """Start a program that ends with this world, with all that it has started."""
        started = subprocess.Popen(argv, env=self.environment(), **settings)
        self._processes.append(started)
        return started

    def end(self) -> None:
        """End all that still runs."""
        for process in self._processes:
            kill(process)

    def info(self) -> dict[str, Any]:
        with Ledger(place_of(self.url)) as ledger:
            return info(ledger, NAME)

    def jumps(self, *hosts: str) -> list[int]:
        """Return how often each host has left its kernel."""
        return [len(self._lines(host)) for host in hosts]

    def dies(self, host: str) -> None:
        """Have its new kernel have a fault, which the host survives, so only its history tells."""
        Path(self._folder, "state", f"{self._address(host)}.dies").touch()

    def complains(self, host: str) -> None:
        """Have its new kernel complain of what the old one did not, which only its history tells."""
        Path(self._folder, "state", f"{self._address(host)}.complains").touch()

    def _lines(self, host: str) -> list[str]:
        try:
            return (self._folder / "state" / self._address(host)).read_text().splitlines()
        except FileNotFoundError:
            return []

    def _address(self, host: str) -> str:
        number = self._numbers.setdefault(host, len(self._numbers) + 1)
        return f"127.1.{number // 250}.{number % 250 + 1}"


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program with all that it has started: Ansible's workers have sessions of their own since 2.19."""
    if process.poll() is None:
        started = descendants(process.pid)
        process.kill()
        for one in started:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
    process.wait(PATIENCE)


@contextmanager
def world(folder: Path, url: str) -> Iterator[World]:
    """Have hosts that are upgraded without trouble."""
    (folder / "state").mkdir()
    environment = {
        **os.environ,
        "BENCH_STATE": str(folder / "state"),
        "BENCH_AWAY": str(AWAY),
        "PYTHONPATH": f"{COLLECTIONS}:{ROOT / 'tests'}",
    }
    argv = [sys.executable, "-m", "bench.banners"]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            made = World(folder, url, int(server.stdout.readline()))
            try:
                yield made
            finally:
                made.end()
        finally:
            server.kill()


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
