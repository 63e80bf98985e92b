# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers that die, hosts that lose power, and two runs at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from .show import Show, Told
from .stage import KILL, Stage
from .story import causes, ends, is_quiet, require, require_in, story

STAGE = "Load the target kernel"
JUMP = "Leave the running kernel and prove the handover"
# Points inside of the task that stages.
GUARD = "/var/lib/kho-kexec/guard.json"
LOADED = "{ read -r loaded < /sys/kernel/kexec_loaded; test $loaded = 1; }"
GUARD_BEGUN = f"test -e {GUARD}"
GUARD_ARMED = "test -e /etc/systemd/system/sysinit.target.d/kho-kexec-guard.conf"
# Points inside of the task that proves the new kernel and commits it, in the order in which it comes to them.
RECORD = "/var/lib/kho-kexec/transition.json"
JUDGED = '*\'"state": "closed"\'*'
COMMITTED = "*'\"committed\": true'*"
# Stops the module there: between these points are hundredths of a second. Once it runs, no look starts a program.
STOPPING = """\
cat > /run/stopping <<'END'
until pgrep --exact 'python3.*'; do sleep 0.1; done
while :; do
  found=
  while read -r line; do case $line in {point}) found=1 ;; esac; done < {record}
  [ -z "$found" ] || break
done
pkill --signal STOP --exact 'python3.*'
touch /run/stopped
END
systemd-run --collect --unit=stopping sh /run/stopping
"""
STOPPED = "test -e /run/stopped"
# Where the operator looks at the new kernel, the commit is a task of its own.
COMMIT = "Confirm the new kernel, and make it the boot loader's default"
LOOK = [{"name": "Look", "ansible.builtin.command": "uname -r"}]


def killed_at(stage: Stage, task: str, later: float) -> None:
    """Start the upgrade, and kill the controller so many seconds after a task began."""
    with stage.playing() as show:
        show.wait_for_task(task)
        time.sleep(later)
        show.kill()


def killed_inside_staging(stage: Stage, point: str) -> None:
    """Start the upgrade; kill the host's module as soon as the host has come to this point, and then the controller."""
    with stage.playing() as show:
        show.wait_for_task(STAGE)
        stage.kill_at(point)
        show.kill()


@contextmanager
def stopped_inside_proving(stage: Stage, point: str) -> Iterator[Show]:
    """An upgrade whose module on the new kernel was stopped as soon as the record had this in one of its lines."""
    stage.at_next_boot(stage.new, STOPPING.format(point=point, record=RECORD))
    before = len(stage.boots())
    with stage.playing() as show:
        show.wait_for_task(JUMP)
        stage.wait_for_boot(before)
        stage.wait_until(STOPPED)
        yield show


def proven_in_one_jump(stage: Stage, before: int) -> Told:
    """The same command again finishes, and there was one kexec only."""
    told = stage.play()
    require(told.status, 0, "exit status", told)
    require(told.result["accepted"], True, "accepted", told)
    require(told.result["committed"], True, "committed", told)
    require(causes(stage, before), ["kexec"], "boots")
    require(stage.running(), stage.new, "release")
    is_quiet(stage)
    return told


@story()
def controller_killed_while_staging(stage: Stage) -> None:
    """At the beginning, and when the image may be loaded already."""
    before = len(stage.boots())
    killed_at(stage, STAGE, 0.5)
    killed_at(stage, STAGE, 6.0)
    proven_in_one_jump(stage, before)


@story()
def controller_killed_while_arming(stage: Stage) -> None:
    """The image is loaded, and the guard is not there, half there, or armed."""
    before = len(stage.boots())
    for point in (LOADED, GUARD_BEGUN, GUARD_ARMED):
        killed_inside_staging(stage, point)
    proven_in_one_jump(stage, before)


@story(representative=True)
def controller_killed_in_the_jump(stage: Stage) -> None:
    """The host has left, and nobody waits for it."""
    before = len(stage.boots())
    with stage.playing() as show:
        show.wait_for_task(JUMP)
        stage.wait_for_boot(before)
        show.kill()
    told = proven_in_one_jump(stage, before)
    require(told.result["action"] in ("verify", "none"), True, "action", told)


@story()
def controller_killed_when_leaving(stage: Stage) -> None:
    """The order to leave may or may not have been given."""
    before = len(stage.boots())
    killed_at(stage, JUMP, 3.0)
    time.sleep(60)
    if len(stage.boots()) > before:
        stage.wait_for_boot(before)
    proven_in_one_jump(stage, before)


@story()
def controller_killed_before_the_commit(stage: Stage) -> None:
    """Verified, not committed: a power cycle would return to the old kernel, and the next run goes on."""
    before = len(stage.boots())
    with stage.playing(kexec_upgrade_verify_tasks=stage.tasks("verify", LOOK)) as show:
        show.wait_for_task(COMMIT)
        time.sleep(0.2)
        show.kill()
    proven_in_one_jump(stage, before)


