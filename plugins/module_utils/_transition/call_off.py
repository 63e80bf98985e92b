# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking back the order to leave: a host that was given up must not go down later, when nobody waits for it."""

from __future__ import annotations

from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import SYSTEMD
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

# The names of what ``leave`` sets off.
TIMERS = ("kho-kexec-leave-*.timer", "kho-kexec-insist-*.timer")
UNITS = ("kho-kexec-leave-*", "kho-kexec-insist-*")
DEPARTURE_PENDING = "departure_pending"
_TIMEOUT = 60.0


def call_off(host: Host) -> Optional[Note]:
    """Stop the timers, and look whether anything is left that takes the host down; None when nothing is."""
    if not host.exists(SYSTEMD):
        return None
    try:
        problem = _stop(host)
    except HostError as error:
        problem = error.message
    if problem is None:
        return None
    return Note(
        DEPARTURE_PENDING,
        f"The order to leave could not be taken back: {problem} The host may go down later, when nobody waits for it. "
        "Look at it with 'systemctl list-jobs' and 'systemctl list-timers', and wait until it is down, or stop them.",
    )


def _stop(host: Host) -> Optional[str]:
    host.run(["systemctl", "stop", *TIMERS], _TIMEOUT)
    if host.run(["systemctl", "is-system-running"], _TIMEOUT).stdout.strip() == "stopping":
        return "it is going down already, and a service holds that up."
    listed = host.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", *UNITS], _TIMEOUT)
    if listed.rc != 0:
        return f"systemctl {listed.ending()}."
    left = [printable(line.split()[0], 100) for line in listed.stdout.splitlines() if line.strip()]
    return f"{', '.join(left[:5])} is there still." if left else None
