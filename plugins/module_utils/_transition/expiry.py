# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that nobody comes back for is unloaded by the host itself.

While one is loaded, 'systemctl reboot' is a kexec too (systemctl(1)). A run that dies after it staged would leave that
behind for the next reboot of the host.
"""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError

UNIT = "kho-kexec-expire"
_TIMEOUT = 60.0


def expire_after(host: Host, seconds: int) -> Note | None:
    """Have systemd unload the image so many seconds from now, and not earlier; returns why that cannot be, or None."""
    keep(host)
    problem = _run(host, "systemd-run", "--collect", f"--on-active={seconds}", f"--unit={UNIT}", "kexec", "-s", "-u")
    if problem is None:
        return None
    return Note(
        "image_does_not_expire",
        f"The image that was loaded stays loaded if this run dies, and a reboot would start it then: {problem} Unload "
        "it with state=unloaded when nobody needs it any more.",
    )


def keep(host: Host) -> None:
    """Forget about unloading: the image is gone, or is needed for longer. No timer is no error."""
    _run(host, "systemctl", "stop", f"{UNIT}.timer")


def _run(host: Host, *argv: str) -> str | None:
    try:
        done = host.run(argv, _TIMEOUT)
    except HostError as error:
        return error.message
    return None if done.rc == 0 else f"{argv[0]} {done.ending()}."
