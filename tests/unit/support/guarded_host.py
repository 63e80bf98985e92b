# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which a guard can be armed: its systemd keeps a setting, and may be running the guard just now."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import MOUNTS
from ansible_collections.kho.kexec.plugins.module_utils._guard.watchdog import DEVICE, STOP_ON_REBOOT
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.transitions import upgradable_host

SYSTEMD = "/run/systemd/system"
GRUB_CONFIG = """\
set default="0"
menuentry 'Linux 7.2.13-kho' $menuentry_id_option 'gnulinux-7.2.13-kho-advanced-root' {
  linux /boot/vmlinuz-7.2.13-kho root=LABEL=root ro
  initrd /boot/initrd.img-7.2.13-kho
}
"""


class GuardHost(KexecHost):
    """``kexec_usec`` is systemd's KExecWatchdogUSec, None when it has none; ``firing``: the guard is at work."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.kexec_usec: Optional[int] = 0
        self.firing = False

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        done = super().run(argv, timeout)
        if done.rc != 0:
            return done
        if argv[:2] == ["busctl", "get-property"]:
            usec = self.kexec_usec if argv[-1] == "KExecWatchdogUSec" else 0
            return done if usec is None else Completed(0, f"t {usec}\n", "")
        if argv[:2] == ["busctl", "set-property"]:
            self.kexec_usec = int(argv[-1])
        if argv[:2] == ["systemctl", "is-active"]:
            return Completed(0, "activating\n" if self.firing else "inactive\n", "")
        return done

    @property
    def changes(self) -> list[str]:
        """Return the steps that changed something."""
        reading = ("busctl get-property", "systemctl is-active")
        return [step for step in self.steps if not step.startswith(reading)]


def guarded_host(root: Path) -> GuardHost:
    """Return a host with systemd, and a hardware watchdog that goes on counting; a cold boot starts the old kernel."""
    root.chmod(0o755)
    host = GuardHost(root)
    upgradable_host(host)
    host.add_directory(SYSTEMD).add_directory("/etc/systemd/system").add_directory("/usr/local/lib")
    host.add(MOUNTS, "/dev/vda2 / ext4 rw,relatime 0 0\n")
    host.add(DEVICE + "/identity", "i6300ESB timer\n").add(STOP_ON_REBOOT, "0\n")
    host.add("/boot/grub/grub.cfg", GRUB_CONFIG)
    return host
