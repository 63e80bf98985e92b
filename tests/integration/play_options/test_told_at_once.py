# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a careless operator types is refused before any host is asked, or done as it was meant; nothing is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from integration.play_options.test_play_options import UPGRADE, Controller


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return Controller(CORES[request.param], tmp_path)


def refuse(controller: Controller, playbook: str = UPGRADE, *arguments: str, **where: Mapping[str, Any]) -> str:
    """Run a playbook, which asks no host, and return what it says in one line."""
    run = controller.run(playbook, *arguments, **where)
    assert (run.rc, run.output.count("PLAY [")) == (2, 1), "no host was asked"
    assert "Traceback" not in run.output
    return run.said()


def test_all_that_is_wrong_is_told_at_once(controller: Controller) -> None:
    """As YAML without quotes has it, and as JSON on the command line."""
    group = {
        "kexec_upgrade_target": 7.10,
        "kexec_upgrade_guard": False,
        "kexec_upgrade_accept": ["kho_abi_mismatc"],
        "kexec_upgrade_health_ignore": "unit-failed",
        "kexec_upgrade_timeout": "10 m",
        "kexec_upgrade_watchdog": "requir",
        "kexec_upgrade_commit": None,
        "kexec_upgrade_command_line_replace": {"mitigations": False},
        "kexec_upgrade_health_commands": ["systemctl is-active nginx"],
    }
    said = refuse(controller, groups={"db": {"kexec_upgrade_commit": None}})
    assert "kexec_upgrade_commit of db1" in said
    del group["kexec_upgrade_commit"]
    said = refuse(controller, groups={"db": group})
    for why in (
        "kexec_upgrade_target: it is the number 7.1",
        "kexec_upgrade_guard must be one of: require, prefer, off, got: False",
        "there is no 'kho_abi_mismatc' (is kho_abi_mismatch meant?)",
        "there is no 'unit-failed' (is unit_failed meant?)",
        "kexec_upgrade_timeout: '10 m' is not a number of seconds; write 600, 10m",
        "got: requir (is require meant?)",
        "kexec_upgrade_command_line_replace: it holds something that is the truth value False",
        "kexec_upgrade_health_commands: it holds 'systemctl is-active nginx'",
    ):
        assert why in said
    assert said.count("kexec_upgrade_target: it is the number 7.1") <= 2, "newer ansible-cores tell a failure twice"
