# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_report.yml with each ansible-core: gathers, leaves lost hosts out, finds the deadly transition."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES

from bench import fleet
from bench.fleet import DEADLY, histories
from tools.layout import ROOT

HERE = Path(__file__).parent
LOST: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
# Two hosts are no evidence: what both do may be their own.
NAMES = [f"web{number}" for number in range(6)]
BOOTS = 200


class Controller:
    """Runs the playbook with one ansible-core over hosts with made-up histories."""

    def __init__(self, folder: Path, directory: Path) -> None:
        self._folder = folder
        self.directory = directory
        collection = directory / "collections/ansible_collections/kho/kexec"
        (collection / "plugins/modules").mkdir(parents=True)
        for part in (
            "plugins/action",
            "plugins/lookup",
            "plugins/plugin_utils",
            "plugins/module_utils",
            "roles",
            "playbooks",
        ):
            (collection / part).symlink_to(ROOT / part)
        for name in ("kexec_ledger", "kexec_central_logs", "kexec_options", "kexec_play_options"):
            (collection / f"plugins/modules/{name}.py").symlink_to(ROOT / f"plugins/modules/{name}.py")
        stand_in = HERE / "stand_in/kexec_history_info.py"
        (collection / "plugins/modules/kexec_history_info.py").symlink_to(stand_in)

    def hosts(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {"lost": LOST}
        for number, (host, history) in enumerate(histories(len(NAMES), BOOTS, seed=1)):
            path = self.directory / f"{host}.json"
            path.write_text(json.dumps(history))
            local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
            found[NAMES[number]] = {**local, "kexec_report_console_logs": [str(path)]}
        return found

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_REMOTE_TMP": str(self.directory / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "XDG_DATA_HOME": str(self.directory / "data"),
        }
        (self.directory / "inventory.json").write_text(json.dumps({"all": {"hosts": self.hosts()}}))
        done = subprocess.run(
            [str(self._folder / "ansible-playbook"), "-i", "inventory.json", "kho.kexec.kexec_report", *arguments],
            cwd=self.directory,
            env={**own, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        print(done.stdout, done.stderr)
        return done

    def ask(self, sql: str) -> list[Any]:
        with sqlite3.connect(self.directory / "data/kho-kexec/ledger.db") as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    # So few boots have to crash often.
    monkeypatch.setattr(fleet, "DEADLY_RATE", 0.7)
    return Controller(CORES[request.param], tmp_path)


def test_report_finds_the_transition_that_crashes(controller: Controller) -> None:
    run = controller.run()
    assert run.returncode == 4  # a host is unreachable
    assert controller.ask("SELECT host, count(*) FROM boots GROUP BY host") == [(name, BOOTS) for name in NAMES]
    assert controller.ask("SELECT cursor FROM cursors") == [("+",)] * len(NAMES)
    folder = controller.directory / "kexec-report"
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.md", "report.html"}
    report = json.loads((folder / "report.json").read_text())
    findings = {(seen["previous_release"], seen["release"]): seen["finding"] for seen in report["transitions"]}
    assert findings[DEADLY] == "crashes_more"
    assert f"{DEADLY[0]} -> {DEADLY[1]} crashes" in run.stdout
    assert "[DEPRECATION" not in run.stderr


def test_second_run_goes_on_from_the_first(controller: Controller) -> None:
    controller.run("--limit", "web*")
    run = controller.run("--limit", "web*")
    assert run.returncode == 0
    assert controller.ask("SELECT count(*) FROM boots") == [(len(NAMES) * BOOTS,)]
    assert controller.ask("SELECT cursor FROM cursors") == [("++",)] * len(NAMES)
    # The report is always written anew; nothing else has changed.
    assert re.findall(r"^changed: \[(.*)\]", run.stdout, re.MULTILINE) == ["web0"]


def test_check_mode_writes_nothing(controller: Controller) -> None:
    run = controller.run("--limit", "web*", "--check")
    assert run.returncode == 0
    assert not (controller.directory / "data").exists()
    assert not (controller.directory / "kexec-report").exists()


def test_central_logs_alone_are_read_and_no_host_is_asked(controller: Controller) -> None:
    controller.run("--limit", "web*")
    collector = controller.directory / "netconsole"
    collector.mkdir()
    crash = (ROOT / "tests/unit/golden/crashes/x86-null-pointer-panic.txt").read_text()
    for name in ("web1.log", "lost-20261130.log", "stranger.log"):
        (collector / name).write_text(crash)
    options = {
        "kexec_report_ask_hosts": False,
        "kexec_report_central_logs": [{"kind": "netconsole", "path": str(collector)}],
    }
    run = controller.run("-e", json.dumps(options))
    assert run.returncode == 0  # nobody has noticed that a host is unreachable
    assert "unreachable=1" not in run.stdout
    found = controller.ask("SELECT host, source FROM crashes WHERE source = 'netconsole' ORDER BY host")
    assert found == [("lost", "netconsole"), ("web1", "netconsole")]
    assert "central_log_unmatched" in run.stdout + run.stderr
    assert "stranger.log" in run.stdout + run.stderr


def test_central_logs_that_are_not_there(controller: Controller) -> None:
    logs = [{"kind": "kdump", "path": str(controller.directory / "none")}]
    run = controller.run("-e", json.dumps({"kexec_report_ask_hosts": False, "kexec_report_central_logs": logs}))
    assert run.returncode == 2
    assert "central_logs_missing" in run.stdout
