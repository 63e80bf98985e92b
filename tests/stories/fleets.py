# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts over several hosts: waves that stop, go on, wait, and share a budget with others."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tools.layout import ROOT

from .fleet import PROVEN, Fleet
from .show import StoryError, Told
from .stage import ROLLBACK
from .story import fleet_story, is_quiet, require, require_in

SERVER = ROOT / "tests" / "integration" / "fleet_lock" / "server.py"
JUMP = "Leave the running kernel and prove the handover"
# What an upgrade may cost for each host. Of the tasks that run, one includes how the host goes on, and one says how it
# went. What is not asked for is skipped on the first host of the wave, for all.
TASKS, SKIPPED = 4, 0


def fails_on(fleet: Fleet, name: str, host: str) -> str:
    """A task file that fails on one host."""
    failing = {"ansible.builtin.fail": {"msg": f"{host} is not well."}, "when": f"inventory_hostname == '{host}'"}
    return fleet.tasks(name, [{"name": "Look", **failing}])


def verdicts(told: Told, fleet: Fleet) -> list[str | None]:
    """What became of each host; None for those that nothing is known of."""
    return [told.results.get(name, {}).get("verdict") for name in fleet.names]


def all_end(fleet: Fleet, releases: list[str]) -> None:
    """Each host runs its release, and nothing is left staged, armed or claimed."""
    require(fleet.running(), releases, "releases at the end")
    for stage in fleet.stages:
        is_quiet(stage)


@fleet_story(representative=True)
def all_hosts_go_well(fleet: Fleet) -> None:
    """A canary, then the others at once; the results tell the same."""
    before = fleet.boots()
    told = fleet.play(kexec_upgrade_waves=[1, "100%"])
    require(told.status, 0, "exit status", told)
    require(verdicts(told, fleet), [PROVEN] * len(fleet.names), "verdicts", told)
    require(fleet.boots(), [number + 1 for number in before], "boots", told)
    all_end(fleet, [fleet.new] * len(fleet.names))
    # The first host of a wave also runs what is done once for the wave.
    for name in fleet.names[2:]:
        require(told.ran[name] <= TASKS, True, f"{told.ran[name]} tasks on {name}, at most {TASKS}")
        require(told.skipped[name] <= SKIPPED, True, f"{told.skipped[name]} skipped on {name}, at most {SKIPPED}")
    (results,) = fleet.folder.glob("results-1/*.json")
    run = json.loads(results.read_text())
    require(run["run"]["state"], "finished", "state of the run")
    require({host["name"]: host["verdict"] for host in run["hosts"]}, dict.fromkeys(fleet.names, PROVEN), "results")


@fleet_story()
def all_hosts_are_there_already(fleet: Fleet) -> None:
    """After all have gone well, a second run changes nothing."""
    all_hosts_go_well(fleet)
    there = fleet.boots()
    again = fleet.play(kexec_upgrade_waves=["100%"])
    require(again.status, 0, "exit status of the second run", again)
    require(fleet.boots(), there, "boots after the second run", again)


@fleet_story()
def more_hosts_than_forks(fleet: Fleet) -> None:
    """All hosts of the wave are on their way at the same time, there and back; one process waits for them."""
    fleet.forks, before = 1, fleet.boots()
    told = fleet.play(kexec_upgrade_waves=["100%"])
    require(told.status, 0, "exit status", told)
    require(verdicts(told, fleet), [PROVEN] * len(fleet.names), "verdicts", told)
    require(fleet.boots(), [number + 1 for number in before], "boots", told)
    went_together(fleet)
    all_end(fleet, [fleet.new] * len(fleet.names))
    back = fleet.play(playbook=ROLLBACK, kexec_upgrade_waves=["100%"])
    require(back.status, 0, "exit status of the rollback", back)
    require(fleet.boots(), [number + 2 for number in before], "boots after the rollback", back)
    went_together(fleet)
    all_end(fleet, [fleet.old] * len(fleet.names))


