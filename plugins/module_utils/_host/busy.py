# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in the middle of something that a reboot would break: holders of inhibitors, and package transactions."""

from __future__ import annotations

import re
import time
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

# One file for each inhibitor (src/login/logind-inhibit.c, inhibitor_save()): lines of NAME=TEXT.
INHIBITORS = "/run/systemd/inhibit"
INHIBITORS_LIMIT = 1000
LOCKS = "/proc/locks"
# What package managers lock with fcntl(2) while they work.
LOCK_FILES = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
    "/usr/share/rpm/.rpm.lock",
)
# What others write their process id into, for as long as they work.
PID_FILES = ("/run/zypp.pid", "/var/run/zypp.pid", "/var/lib/dnf/rpmdb_lock.pid", "/var/run/yum.pid")
INTERVAL = 5.0  # seconds between two looks

# "1: POSIX  ADVISORY  WRITE 4711 fd:01:131078 0 EOF"; a blocked one has "->" in its second column. -1: nobody's own.
_LOCK = regex(r"^\d+: (?:POSIX|OFDLCK|FLOCK) +\S+ +WRITE +(-?\d+) [0-9a-f]+:[0-9a-f]+:(\d+) ", re.MULTILINE)
_FDS_LIMIT = 4096


class Inhibitor(NamedTuple):
    """Who keeps the host from going down, and why."""

    who: str
    why: str
    pid: str


def busy(host: Host) -> Tuple[Note, ...]:
    """Why the host must not be left just now."""
    return tuple(note for note in (shutdown_inhibited(host), packages_locked(host)) if note)


def wait_until_idle(
    host: Host,
    seconds: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait until nothing is in the way any more, for ``seconds`` at most; returns how long that took."""
    started = clock()
    while clock() - started < seconds and busy(host):
        sleep(min(INTERVAL, max(0.0, started + seconds - clock())))
    return clock() - started


def require_idle(host: Host) -> None:
    """Raises Refusal ``shutdown_inhibited`` or ``packages_locked``."""
    note = next(iter(busy(host)), None)
    if note is not None:
        raise Refusal(note.code, note.message)


def shutdown_inhibited(host: Host) -> Optional[Note]:
    """Since systemd 257 a block inhibitor binds root too; before, a reboot would just have gone past it."""
    held = list(_inhibitors(host))
    if not held:
        return None
    who = "; ".join(f"{one.who} (process {one.pid}): {one.why}" for one in held[:5])
    return Note(
        "shutdown_inhibited",
        f"Somebody keeps this host from going down: {who}. Leaving now would interrupt what they do. Wait for "
        "them (busy_timeout), or end what holds the inhibitor ('systemd-inhibit --list' shows it), and run this again.",
    )


def packages_locked(host: Host) -> Optional[Note]:
    """A host that is left in the middle of a transaction has packages that are installed in half."""
    held = list(_held_locks(host))
    if not held:
        return None
    return Note(
        "packages_locked",
        f"Packages are being installed or removed on this host: {'; '.join(held[:5])}. Leaving now would leave them "
        "half installed. Wait until that has ended (busy_timeout), and run this again.",
    )


def _inhibitors(host: Host) -> Iterator[Inhibitor]:
    try:
        names = sorted(host.listdir(INHIBITORS))
    except HostError:
        return
    for name in names[:INHIBITORS_LIMIT]:
        if name.endswith(".ref"):
            continue
        text = read_lossless(host, f"{INHIBITORS}/{name}", 1 << 14)
        fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if "shutdown" in fields.get("WHAT", "").split(":") and fields.get("MODE") == "block":
            who, why, pid = (printable(fields.get(key, "unknown"), 200) for key in ("WHO", "WHY", "PID"))
            yield Inhibitor(who, why, pid)


def _held_locks(host: Host) -> Iterator[str]:
    locks = [(pid, int(inode)) for pid, inode in _LOCK.findall(read_lossless(host, LOCKS, 1 << 20))]
    for path in LOCK_FILES:
        try:
            inode = host.identity(path).inode
        except HostError:
            continue
        holders = [pid for pid, locked in locks if locked == inode and _has_open(host, pid, path)]
        if holders:
            yield f"{path} is locked by {_process(host, holders[0])}"
    for path in PID_FILES:
        pid = line_of(host, path) or ""
        if pid.isdigit() and host.exists(f"/proc/{pid}"):
            yield f"{path} is held by {_process(host, pid)}"


def _has_open(host: Host, pid: str, path: str) -> bool:
    """Whether it is this file that the process has locked: inodes are unique in one file system only.

    The device cannot be compared, because on btrfs a file has another one. A holder that cannot be looked at counts.
    """
    try:
        descriptors: List[str] = host.listdir(f"/proc/{pid}/fd")
    except HostError:
        return True
    wanted = _resolved(host, path)
    return any(_resolved(host, f"/proc/{pid}/fd/{name}") == wanted for name in descriptors[:_FDS_LIMIT])


def _resolved(host: Host, path: str) -> Optional[str]:
    try:
        return host.resolve(path)
    except HostError:
        return None


def _process(host: Host, pid: str) -> str:
    name = line_of(host, f"/proc/{pid}/comm")
    return f"{name} (process {pid})" if name else f"process {pid}"
