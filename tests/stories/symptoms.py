# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests whose kernel complains after a kexec only, and goes on: the report names the complaint."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.progress import say
from matrix.cells import Kernel

from .fleet import Fleet
from .show import StoryError
from .stage import REPORT, Stage
from .story import fleet_story, require

COMPLAINING = "pstore"
"""The lab's kernel that can be told to warn (lkdtm)."""
ROUNDS = 4
TROUBLE = "kernel_warning"
TRIGGER = "/usr/local/sbin/complain-after-kexec"
UNIT = "/etc/systemd/system/complain-after-kexec.service"
# What comes through /dev/kmsg is not the kernel's, so the kernel itself has to warn.
_COMPLAIN = """#!/bin/sh
set -eu
dmesg | grep -qF "KHO: exec from: " || exit 0
modprobe lkdtm
echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT
journalctl --sync
"""
_SERVICE = f"[Service]\nType=oneshot\nExecStart={TRIGGER}\n[Install]\nWantedBy=multi-user.target\n"


@fleet_story(kernels=[COMPLAINING])
def complaint_that_only_a_kexec_brings(fleet: Fleet) -> None:
    """Each kernel warns when it was handed over to, and after no cold boot: the report says what that comes from."""
    complaining = fleet.releases[COMPLAINING]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_live, fleet.stages))
    url = f"sqlite:///{fleet.folder}/ledger.db"
    told = fleet.play(playbook=REPORT, kexec_report_url=url, kexec_report_directory=str(fleet.folder))
    require(told.status, 0, "exit status of the report", told)
    found = _symptoms(fleet.folder)
    boots = ROUNDS * len(fleet.names)
    require(
        found.pop((fleet.old, complaining, TROUBLE), None),
        ("only_after_kexec", boots, boots, 0),
        f"the complaint after {fleet.old} -> {complaining}",
    )
    findings = {finding for finding, _seen, _boots, _cold in found.values()}
    require(findings & {"only_after_kexec", "more_after_kexec", "only_long_chains"}, set(), f"other findings: {found}")


def _live(stage: Stage) -> None:
    """Boot the guest from cold, hand over to the old kernel and back, and shut it down, some times."""
    complaining = stage.releases[COMPLAINING]
    stage.put(TRIGGER, _COMPLAIN, "0755")
    stage.put(UNIT, f"[Unit]\nConditionKernelVersion={complaining}\n{_SERVICE}")
    stage.sh("systemctl enable complain-after-kexec.service")
    stage.default(complaining)
    # Other stories may have been told here.
    stage.sh("journalctl --rotate; journalctl --vacuum-time=1s")
    _reboot(stage)
    stage.guest.learn()
    try:
        for number in range(1, ROUNDS + 1):
            require(stage.running(), complaining, f"release of {stage.guest.name} after a cold boot")
            for name in ("old", COMPLAINING):
                _handover(stage, name)
            _wait_for_warning(stage)
            # The journal must say that firmware ran: a reset without a goodbye leaves that open.
            _reboot(stage)
            say(f"{stage.guest.name}: round {number} of {ROUNDS}")
    finally:
        stage.sh(f"systemctl disable complain-after-kexec.service; rm {UNIT}; sync")


def _reboot(stage: Stage) -> None:
    """Have systemd reboot the guest, through its firmware, and wait for it."""
    before = len(stage.boots())
    stage.sh("journalctl --sync; systemctl --no-block reboot")
    stage.wait_for_boot(before)


def _handover(stage: Stage, name: str) -> None:
    problem = stage.guest.load(Kernel(name), stage.releases[name])
    if problem:
        raise StoryError(f"{stage.guest.name} cannot load {name}: {problem}")
    stage.guest.jump()
    require(stage.running(), stage.releases[name], f"release of {stage.guest.name} after a handover")


def _wait_for_warning(stage: Stage) -> None:
    looks = "looks=0; until dmesg | grep -q 'lkdtm_WARNING'; do looks=$((looks + 1)); [ $looks -lt 100 ]; sleep 1; done"
    stage.sh(f"{looks}; journalctl --sync")


def _symptoms(folder: Path) -> dict[tuple[str, str, str], tuple[str, int, int, int]]:
    """What the report says: the finding, in how many of how many boots, and in how many cold ones."""
    report = json.loads((folder / "report.json").read_text())
    return {
        (one["previous_release"], one["release"], one["trouble"]): (
            one["finding"],
            one["seen"],
            one["boots"],
            one["cold_seen"],
        )
        for one in report["symptoms"]
    }
