# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices: two runs side by side that share one rollout in one PostgreSQL, where one fails, and where one is killed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.postgres import private_cluster
from tools.layout import ROOT

from .fleet import PROVEN, Fleet
from .fleets import JUMP, all_end, fails_on
from .story import fleet_story, require, require_in

STEERING = ROOT / "playbooks" / "kexec_rollout.yml"
NAME = "slices"


def sharing(url: str, **variables: Any) -> dict[str, Any]:
    """The variables of a slice, whose waves are of one host."""
    shared = {"kexec_upgrade_rollout": NAME, "kexec_upgrade_ledger_url": url, "kexec_upgrade_ledger": True}
    return {**shared, "kexec_upgrade_waves": [1], **variables}


def steered(url: str, folder: Path, state: str, why: str = "") -> str:
    """Steer the rollout with its playbook; returns what that says of it."""
    given = {"name": NAME, "ledger_url": url, "state": state, "why": why, "page": str(folder / "rollout.html")}
    extra = json.dumps({f"kexec_rollout_{name}": value for name, value in given.items()})
    argv = ["ansible-playbook", "-i", "localhost,", "-e", extra, "-c", "local", str(STEERING)]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


@fleet_story()
def failure_in_one_slice(fleet: Fleet) -> None:
    """It stops the other before its next wave. Once its cause is gone and the rollout resumed, both finish it."""
    first, failing, last = fleet.names
    before, pause = fleet.boots(), fleet.folder / "pause"
    with private_cluster() as cluster:
        url = cluster.url
        with fleet.playing([first, last], **sharing(url, kexec_upgrade_pause_file=str(pause))) as one:
            one.wait_for_task(JUMP)
            # Its second wave waits, until the other slice has failed.
            pause.touch()
            hook = fails_on(fleet, "before", failing)
            other = fleet.play([failing], **sharing(url, kexec_upgrade_before_tasks=hook))
            require(other.status, 2, "exit status of the slice that fails", other)
            require(other.results[failing]["code"], "task_failed", "code", other)
            pause.unlink()
            told = one.end()
        require(told.status, 2, "exit status of the other slice", told)
        require(told.results[first]["verdict"], PROVEN, "verdict of the canary", told)
        require_in("rollout_was_stopped", told.output, "code")
        require_in(f"Not proven: {failing}.", told.output, "who failed in the other slice")
        require(fleet.boots(), [before[0] + 1, *before[1:]], "boots", told)
        all_end(fleet, [fleet.new, fleet.old, fleet.old])
        require_in("1 failed", steered(url, fleet.folder, "resumed", "The cause is gone."), "what is told of it")
        before = fleet.boots()
        with fleet.playing([first, last], **sharing(url)) as one, fleet.playing([failing], **sharing(url)) as two:
            ends = [one.end(), two.end()]
        require([end.status for end in ends], [0, 0], "exit statuses of the next runs", ends[0])
        require(fleet.boots(), [before[0], before[1] + 1, before[2] + 1], "boots of the next runs")
        all_end(fleet, [fleet.new] * 3)
        require_in("3 proven", steered(url, fleet.folder, "info"), "the sums")


@fleet_story()
def slice_that_is_killed(fleet: Fleet) -> None:
    """In a jump. The other slice goes on; run again, the first judges its host, which jumps no second time."""
    first, second, other = fleet.names
    before = fleet.boots()
    with private_cluster() as cluster:
        url = cluster.url
        with fleet.playing([first, second], **sharing(url)) as killed:
            killed.wait_for_task(JUMP)
            with fleet.playing([other], **sharing(url)) as two:
                fleet.stages[0].wait_for_boot(before[0])
                killed.kill()
                told = two.end()
        require(told.status, 0, "exit status of the other slice", told)
        require(told.results[other]["verdict"], PROVEN, "its verdict", told)
        again = fleet.play([first, second], **sharing(url))
        require(again.status, 0, "exit status of the slice that is run again", again)
        require(fleet.boots(), [number + 1 for number in before], "boots", again)
        all_end(fleet, [fleet.new] * 3)
        require_in("3 proven", steered(url, fleet.folder, "info"), "the sums")