def went_together(fleet: Fleet) -> None:
    """One after the other, the hosts of the last run would have been away for less time than all of it took."""
    (results,) = fleet.folder.glob(f"results-{fleet.plays}/*.json")
    hosts = json.loads(results.read_text())["hosts"]
    moments = [{event["event"]: event["seconds"] for event in host["events"]} for host in hosts]
    span = max(moment["verdict"] for moment in moments) - min(moment["jump_begun"] for moment in moments)
    away = sum(host["outage_seconds"] for host in hosts)
    require(away > span, True, f"away for {away} s together, in {span} s")


@fleet_story()
def part_of_a_wave_that_goes_back_together(fleet: Fleet) -> None:
    """Two of three are not well; both are rolled back, waited for together, and the third keeps its new kernel."""
    fleet.forks, before = 1, fleet.boots()
    first, *others = fleet.names
    failing = {"ansible.builtin.fail": {"msg": "It is not well."}, "when": f"inventory_hostname != '{first}'"}
    verify = fleet.tasks("verify", [{"name": "Look", **failing}])
    told = fleet.play(kexec_upgrade_waves=["100%"], kexec_upgrade_verify_tasks=verify)
    require(told.status, 2, "exit status", told)
    require(verdicts(told, fleet), [PROVEN, "unhealthy", "unhealthy"], "verdicts", told)
    require([told.results[name]["rolled_back_to"] for name in others], [fleet.old] * 2, "rolled back to", told)
    require(fleet.boots(), [before[0] + 1, before[1] + 2, before[2] + 2], "boots", told)
    require_in(f"Not proven: {' '.join(others)}.", told.output, "gate")
    all_end(fleet, [fleet.new, fleet.old, fleet.old])


@fleet_story()
def host_that_is_lost_in_a_wave(fleet: Fleet) -> None:
    """It is waited for until its guard brings it back; the others, proven meanwhile, keep their new kernels."""
    lost = fleet.stages[1]
    before = fleet.boots()
    # Before the SSH server starts, and forever.
    lost.at_next_boot(fleet.new, "sleep infinity")
    told = fleet.play(kexec_upgrade_waves=["100%"], kexec_upgrade_confirm_timeout=150, kexec_upgrade_timeout=150)
    require(told.status, 2, "exit status", told)
    require(verdicts(told, fleet), [PROVEN, "rolled_back", PROVEN], "verdicts", told)
    require(fleet.boots(), [before[0] + 1, before[1] + 2, before[2] + 1], "boots", told)
    all_end(fleet, [fleet.new, fleet.old, fleet.new])


@fleet_story()
def canary_that_fails(fleet: Fleet) -> None:
    """The canary is rolled back, and nobody else is touched."""
    canary, *others = fleet.names
    before = fleet.boots()
    told = fleet.play(kexec_upgrade_waves=[1, "100%"], kexec_upgrade_verify_tasks=fails_on(fleet, "verify", canary))
    require(told.status, 2, "exit status", told)
    require(told.results[canary]["rolled_back_to"], fleet.old, "rolled back to", told)
    require(set(told.results), {canary}, "hosts with results", told)
    require_in(f"Not proven: {canary}. Untouched: {' '.join(others)}.", told.output, "gate")
    require(fleet.boots()[1:], before[1:], "boots of the others")
    all_end(fleet, [fleet.old] * len(fleet.names))


@fleet_story()
def failure_in_the_second_wave(fleet: Fleet) -> None:
    """It stops the third; once its cause is gone, the same command finishes the rollout."""
    first, second, third = fleet.names
    told = fleet.play(kexec_upgrade_waves=[1], kexec_upgrade_before_tasks=fails_on(fleet, "before", second))
    require(told.status, 2, "exit status", told)
    require_in(f"Not proven: {second}. Untouched: {third}.", told.output, "gate")
    require(told.results[second]["code"], "task_failed", "code", told)
    all_end(fleet, [fleet.new, fleet.old, fleet.old])
    before = fleet.boots()
    again = fleet.play(kexec_upgrade_waves=[1])
    require(again.status, 0, "exit status of the next run", again)
    require(fleet.boots(), [before[0], before[1] + 1, before[2] + 1], "boots of the next run", again)
    require(again.results[first]["action"], "none", "action for the first host", again)
    all_end(fleet, [fleet.new] * 3)