@story()
def controller_killed_between_verdict_and_commit(stage: Stage) -> None:
    """In one run of the module: the verdict is written down, the commit has not begun, and the next run goes on."""
    before = len(stage.boots())
    with stopped_inside_proving(stage, JUDGED) as show:
        show.kill()
    stage.sh(KILL)
    told = proven_in_one_jump(stage, before)
    require(told.result["action"], "none", "action", told)


@story()
def controller_killed_inside_the_commit(stage: Stage) -> None:
    """The record says that it is committed; whether the boot loader starts the new kernel, the next run sees to."""
    before = len(stage.boots())
    with stopped_inside_proving(stage, COMMITTED) as show:
        show.kill()
    stage.sh(KILL)
    told = proven_in_one_jump(stage, before)
    require(told.result["action"], "none", "action", told)
    stage.cold_boot()
    require(stage.running(), stage.new, "release after a cold boot")


@story()
def power_cut_between_verdict_and_commit(stage: Stage) -> None:
    """In one run of the module: a power cycle returns to the old kernel, and the next run goes there again."""
    with stopped_inside_proving(stage, JUDGED) as show:
        there = len(stage.boots())
        stage.power_cut()
        told = show.end()
    require(told.status in (2, 4), True, "failed", told)
    stage.wait_for_boot(there)
    require(stage.running(), stage.old, "release")
    require(stage.play().result["verdict"], "handover_verified", "verdict of the next run")
    is_quiet(stage)


@story()
def controller_that_never_comes_back(stage: Stage) -> None:
    """Nobody asks the new kernel for its verdict: the guard brings the old one back, and the next run says so."""
    before = len(stage.boots())
    with stage.playing() as show:
        show.wait_for_task(JUMP)
        while len(stage.boots()) == before:
            time.sleep(0.2)
        show.kill()
    stage.wait_for_boot(before + 1, 900.0)
    ends(stage, stage.play(), "rolled_back", stage.old, "guard")


@story()
def power_cut_while_staged(stage: Stage) -> None:
    """Nothing has happened yet, and nothing of it is left; the upgrade begins anew."""
    before = len(stage.boots())
    with stage.playing() as show:
        show.wait_for_task(STAGE)
        stage.kill_at(GUARD_BEGUN)
        stage.power_cut()
        told = show.end()
    require(told.status in (2, 4), True, "failed", told)
    stage.wait_for_boot(before)
    told = stage.play()
    require(told.result["verdict"], "handover_verified", "verdict", told)
    is_quiet(stage)


@story()
def power_cut_in_the_jump(stage: Stage) -> None:
    """The target boots when the power goes: the old kernel comes back."""
    before = len(stage.boots())
    with stage.playing() as show:
        show.wait_for_task(JUMP)
        while len(stage.boots()) == before:
            time.sleep(0.2)
        stage.power_cut()
        told = show.end()
    ends(stage, told, "rolled_back", stage.old)


@story()
def power_cut_before_the_commit(stage: Stage) -> None:
    """Verified, not committed: a power cycle returns to the old kernel."""
    before = len(stage.boots())
    with stage.playing(kexec_upgrade_verify_tasks=stage.tasks("verify", LOOK)) as show:
        show.wait_for_task(COMMIT)
        stage.power_cut()
        told = show.end()
    require(told.status in (2, 4), True, "failed", told)
    stage.wait_for_boot(before + 1)
    require(stage.running(), stage.old, "release")
    require(stage.play().result["verdict"], "handover_verified", "verdict of the next run")
    is_quiet(stage)


@story()
def two_controllers(stage: Stage) -> None:
    """The second is told who the first is, and disturbs nothing."""
    before = len(stage.boots())
    wait = [{"name": "Wait", "ansible.builtin.pause": {"seconds": 60}}]
    with stage.playing(kexec_upgrade_before_tasks=stage.tasks("before", wait)) as first:
        first.wait_for_task("Wait")
        second = stage.play()
        require(second.result["code"], "host_claimed", "code", second)
        require_in("Another run works on this host: ", second.failures[0], "message")
        told = first.end()
    require(causes(stage, before), ["kexec"], "boots")
    require(told.status, 0, "exit status of the first", told)
    require(stage.running(), stage.new, "release")
    is_quiet(stage)


@story()
def controller_killed_while_rolling_back(stage: Stage) -> None:
    """The next run proves that the host is back, and the one after that does not send it there again."""
    tasks = stage.tasks("verify", [{"name": "Look", "ansible.builtin.fail": {"msg": "the shop is closed"}}])
    with stage.playing(kexec_upgrade_verify_tasks=tasks) as show:
        before = len(stage.boots())
        show.wait_for_task("Go back to it")
        while len(stage.boots()) < before + 2:
            time.sleep(0.2)
        show.kill()
    stage.wait_for_boot(before + 1)
    told = stage.play()
    require(told.result["accepted"], False, "accepted", told)
    require_in("is not the target", told.failures[-1], "message")
    require(stage.running(), stage.old, "release")
    again = stage.play()
    require(again.result["code"], "target_failed_before", "code of the run after that", again)
    is_quiet(stage)
