# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets that do not come up as they should: the guard, panic= or the watchdog brings the old kernel back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from matrix.cells import INITRAMFS, Kernel

from .stage import ROLLBACK, Stage
from .story import causes, ends, is_untouched, require, require_in, story

# Images cannot be read any more, and nothing is remembered of them.
FORGET_IMAGES = "mv /usr/bin/lz4 /usr/bin/lz4.away; rm -f /var/cache/kho-kexec/images.json"


@story(kernels=["no-net"])
def target_without_network(stage: Stage) -> None:
    """Nobody can reach the target, so nobody confirms it."""
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_target=stage.releases["no-net"])
    ends(stage, told, "rolled_back", stage.old, "guard")
    require(causes(stage, before), ["kexec", "reset"], "boots")
    again = stage.play(kexec_upgrade_target=stage.releases["no-net"])
    require_in("target_failed_before", " ".join(again.codes), "codes of the next run")


@story(representative=True)
def sshd_masked_in_target(stage: Stage) -> None:
    """The target runs, and nobody can log in."""
    before = len(stage.boots())
    told = stage.play(
        kexec_upgrade_command_line_append=["systemd.mask=ssh.service", "systemd.mask=ssh.socket"],
        kexec_upgrade_confirm_timeout=100,
        kexec_upgrade_timeout=100,
    )
    ends(stage, told, "rolled_back", stage.old, "guard")
    require(causes(stage, before), ["kexec", "reset"], "boots")


@story(kernels=["luo-v9"])
def target_that_panics_at_once(stage: Stage) -> None:
    """It does not understand the state of live update that it is handed; somebody has loaded it over our image."""
    stage.guest.go(Kernel("old", ("liveupdate=on",)), stage.old)
    target = stage.releases["luo-v9"]
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_target=target, kexec_upgrade_accept=["luo_abi_mismatch"])
    is_untouched(stage, told, "accept_impossible", before)
    stage.sh(FORGET_IMAGES)
    try:
        # That it is not known which state the target understands is refused too.
        is_untouched(stage, stage.play(kexec_upgrade_target=target), "luo_abi_mismatch", before)
    finally:
        stage.sh("mv /usr/bin/lz4.away /usr/bin/lz4")
    load = ["kexec", "-s", "-l", f"/boot/vmlinuz-{target}", "--reuse-cmdline", "--append=panic=5"]
    tasks = stage.tasks("before", [{"name": "Replace", "ansible.builtin.command": {"argv": load}}])
    ends(stage, stage.play(kexec_upgrade_before_tasks=tasks), "rolled_back", stage.old)
    require(causes(stage, before), ["kexec", "reset"], "boots")


@story(representative=True)
def target_that_panics_without_init(stage: Stage) -> None:
    """The kernel runs, and finds nothing to start."""
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_command_line_append=["init=/nonexistent"])
    ends(stage, told, "rolled_back", stage.old)
    require(causes(stage, before), ["kexec", "reset"], "boots")


@story()
def target_that_hangs_before_the_watchdogs_driver(stage: Stage) -> None:
    """Nothing loads the driver, so the hardware that was left counting resets the machine."""
    stage.guest.go(Kernel("old", ("watchdog.stop_on_reboot=0",)), stage.old)
    stage.sh("modprobe i6300esb; test -e /dev/watchdog0")
    stage.put("/usr/local/sbin/hang", "#!/bin/sh\nexec sleep infinity\n", "0755")
    before = len(stage.boots())
    told = stage.play(
        kexec_upgrade_command_line_append=["init=/usr/local/sbin/hang"],
        kexec_upgrade_watchdog="require",
        kexec_upgrade_watchdog_timeout=60,
    )
    ends(stage, told, "rolled_back", stage.old)
    require(causes(stage, before), ["kexec", "watchdog"], "boots")


@story(kind=INITRAMFS)
def initrd_that_is_corrupt(stage: Stage) -> None:
    """The target finds no root file system in what it can read of it."""
    before = len(stage.boots())
    initrd = f"/boot/initrd.img-{stage.new}"
    stage.sh(f"cp {initrd} /var/tmp/initrd.good; truncate -s 1M {initrd}")
    try:
        told = stage.play()
    finally:
        stage.sh(f"mv /var/tmp/initrd.good {initrd}")
    ends(stage, told, "rolled_back", stage.old)
    require(causes(stage, before)[0], "kexec", "boots")


@story()
def root_device_that_is_wrong(stage: Stage) -> None:
    """It is looked for before the jump."""
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_command_line_replace={"root": "LABEL=nowhere"})
    is_untouched(stage, told, "root_device_missing", before)


@story()
def host_key_that_the_target_changes(stage: Stage) -> None:
    """Who answers is not the host that was left, as far as ssh can tell: nobody logs in, and nobody confirms."""
    before = len(stage.boots())
    stage.sh("rm -f /var/tmp/other_key*; ssh-keygen -q -t ed25519 -N '' -f /var/tmp/other_key")
    stage.at_next_boot(stage.new, "mount --bind /var/tmp/other_key /etc/ssh/ssh_host_ed25519_key")
    told = stage.play()
    ends(stage, told, "rolled_back", stage.old, "guard")
    require(causes(stage, before), ["kexec", "reset"], "boots")


