# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import Run, dead_run, run_identity, run_of


def refused(run: Any, code: str = "host_claimed") -> dict[str, Any]:
    return {"code": code, "claim": {"run": run}}


def gone() -> str:
    """Return a run of this machine that has ended."""
    with subprocess.Popen(["sleep", "60"]) as process:
        run = str(run_of(process.pid))
        process.kill()
    return run


def test_modules_are_told_of_the_parent_of_the_worker() -> None:
    asks = run_identity()
    assert asks["run"] == str(run_of(os.getppid()))
    assert f"process {os.getppid()}" in asks["owner"]
    assert asks["over"] == []


def test_claim_of_a_run_that_has_ended_may_be_taken_over() -> None:
    run = gone()
    assert dead_run(refused(run)) == run


def test_process_that_has_the_id_of_a_dead_one_is_another() -> None:
    here = run_of(os.getpid())
    earlier = str(Run(here.machine, here.pid, "1"))
    assert dead_run(refused(earlier)) == earlier


@pytest.mark.parametrize(
    "result",
    [
        refused(str(run_of(os.getpid()))),
        refused(str(Run("another machine", 1, "1"))),
        refused("nonsense"),
        refused(None),
        {"code": "host_claimed", "claim": "nonsense"},
        {"code": "host_claimed"},
        {},
    ],
)
def test_all_other_claims_are_respected(result: dict[str, Any]) -> None:
    assert dead_run(result) is None


def test_only_a_claim_is_taken_over() -> None:
    assert dead_run(refused(gone(), code="lockdown")) is None
