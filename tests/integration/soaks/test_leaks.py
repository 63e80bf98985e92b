# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that loses memory at each handover, soaked beside one that does not: the report names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.cores import CORES
from integration.soak.world import NEW, OLD, World

LEAK, JUMPS = 16, 6
"""MiB that the older kernel loses with each of so many jumps."""


@pytest.fixture(params=CORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(CORES[request.param], tmp_path, ("web1", "web2", "web3"))


def test_the_report_finds_the_kernel_that_leaks_and_no_other(world: World) -> None:
    for number, host in enumerate(world.hosts, 1):
        leaks = number < 3
        world.set(host, release=OLD if leaks else NEW, leak=LEAK if leaks else 0, seed=number)
    url = f"sqlite:///{world.folder}/ledger.db"
    code, output = world.run(jumps=JUMPS, waves="100%", ledger=True, ledger_url=url, within=1500)
    assert code == 0
    assert output.count("free memory drifts with the count") == 2, "each host's own soak says so, too"
    (world.folder / "report.yml").write_text(json.dumps({"kexec_report_url": url, "kexec_report_directory": "report"}))
    status, _output = world.run("-e", "@report.yml", playbook="kexec_report")
    assert status == 0
    report = json.loads((world.folder / "report/report.json").read_text())
    found = {(one["release"], one["measure"]): one for one in report["drifts"]}
    leaking = found.pop((OLD, "free_bytes"))
    assert (leaking["finding"], leaking["hosts"], leaking["jumps"]) == ("falls", 2, 2 * JUMPS)
    assert -LEAK * 1.1 < leaking["slope"] / (1 << 20) < -LEAK * 0.9
    assert {one["finding"] for one in found.values()} <= {"no_drift", "too_few"}, found
    assert {measure for release, measure in found if release == NEW} >= {"free_bytes", "slab_bytes"}
    assert f"{OLD}: free memory falls with the count" in (world.folder / "report/report.html").read_text()
