# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a host's SSH port through the jump host that ssh is configured with, by the host's banner.

What ssh itself runs for ProxyJump is ``ssh -W`` (ssh(1)), and the host's banner comes out of it. Unlike a whole
session, it takes one login, at the jump host, and it tells a host that is away from one that lets nobody in.

While a host is away, the jump host's kernel asks it again 1 s after the first time, then 2 or more later (tcp(7)). So a
new look begins every two seconds, and each is open for longer, for a host that is slow to send its banner: whenever the
host is back, somebody asks it within a second. What ends a look ends the login, and with it the jump host's attempts.
Those of a login that stays would all reach the new system at once, and bring penalties (PerSourcePenalties,
sshd_config(5)).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.banner import BANNER_LIMIT, speaks_ssh

LOOK_EVERY = 2.0
"""Seconds from the start of one look to the next: each is a login at the jump host."""
REFUSED_EVERY = 1.0
"""Seconds to the next look after one that ended without a banner, as it does where no SSH server listens yet."""
LOOK_LASTS = 5.0
"""Seconds that a look is open, or four times what it takes while the host is up, but at most ``LONGEST``."""
LONGEST = 20.0
"""Seconds: with a new look every ``LOOK_EVERY``, at most ten are open at once."""
PATIENT_TIMEOUT = 10.0
"""Seconds for a banner while the host is known to be up."""


@dataclass
class _Look:
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    began: float
    received: bytes = b""

    def end(self) -> None:
        # Before it is waited for, so its number is nobody else's. Of one that has ended, not all systems allow it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.output.close()
        if self.process.stdin is not None:
            self.process.stdin.close()


class ThroughProbe:
    """Asks one host's SSH port through a jump host. To be closed: it leaves looks open from call to call."""

    def __init__(self, argv: Sequence[str]) -> None:
        """``argv`` joins its standard output to the port, as ``ssh -W`` does."""
        self._argv = [*argv]
        self._lasts = LOOK_LASTS
        self._looks: list[_Look] = []

    def calibrate(self) -> bool:
        """Ask a host that is up with patience; learn how long that takes. False: it cannot be asked in this way."""
        began = time.monotonic()
        try:
            answers = self._asks_until(began + PATIENT_TIMEOUT)
        except OSError:
            return False
        finally:
            self.close()
        self._lasts = min(LONGEST, max(LOOK_LASTS, 4 * (time.monotonic() - began)))
        return answers

    def __call__(self) -> bool:
        """Tell whether an SSH server answers now, also to a look of before. Takes at most ``LOOK_EVERY``."""
        began = time.monotonic()
        try:
            answers = self._asks_until(began + LOOK_EVERY)
        except OSError:
            answers = False
        if not answers:
            time.sleep(max(0.0, began + REFUSED_EVERY - time.monotonic()))
        return answers

    def close(self) -> None:
        """End all looks."""
        for look in self._looks:
            look.end()
        self._looks.clear()

    def _asks_until(self, until: float) -> bool:
        """Begin a look, and wait for the banner on all that are open, while the one that began now is."""
        for look in [look for look in self._looks if look.began + self._lasts <= time.monotonic()]:
            self._drop(look)
        newest = self._begin()
        while newest in self._looks and (left := until - time.monotonic()) > 0:
            if self._hears_banner(left):
                self.close()
                return True
        return False

    def _begin(self) -> _Look:
        pipe = subprocess.PIPE
        # Its standard input stays open and silent: at its end, ssh would close the connection. In a session of its own
        # it ends with the ssh of each jump host before the last, and that one, which gets no options, has no terminal
        # on which to ask for a password or about a host's key.
        process = subprocess.Popen(
            self._argv, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
        )
        look = _Look(process, cast(IO[bytes], process.stdout), time.monotonic())
        self._looks.append(look)
        return look

    def _hears_banner(self, seconds: float) -> bool:
        """Wait for output, at most so long; drop looks that have ended, or say too much without a banner."""
        ready = select.poll()
        by_number = {look.output.fileno(): look for look in self._looks}
        for number in by_number:
            ready.register(number, select.POLLIN)
        for number, _events in ready.poll(seconds * 1000):
            look = by_number[number]
            chunk = os.read(number, 256)
            look.received += chunk
            if speaks_ssh(look.received):
                return True
            if not chunk or len(look.received) >= BANNER_LIMIT:
                self._drop(look)
        return False

    def _drop(self, look: _Look) -> None:
        look.end()
        self._looks.remove(look)
