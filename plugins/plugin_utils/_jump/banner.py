# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a TCP port whether an SSH server lives there, by its banner (RFC 4253, section 4.2).

A bare connect proves nothing: user networks of emulators, load balancers and some jump hosts accept connections for
hosts that are away.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Port

BANNER_LIMIT = 4096
"""Bytes read before giving up; a server may send other lines before its banner."""
PATIENT_TIMEOUT = 5.0
"""Seconds for a connection or a banner while the host is known to be up."""
BANNER_TIMEOUT = 3.0
"""Seconds for the banner of a host that accepted the connection; a new system that still starts is slow. Port
forwarding accepts connections for a host that is away, and passes all of them on when it is back: more of them would
bring penalties (PerSourcePenalties, sshd_config(5)), which lock the controller out."""
SHORTEST_CONNECT_TIMEOUT = 0.25
"""Seconds. A host that is away drops packets, and Linux resends a lost SYN after 1 s: asking anew is faster."""

_BANNER = re.compile(rb"^SSH-", re.MULTILINE)


def speaks_ssh(received: bytes) -> bool:
    """Tell whether ``received`` holds a line with which an SSH server identifies itself."""
    return _BANNER.search(received) is not None


class BannerProbe:
    """Asks one host's SSH port. Resolves the name once, so a slow resolver cannot delay later looks."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._address: tuple[str, int] | None = None
        self._connect_timeout = PATIENT_TIMEOUT

    def calibrate(self) -> bool:
        """Ask a host that is up with patience; learn which of its addresses answers, and how fast.

        Returns False when no banner came: this host cannot be watched directly.
        """
        began = time.monotonic()
        try:
            with socket.create_connection((self._host, self._port), timeout=PATIENT_TIMEOUT) as connection:
                took = time.monotonic() - began
                self._address = connection.getpeername()[:2]
                self._connect_timeout = min(PATIENT_TIMEOUT, max(SHORTEST_CONNECT_TIMEOUT, 4 * took))
                return _reads_banner(connection, PATIENT_TIMEOUT)
        except OSError:
            return False

    @classmethod
    def of(cls, port: Port) -> BannerProbe:
        """Return a probe that has been calibrated before."""
        probe = cls(port.address, port.port)
        probe._address, probe._connect_timeout = (port.address, port.port), port.connect_timeout
        return probe

    @property
    def port(self) -> Port:
        """What is asked, and how long an answer may take."""
        return Port(*(self._address or (self._host, self._port)), self._connect_timeout)

    def __call__(self) -> bool:
        """Tell whether an SSH server answers now. Takes at most the connect timeout plus ``BANNER_TIMEOUT``."""
        address = self._address or (self._host, self._port)
        try:
            with socket.create_connection(address, timeout=self._connect_timeout) as connection:
                return _reads_banner(connection, BANNER_TIMEOUT)
        except OSError:
            return False


async def asks_for_banner(address: str, port: int, connect_timeout: float) -> bool:
    """Tell whether an SSH server answers now, and let others look meanwhile; takes no longer than a `BannerProbe`."""
    try:
        opening = asyncio.open_connection(address, port)
        reader, writer = await asyncio.wait_for(opening, connect_timeout)
    except (OSError, asyncio.TimeoutError):
        return False
    try:
        return await asyncio.wait_for(_finds_banner(reader), BANNER_TIMEOUT)
    except (OSError, asyncio.TimeoutError):
        return False
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _finds_banner(reader: asyncio.StreamReader) -> bool:
    received = b""
    while len(received) < BANNER_LIMIT and (chunk := await reader.read(256)):
        received += chunk
        if speaks_ssh(received):
            return True
    return False


def _reads_banner(connection: Any, timeout: float) -> bool:
    """Read until the banner, the end, the limit or the timeout (s), whatever comes first."""
    ends = time.monotonic() + timeout
    received = b""
    while len(received) < BANNER_LIMIT and (left := ends - time.monotonic()) > 0:
        connection.settimeout(left)
        chunk = connection.recv(256)
        if not chunk:
            return False
        received += chunk
        if speaks_ssh(received):
            return True
    return False
