# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types what the documentation tells its readers to type, with the collection built and installed as it says.

The playbooks of the tutorial and of README run to their end, on a host that stand-ins answer for. Other playbooks are
loaded with their inventory and options, and modules are looked up with their arguments.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.cores import CORES
from integration.docs.commands import PAGES, Command, blocks, commands, settings, shown_file

from tools.layout import ROOT

HERE = Path(__file__).parent
STAND_INS = HERE.parent / "rollout" / "stand_in"
OBLIGING = ("kexec_guard", "boot_default", "kexec_commit", "kernel_health_info")
TUTORIAL, README = ROOT / "docs" / "tutorial.md", ROOT / "README.md"
FLEET = ROOT / "docs" / "howto" / "fleet.md"
HOSTS = ("web1.example.com", "web2.example.com", "db1.example.com", "db2.example.com")
GROUPS = ("web", "etcd", "zone_a", "kho_staged", "kho_chain_10_or_more")

ALL = commands(PAGES)
TYPED = commands([TUTORIAL, README])
# Loading a playbook is the same in check mode.
LOADED = {
    tuple(word for word in one.words if word != "--check"): one for one in ALL if one.program == "ansible-playbook"
}
PLAYBOOKS = [command for command in LOADED.values() if command not in TYPED]


class Operator:
    """Has a clone of the repository, and a folder with an inventory."""

    def __init__(self, directory: Path) -> None:
        self.clone, self.folder = directory / "kho.kexec", directory / "fleet"
        self.folder.mkdir()
        self._collections = directory / "collections"
        self._bin = list(CORES.values())[-1]
        self._clone()

    def _clone(self) -> None:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file() and not name.startswith("tests/"):
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.clone / name)

    @contextmanager
    def stand_ins(self) -> Iterator[None]:
        """Have stand-ins answer for the hosts."""
        modules = self._collections / "ansible_collections" / "kho" / "kexec" / "plugins" / "modules"
        installed = shutil.copytree(modules, modules.with_name("installed"))
        shutil.copy(HERE / "stand_in" / "kexec_prepare_info.py", modules)
        shutil.copy(STAND_INS / "kexec_image.py", modules)
        for name in OBLIGING:
            shutil.copy(STAND_INS / "obliging.py", modules / f"{name}.py")
        try:
            yield
        finally:
            shutil.rmtree(modules)
            installed.rename(modules)

    def write_inventory(self, inventory: dict[str, Any]) -> None:
        """Write an inventory whose hosts are this machine; with a panic of 0 the stand-in has nothing to go back to."""
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
        here = {
            "ansible_connection": "this_machine",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
        }
        for host in inventory["all"]["hosts"]:
            (self.folder / "host_vars" / host).mkdir(parents=True, exist_ok=True)
            (self.folder / "host_vars" / host / "here.yml").write_text(json.dumps({**here, "kexec_upgrade_panic": 0}))

    def type(self, *words: str, where: Path | None = None, **exported: str) -> str:
        """Return what a command printed, which must succeed."""
        # Ansible would find the work tree's collection by PYTHONPATH.
        foreign = ("ANSIBLE_", "PYTHON")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own = {
            "HOME": str(self.folder),
            "ANSIBLE_COLLECTIONS_PATH": str(self._collections),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE.parent / "connection"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "1000",
        }
        done = subprocess.run(
            [str(self._bin / words[0]), *words[1:]],
            cwd=where or self.folder,
            env={**inherited, **own, **exported},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Return somebody who has installed the collection with the commands of the documentation."""
    made = Operator(tmp_path_factory.mktemp("documentation"))
    typed = [command.words for command in ALL if command.program == "ansible-galaxy"]
    assert [words[2] for words in typed] == ["build", "install"]
    for words in typed:
        made.type(*words, where=made.clone)
    return made


@pytest.fixture(scope="module")
def documented(operator: Operator) -> dict[str, set[str]]:
    """Return the options of each module that is told to be used, as ``ansible-doc`` knows them."""
    used = {name for command in ALL if command.program == "ansible" for name in command.values("-m")}
    known = json.loads(operator.type("ansible-doc", "-t", "module", "--json", *sorted(used)))
    assert set(known) == used
    return {name: set(said["doc"].get("options") or {}) for name, said in known.items()}


@pytest.fixture
def fleet(operator: Operator) -> Operator:
    hosts: dict[str, Any] = {host: {} for host in HOSTS}
    operator.write_inventory({"all": {"hosts": hosts, "children": {group: {"hosts": hosts} for group in GROUPS}}})
    (operator.folder / "ansible.cfg").write_text("[defaults]\ninventory = inventory.yml\n")
    (operator.folder / "rollout.yml").write_text(yaml.safe_dump(shown_file(FLEET, "rollout.yml")))
    return operator


def test_the_tutorial_and_the_front_page_do_what_they_say(operator: Operator) -> None:
    (inventory,) = blocks(TUTORIAL, "yaml")
    (config,) = blocks(TUTORIAL, "ini")
    operator.write_inventory(yaml.safe_load(inventory))
    (operator.folder / "ansible.cfg").write_text(config)
    printed = {}
    with operator.stand_ins():
        for command in TYPED:
            if command.program == "ansible-playbook":
                printed[command.words[3:]] = operator.type(*command.words)
    assert "web1" in printed["kho.kexec.kexec_facts",]
    assert "cold_boot_needed" in printed["kho.kexec.kexec_prepare", "--check"]
    assert "cold_boot_needed" in printed["kho.kexec.kexec_prepare",]
    assert "KERNEL ROLLOUT (PLAN)" in printed["kho.kexec.kexec_upgrade", "--check"]
    assert "already there: 1" in printed["kho.kexec.kexec_upgrade",]
    assert "web1 runs 7.2.13-kho" in printed["kho.kexec.kexec_rollback",]


@pytest.mark.parametrize("command", PLAYBOOKS, ids=str)
def test_playbooks_take_what_is_typed(fleet: Operator, command: Command) -> None:
    listed = fleet.type(*command.words, "--list-hosts")
    assert "hosts (" in listed
    assert "hosts (0)" not in listed


def test_variables_that_are_typed_exist() -> None:
    specs = [path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")]
    for command in ALL:
        if command.program == "ansible-playbook":
            (name,) = [word for word in command.words if word.startswith("kho.kexec.")]
            playbook = (ROOT / "playbooks" / f"{name.removeprefix('kho.kexec.')}.yml").read_text(encoding="utf-8")
            names = {
                *command.variables(),
                *(shown_file(FLEET, "rollout.yml") if "@rollout.yml" in command.words else ()),
            }
            assert [one for one in names if not is_named(one, playbook, *specs)] == [], str(command)


def is_named(name: str, *texts: str) -> bool:
    return any(name in text.replace(":", " ").replace(",", " ").split() for text in texts)


def test_modules_take_what_is_typed(documented: dict[str, set[str]]) -> None:
    for command in ALL:
        if command.program == "ansible":
            (module,) = command.values("-m")
            names = {word.partition("=")[0] for given in command.values("-a") for word in shlex.split(given)}
            assert names <= documented[module], str(command)


def test_other_programs_take_what_is_typed(fleet: Operator) -> None:
    others = [command for command in ALL if command.program in {"ansible-doc", "ansible-inventory"}]
    assert others
    for command in others:
        fleet.type(*command.words)


def test_settings_that_are_exported_exist(operator: Operator) -> None:
    exported = settings(PAGES)
    assert exported.pop("ANSIBLE_CALLBACKS_ENABLED") == "kho.kexec.rollout"
    known = json.loads(operator.type("ansible-doc", "-t", "callback", "--json", "kho.kexec.rollout"))
    options = known["kho.kexec.rollout"]["doc"]["options"].values()
    assert set(exported) <= {variable["name"] for option in options for variable in option.get("env", [])}


def test_scenarios_of_molecule_exist() -> None:
    typed = [command for command in ALL if command.program == "molecule"]
    assert typed
    for command in typed:
        (scenario,) = command.values("-s")
        assert (ROOT / "molecule" / scenario / "molecule.yml").is_file(), str(command)
