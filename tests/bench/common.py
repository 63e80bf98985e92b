# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks share: the guest, how Ansible is set up, the order of the rounds, and where the numbers go."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.layout import COLLECTIONS, ROOT

HERE = Path(__file__).parent
RESULTS = ROOT / "build" / "bench"
RUN, GUEST = "bench", "measured"
LAB = [sys.executable, "-m", "lab"]

# How the collection tells its users to set Ansible up.
SETTINGS = {
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_SSH_ARGS": (
        "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
    ),
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    # For tasks on the controller, which run elsewhere.
    "PYTHONPATH": str(ROOT / "tests"),
}


def turns(names: Sequence[str], rounds: int) -> list[list[str]]:
    """Return the order of the names in each round, every round another one."""
    return [[*names[at % len(names) :], *names[: at % len(names)]] for at in range(rounds)]


def quartiles(values: Sequence[float]) -> list[float]:
    """Return first quartile, median and third quartile. A single value is all three."""
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3


@contextmanager
def guest(*kernels: str) -> Iterator[str]:
    """Start one guest whose apt repository offers these kernels, yield its inventory, and end it."""
    try:
        installed = f"{GUEST}:plain:{'+'.join(kernels)}"
        up = [*LAB, "up", "--run", RUN, "--guest", installed, "--owner-pid", str(os.getpid())]
        yield subprocess.run(up, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    finally:
        subprocess.run([*LAB, "down", "--run", RUN], check=True)


def run_playbook(inventory: str, playbook: Path, settings: Mapping[str, str]) -> None:
    """Run a playbook with ``SETTINGS`` and these; raises CalledProcessError when a task fails."""
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", inventory, str(playbook)]
    environment = {**os.environ, **SETTINGS, **settings}
    subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)


def keep(name: str, found: Mapping[str, Any], load_before: Sequence[float]) -> Path:
    """Write all that was found, and what of this machine, to a file of its own; returns its path below the root."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": [load_before, os.getloadavg()]}
    path = RESULTS / time.strftime(f"{name}-%Y%m%dT%H%M%SZ.json", time.gmtime())
    path.write_text(json.dumps({"machine": machine, **found}, indent=1))
    return path.relative_to(ROOT)
