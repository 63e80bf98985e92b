# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bare limit of a jump: plain ssh tells the host to kexec, then asks for its boot id until that is another one."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from lab.inventory import Access

ASK_EVERY = 0.5  # seconds from question to question; one that takes longer is followed at once
GIVE_UP_AFTER = 300.0  # seconds
# A question that the jump cut off would wait forever. Slow hosts get a second more with each that failed.
FIRST_QUESTION_WITHIN = 3.0  # seconds
LEAVE_WITHIN = 10.0  # seconds
_BOOT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotBack(Exception):
    """The host did not answer from another boot in time."""


@dataclass(frozen=True)
class Shell:
    """Root's commands on a guest, each over a connection of its own. ``program`` is called in ssh's place."""

    access: Access
    port: int
    program: str = "ssh"

    def run(self, *words: str, within: float | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command, however it ends. Raises TimeoutExpired after ``within`` seconds."""
        argv = [self.program, *self.access.ssh(self.port, ["sudo", *words], ["-o", "BatchMode=yes"])[1:]]
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within, check=False
        )

    def boot_id(self, within: float | None = None) -> str | None:
        """Return the id of the boot that answers within these seconds, None when none does."""
        try:
            answer = self.run("cat", "/proc/sys/kernel/random/boot_id", within=within).stdout.strip()
        except subprocess.TimeoutExpired:
            return None
        return answer if _BOOT_ID.fullmatch(answer) else None


def load(shell: Shell, release: str) -> None:
    """Load an installed kernel that needs no initrd, with the command line of the one that runs."""
    done = shell.run("kexec", "-s", "-l", f"/boot/vmlinuz-{release}", "--reuse-cmdline")
    done.check_returncode()


def jump(shell: Shell, left: str) -> None:
    """Leave the boot with the id ``left`` for what is loaded, and return when another one answers. Raises NotBack."""
    # Neither its exit status nor its silence says anything: the host may be gone before it answers.
    with suppress(subprocess.TimeoutExpired):
        shell.run("systemctl", "kexec", within=LEAVE_WITHIN)
    wait_for_another(left, shell.boot_id)


def wait_for_another(
    left: str,
    ask: Callable[[float], str | None],
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask for the boot id, which ``ask`` returns within so many seconds, until it is another one. Raises NotBack."""
    give_up = now() + GIVE_UP_AFTER
    within = FIRST_QUESTION_WITHIN
    while now() < give_up:
        began = now()
        found = ask(within)
        if found not in (None, left):
            return
        within += found is None
        sleep(max(0.0, began + ASK_EVERY - now()))
    raise NotBack(f"no other boot than {left} answered within {GIVE_UP_AFTER:.0f} s")
