# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a guest by hand: loading, jumping, waiting. Nothing of the collection is used here."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass

from lab.console import plain_text
from lab.history import Boot
from lab.layout import GuestFolder, RunFolder
from lab.monitor import power_cycle
from lab.ready import patience, wait_for_boot, wait_for_snapshot
from lab.report import boots_of
from lab.run import access
from lab.state import read_state

from .cells import WITH_INITRAMFS, Kernel

_BOOT_WITHIN = 300.0  # seconds
_COMMAND_WITHIN = 120.0  # seconds


class GuestError(Exception):
    """A guest did not do what the matrix needs it to, whatever was predicted."""


@dataclass
class Guest:
    """A guest of a run; ``runs`` is the kernel that it is known to run, in whatever place of a chain."""

    run: str
    name: str
    kind: str
    command_line: str = ""
    runs: Kernel | None = None

    @property
    def folder(self) -> GuestFolder:
        """Where its console and events are."""
        return RunFolder.of(self.run).guest(self.name)

    def boots(self) -> list[Boot]:
        """Its boots, seen from outside."""
        return boots_of(self.folder)

    def console_size(self) -> int:
        """How much its console has said."""
        return self.folder.console.stat().st_size

    def console_since(self, offset: int) -> str:
        """What its console has said since then."""
        return plain_text(self.folder.console.read_bytes()[offset:])

    def do(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root."""
        folder = RunFolder.of(self.run)
        port = read_state(folder.state).guests[self.name].ssh_port
        assert port is not None
        command = access(folder).ssh(port, [shlex.join(["sudo", *argv])], ["-o", "BatchMode=yes"])
        # Input of its own: ssh would make that of all processes beside it non-blocking, and Ansible refuses that.
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_WITHIN,
            check=False,
        )

    def learn(self) -> None:
        """Read the command line that the boot loader gave, which all kernels of the matrix get too."""
        words = self.do("cat", "/proc/cmdline").stdout.split()
        self.command_line = " ".join(word for word in words if not word.startswith("BOOT_IMAGE="))

    def load(self, kernel: Kernel, release: str) -> str | None:
        """Load the kernel; returns what kexec said when it could not."""
        argv = ["kexec", "--kexec-syscall" if kernel.old_call else "--kexec-file-syscall", "--load"]
        argv += [f"/boot/vmlinuz-{release}"]
        argv += [f"--initrd=/boot/initrd.img-{release}"] if self.kind in WITH_INITRAMFS else []
        argv += ["--command-line=" + " ".join([self.command_line, "panic=5", *kernel.options])]
        done = self.do(*argv)
        return None if done.returncode == 0 else done.stderr.strip()

    def leave(self) -> None:
        """Execute what is loaded, in a second."""
        asked = self.do("systemd-run", "--collect", "--on-active=1", "systemctl", "kexec")
        if asked.returncode != 0:
            raise GuestError(f"{self.name} cannot jump: {asked.stderr.strip()}")

    def jump(self) -> None:
        """Execute what is loaded, and wait until the guest can be used again.

        After a panic that is in the boot loader's default kernel: no other answers.
        """
        before = len(self.boots())
        self.leave()
        with patience(_BOOT_WITHIN) as patient:
            wait_for_boot(RunFolder.of(self.run), self.name, before, access(RunFolder.of(self.run)), patient)

    @property
    def has_snapshot(self) -> bool:
        """Whether it went on from a snapshot, and can go back to it."""
        return read_state(RunFolder.of(self.run).state).guests[self.name].snapshot is not None

    def go_back(self) -> None:
        """Be as when the run was started: by its snapshot, or, without one, by switching it off and on."""
        if not self.has_snapshot:
            self.recover()
            return
        folder = RunFolder.of(self.run)
        with patience(_BOOT_WITHIN) as patient:
            wait_for_snapshot(folder, self.name, access(folder), patient)
        self.runs = None

    def recover(self) -> None:
        """Switch it off and on again, whatever it does."""
        before = len(self.boots())
        power_cycle(self.folder.control_socket)
        with patience(_BOOT_WITHIN) as patient:
            wait_for_boot(RunFolder.of(self.run), self.name, before, access(RunFolder.of(self.run)), patient)
        self.runs = None

    def go(self, kernel: Kernel, release: str) -> None:
        """Run this kernel as the first of a chain: kexec_load hands nothing over."""
        problem = self.load(Kernel(kernel.name, kernel.options, old_call=True), release)
        if problem:
            raise GuestError(f"{self.name} cannot go to {kernel}: {problem}")
        self.jump()
        running = self.do("uname", "-r").stdout.strip()
        if running != release:
            raise GuestError(f"{self.name} runs {running}, and not {kernel} ({release})")
        self.runs = kernel
