# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's entry point `commit`: which release it asks for, where this run made the jump, and where it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from integration.rollout.test_tasks import AWAY

from bench.rollout import Simulation

OLDEST = next(iter(CORES.values()))
STEPS = {
    "of a jump that another run has made": (["commit"], False),
    "of a jump whose parts are called one by one": (["stage", "transition", "commit"], True),
    "after the whole role": (["main", "commit"], True),
}


@pytest.mark.parametrize("which", STEPS)
def test_commit(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, is_named = STEPS[which]
    monkeypatch.setenv("BENCH_ASKED", str(tmp_path))
    simulation = Simulation(tmp_path / "simulated", AWAY, OLDEST / "python")
    role = {"name": "kho.kexec.kexec_upgrade"}
    tasks: list[dict[str, Any]] = [{"ansible.builtin.import_role": {**role, "tasks_from": step}} for step in steps]
    simulation.cost(which, 1, 1, simulation.play(tasks), {"kexec_upgrade_target": "7.3.4-kho"})
    sent = (tmp_path / "127.1.0.1").read_text(errors="replace").replace("\\", "")
    assert "kexec_commit" in sent
    assert ('"release": "7.3.4-kho"' in sent, '"release": ""' in sent) == (is_named, False)
