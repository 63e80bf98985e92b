# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fleet's cold boots of the target show as trouble gets to each host that is judged, asked once for a wave."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.rollout.test_tasks import AWAY
from unit.plugins.plugin_utils.histories import cold, history

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from bench.rollout import UPGRADE, Simulation
from tools.layout import ROOT

HOSTS = 3
HOSTILE = "[Firmware Bug]: {{ 7 * 7 }} {% raw %} \x1b[2J"
SHOWN = "[Firmware Bug]: ?{ 7 * 7 }} ?% raw %} ?[2J"
OTHER = "DMAR: of another release"


def cold_boots(release: str, code: str, signature: str) -> dict[str, Any]:
    troubles = [{"code": code, "signature": signature}]
    return history(*(cold(number, release=release, troubles=troubles) for number in (1, 2)))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "asked"
    folder.mkdir()
    monkeypatch.setenv("BENCH_ASKED", str(folder))
    return folder


def upgrade(tmp_path: Path, url: str) -> str:
    """Upgrade simulated hosts that leave together, and return what was shown."""
    simulation = Simulation(tmp_path / "simulated", AWAY)
    options = {"kexec_upgrade_waves": "100%", "kexec_upgrade_target": "7.3.4-kho", "kexec_upgrade_ledger": True}
    playbook = ROOT / "playbooks" / UPGRADE
    simulation.cost(UPGRADE, HOSTS, 2, playbook, {**options, "kexec_upgrade_ledger_url": url})
    output = (tmp_path / "simulated/output.txt").read_text()
    print(output)
    return output


def told(asked: Path) -> list[list[dict[str, Any]]]:
    """Return what each host was told of, out of the module that it was sent."""
    option = '"health_own_troubles": '
    sent = [path.read_text(errors="replace").replace("\\", "") for path in sorted(asked.iterdir())]
    return [json.JSONDecoder().raw_decode(text, text.index(option) + len(option))[0] for text in sent]


def test_hosts_are_told_what_the_target_has_after_cold_boots_elsewhere(tmp_path: Path, asked: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger(place_of(url)) as ledger:
        for number in range(3):
            ledger.import_history(f"web{number}", cold_boots("7.3.4-kho", "firmware_bug", HOSTILE), int(time.time()))
            ledger.import_history(f"old{number}", cold_boots("7.2.13-kho", "iommu_fault", OTHER), int(time.time()))
        ledger.import_history("alone", cold_boots("7.3.4-kho", "iommu_fault", "of one host"), int(time.time()))
    output = upgrade(tmp_path, url)
    of_target = {"release": "7.3.4-kho", "code": "firmware_bug", "signature": SHOWN, "boots": 6, "hosts": 3}
    assert told(asked) == [[of_target]] * HOSTS
    assert output.count("TASK [Ask the ledger") == 1
    met = re.findall(r"^host0000[1-9] +: ok=(\d+) .* skipped=(\d+)", output, re.MULTILINE)
    assert met == [("5", "0")] * (HOSTS - 1), "as without a ledger"


def test_ledger_that_is_away_tells_nothing_and_fails_no_host(
    tmp_path: Path, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = upgrade(tmp_path, "postgresql://me@127.0.0.1:1/fleet")
    assert told(asked) == [[]] * HOSTS
    assert "so nothing was read or written" in " ".join(capfd.readouterr().err.split())
    assert output.count("handover_verified") >= HOSTS
