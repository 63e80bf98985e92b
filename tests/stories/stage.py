# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a story plays on: a guest of the lab, the playbook, and what can be broken."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.history import Boot
from lab.layout import RunFolder
from lab.monitor import power_cycle
from lab.ready import patience, wait_for_boot
from lab.run import access
from matrix.cells import SYSTEMD_BOOT, UKI
from matrix.guest import Guest

from .show import Call, Show, StoryError, Told, playing

UPGRADE = "kexec_upgrade.yml"
ROLLBACK = "kexec_rollback.yml"
REPORT = "kexec_report.yml"
SOAK = "kexec_soak.yml"
PREPARE = "kexec_prepare.yml"
BISECT = "kexec_soak_bisect.yml"
# Twenty jumps take longer than a story's playbook may.
SOAKS_WITHIN = 4 * 1800.0  # seconds
# Emulated guests boot in half a minute when nothing else runs, and in minutes when the machine is busy.
PATIENT = {
    "kexec_upgrade_timeout": 180,
    "kexec_upgrade_confirm_timeout": 240,
    "kexec_upgrade_rollback_timeout": 600,
}
# Ansible may choose a Python by a name with its version.
KILL = "pkill --signal KILL --exact 'python3.*'"
# GRUB replays no journal of a file system.
SYNC = "sync; for place in / /boot; do ! mountpoint -q $place || { fsfreeze -f $place; fsfreeze -u $place; }; done"
SCRIPT = "/usr/local/sbin/story"
UNIT = "/etc/systemd/system/story.service"


@dataclass
class Stage:
    """One guest with both kernels installed; `releases` are those of the lab's kernels by their names."""

    guest: Guest
    inventory: Path
    releases: Mapping[str, str]
    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)
    plays: int = 0

    @property
    def old(self) -> str:
        """The release that a story begins with."""
        return self.releases["old"]

    @property
    def new(self) -> str:
        """The release that most stories go to."""
        return self.releases["new"]

    def sh(self, script: str) -> str:
        """Run a shell script as root in the guest; its output. Raises StoryError when it fails."""
        done = self.guest.do("sh", "-euc", script)
        if done.returncode != 0:
            raise StoryError(f"{script!r} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()

    def boots(self) -> list[Boot]:
        """The guest's boots, seen from outside."""
        return self.guest.boots()

    def running(self) -> str:
        """The release that runs."""
        return self.sh("uname -r")

    def default(self, release: str) -> None:
        """Have the boot loader start this release from cold."""
        if self.guest.kind in (SYSTEMD_BOOT, UKI):
            self.sh(f"bootctl set-default debian-{release}.*; sync")
            return
        entry = self.sh("grep -o 'gnulinux-advanced-[0-9a-f-]*' /boot/grub/grub.cfg | head -n1")
        item = f"{entry}>gnulinux-{release}-{entry.removeprefix('gnulinux-')}"
        self.sh(f"grub-set-default '{item}'; {SYNC}")

    def at_next_boot(self, release: str, script: str) -> None:
        """Have this script run, as root and before anybody can log in, when that kernel boots for the first time."""
        once = f"rm -f {UNIT} /etc/systemd/system/multi-user.target.wants/story.service"
        self.put(SCRIPT, f"#!/bin/sh\nset -eu\n{once}\n{script}\n", "0755")
        unit = (
            f"[Unit]\nConditionKernelVersion={release}\nBefore=ssh.service\n"
            f"[Service]\nType=oneshot\nExecStart={SCRIPT}\n[Install]\nWantedBy=multi-user.target\n"
        )
        self.put(UNIT, unit, "0644")
        self.sh("systemctl enable story.service")

    def put(self, path: str, text: str, mode: str = "0644") -> None:
        """Write a file in the guest."""
        self.sh(f"printf %s {shlex.quote(text)} > {path}; chmod {mode} {path}; sync")

    def tasks(self, name: str, tasks: Sequence[Mapping[str, Any]]) -> str:
        """Write a task file for a hook of the role; its path."""
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps(list(tasks)))
        return str(path)

    def kill_at(self, point: str) -> None:
        """Kill the module that works on the guest as soon as this shell command succeeds there."""
        self.wait_until(point, f"; {KILL}")

    def wait_until(self, point: str, then: str = "") -> None:
        """Wait until this shell command succeeds in the guest, and do something ``then``."""
        # What a guest is asked must end; a busy one may need minutes to come to the point.
        looks = f"looks=0; until {point}; do looks=$((looks + 1)); [ $looks -lt 200 ] || exit 9; sleep 0.2; done{then}"
        for _round in range(5):
            done = self.guest.do("sh", "-euc", looks)
            if done.returncode == 0:
                return
            if done.returncode != 9:
                break
        raise StoryError(f"it never came to {point!r}: {done.returncode}, {done.stderr.strip()[-300:]}")

    def power_cut(self) -> None:
        """Switch the guest off and on, and do not wait for it."""
        power_cycle(self.guest.folder.control_socket)

    def wait_for_boot(self, number: int, seconds: float = 600.0) -> None:
        """Wait until the guest can be used in its boot of this number, counted from 0, or a later one."""
        folder = RunFolder.of(self.guest.run)
        with patience(seconds) as patient:
            wait_for_boot(folder, self.guest.name, number, access(folder), patient)

    def cold_boot(self) -> None:
        """Reset the guest, and wait for it."""
        before = len(self.boots())
        self.power_cut()
        self.wait_for_boot(before)

    def play(self, playbook: str = UPGRADE, **variables: Any) -> Told:
        """Run a playbook to its end."""
        with self.playing(playbook, **variables) as show:
            return show.end()

    def playing(self, playbook: str = UPGRADE, **variables: Any) -> AbstractContextManager[Show]:
        """A run of a playbook that can be watched and killed."""
        return playing(self._call(playbook, variables))

    def soak(self, playbook: str = SOAK, **variables: Any) -> Told:
        """Soak the guest, or bisect, to the end. The playbook tells each jump its target, and refuses another."""
        self.plays += 1
        given = {**PATIENT, "kexec_soak_directory": str(self.folder / "soak"), **self.variables, **variables}
        with playing(Call(playbook, self.inventory, [self.guest.name], given, self.folder, self.plays)) as show:
            return show.end(SOAKS_WITHIN)

    def planned(self, **variables: Any) -> Told:
        """Run the upgrade in check mode to its end."""
        with playing(replace(self._call(UPGRADE, variables), check=True)) as show:
            return show.end()

    def _call(self, playbook: str, variables: Mapping[str, Any]) -> Call:
        self.plays += 1
        given = {"kexec_upgrade_target": self.new, **PATIENT, **self.variables, **variables}
        return Call(playbook, self.inventory, [self.guest.name], given, self.folder, self.plays)
