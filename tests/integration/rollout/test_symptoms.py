# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What new kernels complain about stops a rollout whose hosts all went well, where symptoms count at its gate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from integration.shared.world import World, world
from unit.plugins.plugin_utils.histories import cold, history

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of

FIRST = [f"web{number:02}" for number in range(12)]
LAST = "web99"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[World]:
    """Hosts of a rollout, and others that run and complain of nothing for as long as it takes."""
    url, now = f"sqlite:///{tmp_path}/ledger.db", int(time.time())
    begin = datetime.fromtimestamp(now - 14 * 86400, timezone.utc).isoformat()
    running = cold(1, begin=begin, end=None, ending="running", troubles=[])
    with Ledger(place_of(url)) as ledger:
        for number in range(len(FIRST)):
            ledger.import_history(f"other{number}", history(running), now + 900)
    with world(tmp_path, url) as made:
        yield made


def test_complaints_that_come_with_the_jump_stop_the_rollout(fleet: World) -> None:
    for host in FIRST:
        fleet.complains(host)
    gate = {"ledger": True, "ledger_gate": "no_worse_with_symptoms"}
    run = fleet.start(*FIRST, LAST, rollout="", waves=[len(FIRST), 1], **gate)
    assert run.end() != 0
    assert (fleet.jumps(*FIRST), fleet.jumps(LAST)) == ([1] * len(FIRST), [0])
    said = " ".join(run.output.split())
    assert "codes.md#jumped_hosts_worse" in said
    assert "Of 12 hosts that jumped, 12 complained of iommu_fault (DMAR: [DMA Write] Request device" in said
    assert "after it and not before, and 0 before and not after" in said
    assert "Beside others that waited in the same hours, it is 12 to 0." in said
    assert "Crashed: none." in said
