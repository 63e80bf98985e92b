# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a simulated fleet went through to the plan of the next host, with each ansible-core; gates; recording."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.cores import CORES
from unit.plugins.plugin_utils.histories import boot, history, upgraded

from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import policy_of
from ansible_collections.kho.kexec.plugins.module_utils._transition.preview import preview
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, RUN, upgradable_host
from bench import fleet
from tools.layout import ROOT

NOW = 1795392000
MODULES = (
    ROOT / "plugins/modules/kexec_ledger.py",
    ROOT / "plugins/modules/kexec_options.py",
    ROOT / "tests/integration/report/stand_in/kexec_history_info.py",
    ROOT / "tests/integration/ledger/stand_in/kexec_plan_info.py",
)

PREFLIGHT = [
    {"name": "Ask", "kho.kexec.kexec_ledger": {"state": "assessed"}, "register": "assessed"},
    {
        "name": "Plan as the role does",
        "ansible.builtin.include_role": {"name": "kho.kexec.kexec_upgrade", "tasks_from": "preflight"},
        "vars": {"kexec_upgrade_crash_risks": "{{ assessed.risks }}"},
    },
]


class Controller:
    """Runs tasks with one ansible-core over local hosts; the ledger is this user's."""

    def __init__(self, folder: Path, directory: Path) -> None:
        self._folder = folder
        self.directory = directory
        collection = directory / "collections/ansible_collections/kho/kexec"
        (collection / "plugins/modules").mkdir(parents=True)
        for part in ("plugins/action", "plugins/filter", "plugins/plugin_utils", "plugins/module_utils", "roles"):
            (collection / part).symlink_to(ROOT / part)
        for module in MODULES:
            (collection / "plugins/modules" / module.name).symlink_to(module)

    def ledger(self) -> Ledger:
        return Ledger(place_of(f"sqlite:///{self.directory}/data/kho-kexec/ledger.db"))

    def run(self, tasks: list[dict[str, Any]], hosts: dict[str, dict[str, Any]], **play: Any) -> str:
        """Run the tasks on the hosts; return what Ansible said, after its exit status."""
        local = {
            "ansible_connection": "this_machine",
            "ansible_python_interpreter": sys.executable,
            "ansible_become": False,
        }
        inventory = {"all": {"hosts": {name: {**local, **own} for name, own in hosts.items()}}}
        (self.directory / "inventory.json").write_text(json.dumps(inventory))
        whole = [{"name": "Test", "hosts": "all", "gather_facts": False, **play, "tasks": tasks}]
        (self.directory / "play.yml").write_text(yaml.safe_dump(whole, sort_keys=False))
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests/integration/connection"),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_REMOTE_TMP": str(self.directory / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "KHO_TEST_OPTIONS": str(self.directory / "options.json"),
            "XDG_DATA_HOME": str(self.directory / "data"),
        }
        done = subprocess.run(
            [str(self._folder / "ansible-playbook"), "-i", "inventory.json", "play.yml"],
            cwd=self.directory,
            env={**own, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        print(done.stdout, done.stderr)
        # Warnings are wrapped to the width of a terminal that is not there.
        return " ".join(f"{done.returncode} {done.stdout} {done.stderr}".split())


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return Controller(CORES[request.param], tmp_path)


def test_transition_that_crashed_elsewhere_is_not_repeated(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "RELEASES", ("7.2.12-kho", OLD, "7.3.3-kho", NEW))
    monkeypatch.setattr(fleet, "DEADLY", (OLD, NEW))
    monkeypatch.setattr(fleet, "DEADLY_RATE", 0.3)
    with controller.ledger() as ledger:
        for host, given in fleet.histories(30, 100, seed=2):
            ledger.import_history(host, given, NOW)
    assert controller.run(PREFLIGHT, {"controller": {}}).startswith("0 ")
    options = json.loads((controller.directory / "options.json").read_text())
    assert [(one["previous_release"], one["release"]) for one in options["crash_risks"]] == [(OLD, NEW)]

    controller.directory.chmod(0o755)
    host = upgradable_host(KexecHost(controller.directory / "root"))

    def plan(**changes: Any) -> dict[str, Any]:
        # The host has no boot loader whose default a commit could set.
        policy = policy_of({**options, "boot_default": "prefer", **changes})
        decided: dict[str, Any] = preview(host, policy, RUN)["plan"]
        return decided

    refused = plan()
    assert (refused["action"], refused["reasons"][0]["code"]) == ("refuse", "transition_crashes")
    message = refused["reasons"][0]["message"]
    assert f"{OLD} -> {NEW} crashes" in message
    assert re.search(
        r"[0-9]+ of [0-9]+ boots crashed, on [0-9]+ of [0-9]+ hosts, q = .*leading bug [0-9a-f]{16} \(", message
    )
    assert plan(fallback="cold_boot")["action"] == "cold_boot"
    for changes in ({"accept": ["transition_crashes"]}, {"on_crash_risk": "warn"}, {"crash_risk_threshold": 1e6}):
        allowed = plan(**changes)
        assert (allowed["action"], allowed["warnings"][0]["code"]) == ("handover", "transition_crashes")
    assert plan(release="7.2.12-kho", allow_downgrade=True)["reasons"][0]["code"] == "target_not_found"


def documented_gate() -> list[dict[str, Any]]:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/howto/ledger.md").read_text(), re.DOTALL)
    (gate,) = (block for block in blocks if "within_budget" in block)
    tasks: list[dict[str, Any]] = yaml.safe_load(gate)
    return tasks


@pytest.mark.parametrize(("crashed", "passes"), [(1, True), (2, False)])
def test_gate_of_the_documentation(controller: Controller, crashed: int, passes: bool) -> None:
    began = datetime.fromtimestamp(time.time() - 3600, timezone.utc).isoformat()
    hosts = {}
    for number in range(3):
        ending = {"ending": "crash" if number < crashed else "clean", "begin": began, "end": began}
        path = controller.directory / f"web{number}.json"
        path.write_text(json.dumps(history(boot(boot_id=str(uuid.UUID(int=number)), **ending))))
        hosts[f"web{number}"] = {"log": str(path), "kexec_upgrade_result": upgraded()}
    logs = {"kho.kexec.kexec_history_info": {"console_logs": ["{{ log }}"]}}
    said = controller.run(documented_gate(), hosts, module_defaults=logs)
    assert said.startswith("0 " if passes else "2 ")
    assert ("crash_budget_exceeded" in said) is not passes
    assert ("web0, web1" in said) is not passes


def test_ledger_that_is_away_fails_no_host_and_is_not_silent(controller: Controller) -> None:
    record = {"state": "recorded", "transition": "{{ kexec_upgrade_result }}", "on_error": "warn"}
    away = {**record, "url": "postgresql://me@127.0.0.1:1/fleet"}
    tasks = [{"name": "Record", "kho.kexec.kexec_ledger": task} for task in (away, record, record)]
    said = controller.run(tasks, {"web1": {"kexec_upgrade_result": upgraded()}})
    assert said.startswith("0 ")
    assert "cannot be reached, so nothing was read or written" in said
    assert re.search(r"web1 : ok=3 changed=1 ", said)