@fleet_story()
def wave_hook_that_fails(fleet: Fleet) -> None:
    """Before a wave: none of its hosts is touched, and no wave follows."""
    before = fleet.boots()
    hook = fleet.tasks("wave", [{"name": "Ask", "ansible.builtin.fail": {"msg": "It is not a good time."}}])
    told = fleet.play(kexec_upgrade_waves=[2], kexec_upgrade_wave_before_tasks=hook)
    require(told.status, 2, "exit status", told)
    require_in("none of its hosts was touched: It is not a good time.", told.output, "message")
    require(fleet.boots(), before, "boots")
    require(told.results, {}, "results", told)
    all_end(fleet, [fleet.old] * len(fleet.names))


@fleet_story()
def window_that_closes(fleet: Fleet) -> None:
    """The first wave finishes although the window closes meanwhile; the second does not begin."""
    first, *others = fleet.names
    now = datetime.now(timezone.utc)
    # On a full minute, 75 to 135 seconds from now: the first host has left by then, and its wave has not ended.
    closes = now + timedelta(seconds=75 + 59)
    window = {"from": f"{now - timedelta(hours=1):%H:%M}", "to": f"{closes:%H:%M}"}
    wait = fleet.tasks("after", [{"name": "Wait", "ansible.builtin.pause": {"seconds": 90}}])
    told = fleet.play(kexec_upgrade_waves=[1, 2], kexec_upgrade_window=window, kexec_upgrade_after_tasks=wait)
    require(told.status, 2, "exit status", told)
    require(told.results[first]["verdict"], PROVEN, "verdict", told)
    require_in(f"Untouched: {' '.join(others)}.", told.output, "gate")
    require_in("window_closed", told.output, "code")
    all_end(fleet, [fleet.new, fleet.old, fleet.old])


@contextmanager
def serving(folder: Path, slots: int) -> Iterator[str]:
    """A FleetLock server; its URL."""
    argv = [sys.executable, str(SERVER), str(folder), "--slots", str(slots)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@fleet_story()
def two_controllers_with_one_budget(fleet: Fleet) -> None:
    """The log of the lock's server: never more hosts at once than slots, and all slots are free at the end."""
    first, second, third = fleet.names
    with serving(fleet.folder, 1) as url:
        shared: dict[str, Any] = {"kexec_upgrade_waves": [1], "kexec_upgrade_fleet_lock_url": url}
        with fleet.playing([first, second], **shared) as one, fleet.playing([third], **shared) as other:
            for told in (one.end(), other.end()):
                require(told.status, 0, "exit status", told)
    held = [json.loads(line)["held"] for line in (fleet.folder / "log.jsonl").read_text().splitlines()]
    require(max(len(holders) for holders in held), 1, "slots held at once")
    require({holder for holders in held for holder in holders}, set(fleet.names), "who held one")
    require(held[-1], [], "held at the end")
    all_end(fleet, [fleet.new] * 3)


@fleet_story()
def interrupted_in_a_wave(fleet: Fleet) -> None:
    """Ctrl-C while two hosts jump: it is told who is where, and the same command finishes without a second jump."""
    before = fleet.boots()
    with fleet.playing(kexec_upgrade_waves=[2, 1]) as show:
        show.wait_for_task(JUMP)
        deadline = time.monotonic() + 300
        while fleet.boots()[:2] != [number + 1 for number in before[:2]]:
            if time.monotonic() > deadline:
                raise StoryError("two hosts did not leave within 300 s")
            time.sleep(0.5)
        show.interrupt()
        told = show.end()
    require(told.status in (99, 130), True, f"exit status {told.status}", told)
    require_in("The rollout was interrupted", told.output, "end of the output")
    for stage, number in zip(fleet.stages[:2], before, strict=False):
        stage.wait_for_boot(number)
    again = fleet.play(kexec_upgrade_waves=[2, 1])
    require(again.status, 0, "exit status of the next run", again)
    require(fleet.boots(), [number + 1 for number in before], "boots", again)
    all_end(fleet, [fleet.new] * 3)
