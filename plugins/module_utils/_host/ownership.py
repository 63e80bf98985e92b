# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether users other than root may write what root is going to run, and could so become root."""

from __future__ import annotations

import posixpath
from typing import Set

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError

_OTHERS_WRITE = 0o002
_GROUP_WRITE = 0o020


def writable_by_others(host: Host, *files: str) -> Set[str]:
    """Those of the files, what they link to, and all directories above, that users other than root may write.

    A file whose owner cannot be told is among them.
    """
    paths: Set[str] = set()
    for file in files:
        for path in (file, _resolved(host, file)):
            while path not in paths:
                paths.add(path)
                path = posixpath.dirname(path)
    return {path for path in paths if _is_writable_by_others(host, path)}


def _resolved(host: Host, path: str) -> str:
    try:
        return host.resolve(path)
    except HostError:
        return path


def _is_writable_by_others(host: Host, path: str) -> bool:
    try:
        owner = host.owner_and_mode(path)
    except HostError:
        return True
    group_writes = owner.gid != 0 and bool(owner.mode & _GROUP_WRITE)
    return owner.uid != 0 or group_writes or bool(owner.mode & _OTHERS_WRITE)
