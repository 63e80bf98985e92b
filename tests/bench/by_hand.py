# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bare limit of a jump: plain ssh tells the host to kexec, then asks for its boot id until that is another one."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.inventory import Access

ASK_EVERY = 0.5  # seconds from question to question; one that takes longer is followed at once
GIVE_UP_AFTER = 300.0  # seconds
# A question that the jump cut off ends within seconds.
IMPATIENT = ("ConnectTimeout=3", "ServerAliveInterval=1", "ServerAliveCountMax=3")
_BOOT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotBack(Exception):
    """The host did not answer from another boot in time."""


@dataclass(frozen=True)
class Shell:
    """Root's commands on a guest, each over a connection of its own.

    ``program`` is called in ssh's place, with these options of ssh_config(5).
    """

    access: Access
    port: int
    program: str = "ssh"
    options: tuple[str, ...] = ()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command, however it ends."""
        options = [part for option in ("BatchMode=yes", *self.options) for part in ("-o", option)]
        argv = [self.program, *self.access.ssh(self.port, ["sudo", *words], options)[1:]]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def boot_id(self) -> str | None:
        """Return the id of the boot that answers, None when none does."""
        answer = self.run("cat", "/proc/sys/kernel/random/boot_id").stdout.strip()
        return answer if _BOOT_ID.fullmatch(answer) else None


def load(shell: Shell, release: str) -> None:
    """Load an installed kernel that needs no initrd, with the command line of the one that runs."""
    done = shell.run("kexec", "-s", "-l", f"/boot/vmlinuz-{release}", "--reuse-cmdline")
    done.check_returncode()


def jump(shell: Shell, left: str) -> None:
    """Leave the boot with the id ``left`` for what is loaded, and return when another one answers. Raises NotBack."""
    # Its exit status says nothing: the host may be gone before it gets here.
    shell.run("systemctl", "kexec")
    wait_for_another(left, shell.boot_id)


def wait_for_another(
    left: str,
    ask: Callable[[], str | None],
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask for the boot id until it is known and not ``left``. Raises NotBack."""
    give_up = now() + GIVE_UP_AFTER
    began = now()
    while ask() in (None, left):
        if now() > give_up:
            raise NotBack(f"no other boot than {left} answered within {GIVE_UP_AFTER:.0f} s")
        sleep(max(0.0, began + ASK_EVERY - now()))
        began = now()
