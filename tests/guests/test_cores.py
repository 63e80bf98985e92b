# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook upgrades a real guest with every ansible-core but the controller's own, which molecule covers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import environments
from tools.layout import ROOT

RUN = "cores"
LAB = [sys.executable, "-m", "lab"]


def _others() -> dict[str, Path]:
    """Guest name and environment for each ansible-core but the one of this environment."""
    wanted = {core: environments.for_core(core).environment for core in environments.CORES}
    here = Path(sys.executable).parent
    version = subprocess.run([here / "ansible", "--version"], capture_output=True, text=True, check=True).stdout
    return {
        f"core-{core.replace('.', '-')}": made.folder / "bin"
        for core, made in wanted.items()
        if made is not None and f"core {core}." not in version
    }


GUESTS = _others()


def _lab(*arguments: str) -> str:
    return subprocess.run([*LAB, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def _playbook(bin_folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
    }
    argv = [str(bin_folder / "ansible-playbook"), *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def inventory() -> Iterator[str]:
    """Guests that have the newer kernel installed and run the older one."""
    try:
        found = _lab("up", "--run", RUN, *(f"--guest={name}:plain:new" for name in GUESTS)).strip()
        yield found
    finally:
        _lab("down", "--run", RUN)


@pytest.fixture(scope="module")
def runs(inventory: str) -> dict[str, subprocess.CompletedProcess[str]]:
    """The upgrade of each guest with its ansible-core, side by side."""

    def upgrade(name: str) -> subprocess.CompletedProcess[str]:
        return _playbook(GUESTS[name], "-i", inventory, "--limit", name, str(ROOT / "playbooks/kexec_upgrade.yml"))

    with ThreadPoolExecutor() as pool:
        return dict(zip(GUESTS, pool.map(upgrade, GUESTS), strict=True))


def test_there_is_an_ansible_core_to_test() -> None:
    assert GUESTS


@pytest.mark.parametrize("name", GUESTS)
def test_the_guest_is_upgraded(name: str, runs: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = runs[name]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "handover_verified: 1" in done.stdout
    assert "[WARNING]" not in done.stderr
    assert "[DEPRECATION" not in done.stderr


@pytest.mark.parametrize("name", GUESTS)
def test_seen_from_outside_it_was_one_kexec(name: str, runs: dict[str, subprocess.CompletedProcess[str]]) -> None:
    assert runs[name].returncode == 0
    boots = json.loads(_lab("history", "--run", RUN, "--json", name))
    assert [boot["cause"] for boot in boots] == ["power_on", "kexec"]
    assert f"KHO: exec from: {boots[0]['release']} (count 1)" in boots[1]["kho"]
