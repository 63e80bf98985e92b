# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted where (proc_pid_mountinfo(5))."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

MOUNTS = "/proc/self/mountinfo"
_LIMIT = 4 << 20
_ESCAPED = regex(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """A mount: its device number (``253:1``), where it is, its file system and source, and whether it is read-only."""

    device: str
    point: str
    kind: str
    source: str
    read_only: bool


def mounts(host: Host) -> Iterator[Mount]:
    """All mounts, in the order in which they were made."""
    for line in read_lossless(host, MOUNTS, _LIMIT).split("\n"):
        mount, _dash, file_system = line.partition(" - ")
        fields, rest = mount.split(" "), file_system.split(" ")
        if len(fields) > 5 and len(rest) > 2:
            options = (*fields[5].split(","), *rest[2].split(","))
            yield Mount(fields[2], _plain(fields[4]), rest[0], _plain(rest[1]), "ro" in options)


def mount_of(host: Host, path: str) -> Optional[Mount]:
    """The mount that a path is in, links followed; None when that cannot be told."""
    try:
        path = host.resolve(path)
    except HostError:
        return None
    found: Optional[Mount] = None
    for mount in mounts(host):
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def _plain(text: str) -> str:
    """Blanks and the like are written as octal numbers."""
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 8)), text)