@story(representative=True)
def health_check_that_fails(stage: Stage) -> None:
    """The handover is proven, and the new kernel warns of itself."""
    before = len(stage.boots())
    stage.at_next_boot(stage.new, "modprobe lkdtm; echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT")
    told = stage.play()
    ends(stage, told, "unhealthy", stage.old)
    require(told.result["rolled_back_to"], stage.old, "rolled back to", told)
    require(causes(stage, before), ["kexec", "kexec"], "boots")


@story()
def tasks_of_the_operator_that_fail(stage: Stage) -> None:
    """Proven and healthy, and the operator does not like it."""
    tasks = stage.tasks("verify", [{"name": "Look", "ansible.builtin.fail": {"msg": "the shop is closed"}}])
    told = stage.play(kexec_upgrade_verify_tasks=tasks)
    require(told.result["rolled_back_to"], stage.old, "rolled back to", told)
    require(told.result["verdict"], "unhealthy", "verdict", told)
    require(stage.running(), stage.old, "release")
    require_in("the shop is closed", told.failures[-1], "message")


@story(kernels=["kho-v9"], representative=True)
def handover_that_is_lost(stage: Stage) -> None:
    """The target refuses what it is handed, which could not be read before: a kexec, and nothing is called verified."""
    before = len(stage.boots())
    with _lost_handover(stage):
        require(causes(stage, before), ["kexec"], "boots")


@story(kernels=["kho-v9"])
def handover_that_is_lost_and_rolled_back(stage: Stage) -> None:
    """The verdict is remembered: no run goes on from there, and none goes there again."""
    before = len(stage.boots())
    with _lost_handover(stage) as target:
        again = stage.play(kexec_upgrade_target=target)
        require(again.result["code"], "last_verdict_not_accepted", "code of the next run", again)
        require(stage.play(ROLLBACK).status, 0, "exit status of the rollback")
        require(stage.running(), stage.old, "release after the rollback")
        again = stage.play(kexec_upgrade_target=target)
        require(again.result["code"], "target_failed_before", "code of the run after that", again)
    require(causes(stage, before), ["kexec", "kexec"], "boots")


@contextmanager
def _lost_handover(stage: Stage) -> Iterator[str]:
    """Refused, then done because nothing can be read of the target; gives that release, which runs."""
    target, before = stage.releases["kho-v9"], len(stage.boots())
    is_untouched(stage, stage.play(kexec_upgrade_target=target), "kho_abi_mismatch", before)
    stage.sh(FORGET_IMAGES)
    try:
        told = stage.play(kexec_upgrade_target=target, kexec_upgrade_on_failure="keep")
        ends(stage, told, "kexec_without_handover", target, "abi_mismatch")
        yield target
    finally:
        stage.sh("mv /usr/bin/lz4.away /usr/bin/lz4")


@story()
def package_that_was_installed_anew(stage: Stage) -> None:
    """The target's release runs, in another build: the host goes to it, and the builds are compared."""
    stage.guest.go(Kernel("new"), stage.new)
    # What a package that was installed anew leaves: a kernel that runs, and an image with another build.
    stage.sh("sed 's/ #[0-9]/ #0/' /proc/version > /run/version; mount --bind /run/version /proc/version")
    before = len(stage.boots())
    ends(stage, stage.play(), "handover_verified", stage.new)
    require(causes(stage, before), ["kexec"], "boots")
    build = stage.sh("uname -v")
    require_in(f'"build": "{build}"', stage.sh("cat /var/lib/kho-kexec/transition.json"), "build that was staged")
    require(stage.play().result["action"], "none", "what is done when the same build runs")
    require_in("previous_replaced", " ".join(stage.play(ROLLBACK).codes), "codes of the way back")


@story()
def running_kernel_started_anew(stage: Stage) -> None:
    """The target `running` is a handover from a release to itself, at each run; `latest` leaves the host alone."""
    stage.guest.go(Kernel("new"), stage.new)
    before = len(stage.boots())
    for count in (1, 2):
        told = stage.play(kexec_upgrade_target="running")
        ends(stage, told, "handover_verified", stage.new)
        require(told.result["reported"]["kexec_count"], count, "count that was reported", told)
    require(causes(stage, before), ["kexec", "kexec"], "boots")
    require(stage.play().result["action"], "none", "what is done when the newest runs")


@story()
def default_that_could_not_be_set(stage: Stage) -> None:
    """What the commit needs is missed before the jump."""
    program = stage.sh("command -v grub-set-default")
    before = len(stage.boots())
    stage.sh(f"mv {program} {program}.away")
    try:
        is_untouched(stage, stage.play(), "commit_impossible", before)
        ends(stage, stage.play(kexec_upgrade_commit="never"), "handover_verified", stage.new)
    finally:
        stage.sh(f"mv {program}.away {program}")
