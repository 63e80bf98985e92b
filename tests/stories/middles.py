# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are in the middle of something, that are given up, or whose new kernel cannot do what it should."""

from __future__ import annotations

from .stage import Stage
from .story import causes, ends, is_quiet, is_untouched, require, require_in, story

INHIBIT = "systemd-inhibit --what=shutdown --mode=block --who=flasher --why='flashing firmware' sleep infinity"
TIMERS = "systemctl list-units --all --plain --no-legend 'kho-kexec-leave-*' 'kho-kexec-insist-*'"
# Holds the lock of dpkg as apt does.
LOCK = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,fcntl.LOCK_EX); time.sleep(9999)"
SEGFAULT = "open('/proc/self/comm','w').write('kernel BUG at x'); import ctypes; ctypes.string_at(0)"


@story()
def inhibitor_is_held(stage: Stage) -> None:
    """Somebody flashes firmware, and says so."""
    before = len(stage.boots())
    stage.sh(f"systemd-run --unit=flasher {INHIBIT}; sleep 2")
    try:
        told = stage.play()
        is_untouched(stage, told, "shutdown_inhibited", before)
        require_in("flashing firmware", told.failures[0], "message")
    finally:
        stage.sh("systemctl stop flasher")


@story()
def packages_are_installed_between_plan_and_leave(stage: Stage) -> None:
    """The lock is taken once the host is staged; it is waited for, and in vain."""
    before = len(stage.boots())
    argv = ["systemd-run", "--unit=installer", "python3", "-c", LOCK]
    install = [
        {"name": "Install", "ansible.builtin.command": {"argv": argv}},
        {"name": "Be at it", "ansible.builtin.pause": {"seconds": 3}},
    ]
    try:
        told = stage.play(kexec_upgrade_before_tasks=stage.tasks("before", install), kexec_upgrade_busy_timeout=10)
        is_untouched(stage, told, "packages_locked", before)
        require_in("/var/lib/dpkg/lock-frontend", told.failures[0], "message")
    finally:
        stage.sh("systemctl stop installer")


@story()
def jump_is_denied_and_the_host_given_up(stage: Stage) -> None:
    """An inhibitor comes in the last second. Nothing forces the host, then or later."""
    before = len(stage.boots())
    record = "/var/lib/kho-kexec/transition.json"
    script = f'until grep -q \'"state": "left"\' {record}; do sleep 0.1; done; exec {INHIBIT}'
    wait = [
        {"name": "Flash", "ansible.builtin.command": {"argv": ["systemd-run", "--unit=flasher", "sh", "-c", script]}}
    ]
    try:
        told = stage.play(
            kexec_upgrade_before_tasks=stage.tasks("before", wait),
            kexec_upgrade_timeout=90,
            kexec_upgrade_shutdown_timeout=60,
        )
        require(told.result.get("verdict"), "not_rebooted", "verdict", told)
        require(stage.sh(TIMERS), "", "timers")
        is_quiet(stage)
        stage.sh("sleep 60")
        require(len(stage.boots()), before, "boots")
    finally:
        stage.sh("systemctl stop flasher")


@story()
def times_that_do_not_go_together(stage: Stage) -> None:
    """The host would be given up before it is made to leave."""
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_timeout=60, kexec_upgrade_shutdown_timeout=110)
    # The play itself ends, before its first host.
    require(told.status, 2, "exit status", told)
    require_in("codes.md#options_invalid", told.output, "message")
    require(told.results, {}, "results of hosts", told)
    require(len(stage.boots()), before, "boots")
    is_quiet(stage)


@story()
def root_is_read_only_in_the_target(stage: Stage) -> None:
    """Nothing can be written down in the new kernel: it is not accepted, and the guard fires without its token."""
    before = len(stage.boots())
    stage.at_next_boot(stage.new, "sync; mount -o remount,ro / || echo u > /proc/sysrq-trigger")
    told = stage.play(kexec_upgrade_confirm_timeout=150)
    ends(stage, told, "rolled_back", stage.old)
    require(causes(stage, before), ["kexec", "reset"], "boots")


@story()
def program_that_is_called_like_a_complaint(stage: Stage) -> None:
    """It crashes in the new kernel, which has nothing to do with that."""
    stage.at_next_boot(stage.new, f'python3 -c "{SEGFAULT}" || true; dmesg | grep "kernel BUG at x"')
    told = stage.play()
    ends(stage, told, "handover_verified", stage.new)
