# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kho_fact_script with each ansible-core, and what setup makes of the script. Needs root."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.cores import CORES
from integration.inventories.controller import PYTHON, Controller

from tools.layout import ROOT

PAGE = ROOT / "docs" / "howto" / "facts.md"
ROLE = {"name": "Fact script", "ansible.builtin.import_role": {"name": "kho.kexec.kho_fact_script"}}
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    made = Controller(request.param, tmp_path)
    made.write_hosts("here")
    return made


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for local facts that is not there yet, and above which only root may write."""
    above = Path(tempfile.mkdtemp(prefix="kho-kexec-test-", dir="/var/lib"))
    above.chmod(0o755)
    try:
        yield above / "facts.d"
    finally:
        shutil.rmtree(above)


def install(controller: Controller, directory: Path, *arguments: str, **settings: str) -> str:
    """Run the role, and return its line of the recap."""
    variables = {"kho_fact_script_directory": str(directory), "kho_fact_script_interpreter": PYTHON}
    return controller.play([ROLE], *arguments, "-e", json.dumps(variables), settings=settings).split("PLAY RECAP")[1]


def test_setup_brings_what_the_module_brings(controller: Controller, directory: Path) -> None:
    script = directory / "kho.fact"
    assert "changed=1" in install(controller, directory, "--check", "--diff")
    assert not directory.exists()
    assert "changed=1" in install(controller, directory)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (directory, script)] == [0o755, 0o755]
    # Another way for the module to reach the host: the same bytes.
    assert "changed=0" in install(controller, directory, ANSIBLE_PIPELINING="true")

    local = {"name": "Local facts", "ansible.builtin.setup": {"gather_subset": ["local"], "fact_path": str(directory)}}
    module = {"name": "The module", "kho.kexec.kho_facts": {}}
    found = controller.value("[ansible_facts.ansible_local.kho, ansible_facts.kho]", local, module)
    assert found[0] == found[1]
    assert found[0]["release"]

    assert "changed=1" in install(controller, directory, "-e", "kho_fact_script_state=absent")
    assert "changed=0" in install(controller, directory, "-e", "kho_fact_script_state=absent")
    assert list(directory.iterdir()) == []


def test_local_facts_make_the_groups(controller: Controller, directory: Path) -> None:
    install(controller, directory)
    local = {"name": "Local facts", "ansible.builtin.setup": {"gather_subset": ["local"], "fact_path": str(directory)}}
    boot = controller.value("ansible_facts.ansible_local.kho.boot", local)
    groups = controller.groups()
    assert groups["kho_boot_" + boot] == {"here"}
    assert "kho_unknown" not in groups


def test_plays_of_the_page_work(controller: Controller, directory: Path) -> None:
    plays = re.findall(r"^```yaml\n(- name: .*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(plays) == 2
    for number, play in enumerate(plays):
        path = controller.home / f"play{number}.yml"
        path.write_text(play)
        variables = {"ansible_become": False, "kho_fact_script_directory": str(directory)}
        controller.run("ansible-playbook", str(path), "-e", json.dumps(variables))
    assert (directory / "kho.fact").exists()


def test_anybody_may_run_it(directory: Path, tmp_path: Path) -> None:
    controller = Controller(next(iter(CORES)), tmp_path)
    controller.write_hosts("here")
    install(controller, directory)
    script = str(directory / "kho.fact")
    root, nobody = (
        subprocess.run([*user, script], capture_output=True, text=True, cwd="/", timeout=60, check=True)
        for user in ([], NOBODY)
    )
    assert (root.stderr, nobody.stderr) == ("", "")
    assert json.loads(root.stdout).keys() == json.loads(nobody.stdout).keys()
    assert json.loads(nobody.stdout)["release"] == json.loads(root.stdout)["release"]
