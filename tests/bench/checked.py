# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs the controller to build hosts' answers anew: the same rollout with and without, side by side.

Without, the answers are taken as they come, by a copy of the collection in which nothing else is changed.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from integration.attacks.world import PLAYBOOKS, World

from tools.layout import ROOT

from .common import RESULTS, keep, quartiles, turns

WITH, WITHOUT = "built anew", "as they come"
MOST = 1.05
"""How many times the processor time without it may be needed, at most."""
PARTS = ("plugins", "roles", "playbooks", "meta")
# Appended to files of the copy: what is defined last counts.
_AS_THEY_COME = {
    "plugins/plugin_utils/_common/understood.py": "\n\ndef understood(module, answer):\n    return dict(answer)\n",
    "plugins/plugin_utils/_jump/module_action.py": "\n\ndel Listening._parse_returned_data\n",
}


@contextmanager
def collections() -> Iterator[dict[str, Path]]:
    """Yield the folders of the collection as it is, and of the copy that takes answers as they come."""
    with tempfile.TemporaryDirectory(prefix="bench-checked-") as folder:
        made = {WITH: Path(folder) / "with", WITHOUT: Path(folder) / "without"}
        for path in made.values():
            copy = path / "ansible_collections" / "kho" / "kexec"
            for part in PARTS:
                shutil.copytree(ROOT / part, copy / part)
            shutil.copy(ROOT / "galaxy.yml", copy)
        for name, more in _AS_THEY_COME.items():
            with (made[WITHOUT] / "ansible_collections/kho/kexec" / name).open("a") as stream:
                stream.write(more)
        yield made


def rollout(collection: Path, hosts: int) -> float:
    """Upgrade so many hosts that do well, in one wave; return the seconds of processor time. Raises ValueError."""
    with tempfile.TemporaryDirectory(prefix="bench-checked-run-") as folder:
        names: dict[str, dict[str, str]] = {f"host{number:04}": {} for number in range(hosts)}
        options = {"kexec_upgrade_waves": [hosts], "kexec_upgrade_guard": "off"}
        settings = {"ANSIBLE_COLLECTIONS_PATH": str(collection), "ANSIBLE_FORKS": str(os.cpu_count() or 1)}
        before = _children()
        world = World(Path(folder), Path(sys.executable).parent)
        with redirect_stdout(io.StringIO()):
            done = world.play(PLAYBOOKS / "kexec_upgrade.yml", names, options, environment=settings)
        if set(done.outcomes().values()) != {"done"}:
            raise ValueError(f"the rollout ended with {done.outcomes()}")
        return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(argv: Sequence[str] | None = None) -> int:
    """Measure in turns, keep everything in build/bench/, print the ratio; 1 when it is more than ``MOST``."""
    parser = argparse.ArgumentParser(prog="bench.checked", description=__doc__)
    parser.add_argument("--hosts", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    given = parser.parse_args(argv)
    RESULTS.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()
    seconds: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    with collections() as made:
        for order in turns(list(made), given.rounds):
            for name in order:
                seconds[name].append(rollout(made[name], given.hosts))
    middle = {name: quartiles(values)[1] for name, values in seconds.items()}
    ratio = middle[WITH] / middle[WITHOUT]
    for name, values in seconds.items():
        low, median, high = quartiles(values)
        print(f"{name:12} {median:6.2f} s of processor time ({low:.2f} to {high:.2f})")
    print(f"{ratio:.3f} x the processor time; at most {MOST} x is wanted")
    print(f"raw data: {keep('checked', {'hosts': given.hosts, 'seconds': seconds, 'ratio': ratio}, load)}")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
