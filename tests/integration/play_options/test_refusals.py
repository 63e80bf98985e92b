# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done is refused before a host is asked, and runs end with the documented exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from integration.cores import CORES
from integration.play_options.test_play_options import PLAYBOOKS, PREPARE, ROOT, UPGRADE, Controller
from unit.support.cases import CHECK, more


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return Controller(CORES[request.param], tmp_path)


@pytest.mark.parametrize("check", CHECK)
@pytest.mark.parametrize(
    ("connection", "code"), [("local", "connection_local"), ("incus", "connection_without_kernel")]
)
def test_what_cannot_be_left_is_refused_before_it_is_asked(
    controller: Controller, connection: str, code: str, check: tuple[str, ...]
) -> None:
    everywhere = {"ansible_connection": connection, "kexec_upgrade_target": "staged"}
    for playbook in (UPGRADE, "kho.kexec.kexec_rollback"):
        run = controller.run(playbook, *check, everywhere={**everywhere, "kexec_upgrade_hosts": "db"})
        assert run.rc == 2
        assert f"(docs/reference/codes.md#{code})" in run.output
        assert "changed: [db1]" not in run.output, "nothing was staged"
        assert "Undo what was staged" not in run.output
        assert "Load the kernel that ran before" not in run.output
        assert "WAS ASKED" not in run.output
    cold = {**everywhere, "kexec_prepare_hosts": "db", "kexec_prepare_allow_cold_boot": True}
    run = controller.run(PREPARE, *check, everywhere=cold)
    assert (run.rc, f"codes.md#{code}" in run.output, "Look" in run.output) == (2, True, False)


@pytest.mark.parametrize("delegate", ["localhost", *more("127.0.0.1")])
def test_delegation_decides_where_a_plan_leads(controller: Controller, delegate: str) -> None:
    tasks = [
        {"name": "Plan", "kho.kexec.kexec_plan_info": {}},
        {"name": "Load", "kho.kexec.kexec_image": {"release": "staged"}},
        {"name": "Jump", "kho.kexec.kexec_reboot": {}},
    ]
    plays = [{"hosts": "db", "gather_facts": False, "tasks": [{**task, "delegate_to": delegate}]} for task in tasks]
    for play in plays:
        (controller.folder / "site.yml").write_text(json.dumps([play]))
        # Only the name of the implicit localhost has a connection of its own.
        run = controller.run("site.yml", everywhere={"ansible_connection": "local"})
        assert run.rc == 2
        assert "codes.md#connection_local" in run.output
    (controller.folder / "site.yml").write_text(
        json.dumps([{"hosts": "db", "gather_facts": False, "tasks": [{**tasks[1], "delegate_to": "localhost"}]}])
    )
    run = controller.run("site.yml")
    assert (run.rc, "codes.md#connection_local" in run.output) == (2, True)
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{**tasks[1], "delegate_to": "db1"}]}
    (controller.folder / "site.yml").write_text(json.dumps([play]))
    assert controller.run("site.yml").rc == 0


@pytest.mark.parametrize("check", CHECK)
def test_library_of_reports_is_asked_for_before_the_fleet_is_read(
    controller: Controller, check: tuple[str, ...]
) -> None:
    broken = controller.folder / "libraries"
    broken.mkdir()
    (broken / "scipy.py").write_text("raise ImportError('it is not there')")
    run = controller.run("kho.kexec.kexec_report", *check, python_path=broken)
    assert run.rc == 2
    assert "codes.md#ledger_library_missing" in run.output
    assert run.output.count("PLAY [") == 1, "no host was asked"
    assert "pipx inject ansible-core" in run.said()
    assert "PEP 668" in run.said()
    assert "no ledger" not in run.said()
    play = {"hosts": "db", "gather_facts": False, "roles": ["kho.kexec.kexec_report"]}
    (controller.folder / "site.yml").write_text(json.dumps([play]))
    alone = controller.run("site.yml", *check, python_path=broken)
    assert (alone.rc, "codes.md#ledger_library_missing" in alone.output) == (2, True)
    assert "Read the boots" not in alone.output


LOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
PAGE = (ROOT / "docs/reference/exit_codes.md").read_text(encoding="utf-8")
COLUMN = {"kexec_upgrade": 2, "kexec_rollback": 2, "kexec_prepare": 3, "kexec_report": 4, "kexec_facts": 5}


def documented(what: str, playbook: str) -> int:
    """Return the exit code that the page has for what happened; the first, where it depends."""
    (row,) = [line.split("|") for line in PAGE.splitlines() if line.startswith(f"| {what}")]
    return int(re.findall(r"\d+", row[COLUMN[playbook]])[0])


@pytest.mark.parametrize("playbook", [PLAYBOOKS[0], *more(*PLAYBOOKS[1:])])
def test_exit_codes_are_those_of_the_page(controller: Controller, playbook: str) -> None:
    name, role = f"kho.kexec.{playbook}", "kexec_upgrade" if playbook == "kexec_rollback" else playbook
    one = {f"{role}_hosts": "db1", "kexec_upgrade_panic": 0}
    runs = {
        "all is well": controller.run(name, everywhere=one),
        "a host cannot be reached": controller.run(name, everywhere={**one, **LOST}),
        "no host matches": controller.run(name, everywhere={f"{role}_hosts": "nobody"}),
        "`--limit` matches no host": controller.run(name, "--limit", "nobody"),
        "`ansible-playbook` does not know": controller.run(name, "--nonsense"),
    }
    assert {what: run.rc for what, run in runs.items()} == {what: documented(what, playbook) for what in runs}
