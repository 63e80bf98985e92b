# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Naming the running boot where a crash of its kernel will be told: in the kernel's log, and in netconsole's messages.

The kernel's ring buffer is what pstore and kdump keep, and what consoles print. Netconsole's targets that are made in
configfs take data that goes with each message (CONFIG_NETCONSOLE_DYNAMIC, and ``extended`` for the target).
"""

from __future__ import annotations

import re
import time
from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import KMSG, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._kernel.naming import (
    LINE_PREFIX,
    NAME,
    USERDATA_LIMIT,
    Naming,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running

NETCONSOLE = "/sys/kernel/config/netconsole"
UPTIME = "/proc/uptime"
# Facility user, level info: what programs write never has the kernel's facility (kernel/printk/printk.c).
PRIORITY = "<14>"
TIMEOUT = 10.0


def announce(host: Host) -> Optional[str]:
    """Write the line, once for each call; returns what stood in the way, None when it was written."""
    naming = naming_of(observe_running(host), _began(host))
    if naming is None:
        return "This kernel does not tell its release and its boot id in a form that could be read again."
    if naming.boot == "kdump":
        return None
    try:
        _write(host, KMSG, PRIORITY + LINE_PREFIX + naming.value)
    except HostError as error:
        return f"The line could not be written into the kernel's log: {error}"
    _tell_netconsole(host, naming.value)
    return None


def naming_of(running: RunningKernel, began: float) -> Optional[Naming]:
    """What is to be said of the running kernel, which began then (seconds since 1970); None when it cannot be."""
    if running.release is None or running.boot_id is None:
        return None
    previous, count = running.previous_release, running.kexec_count
    is_known = running.boot == "handover" and previous is not None and count is not None
    record = Record(str(previous), int(count or 0)) if is_known else None
    naming = Naming(running.boot_id.replace("-", ""), running.release, int(began), running.boot, record)
    return naming if naming.boot == "kdump" or naming.is_writable else None


def _began(host: Host) -> float:
    match = re.match(r"(\d{1,12})", host.read_text(UPTIME, 100)) if host.exists(UPTIME) else None
    return max(time.time() - float(match.group(1) if match else 0), 0.0)


def _tell_netconsole(host: Host, value: str) -> None:
    """Have each target send it along; one without userdata, or that was just removed, is left as it is."""
    try:
        targets = host.listdir(NETCONSOLE)
    except HostError:  # no dynamic netconsole
        return
    for target in targets if len(value) <= USERDATA_LIMIT else ():
        folder = f"{NETCONSOLE}/{target}/userdata"
        try:
            if host.exists(folder):
                host.make_directories(f"{folder}/{NAME}", 0o755)
                _write(host, f"{folder}/{NAME}/value", value)
        except HostError:
            continue


def _write(host: Host, path: str, text: str) -> None:
    """Write it in one piece, as a device or an attribute wants it."""
    for _piece in host.pipe(("tee", path), (text + "\n").encode("ascii"), TIMEOUT):
        pass
