# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether users other than root may write what root is going to run, and could so become root."""

from __future__ import annotations

import posixpath
import struct
from typing import Set

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError

ACL = "system.posix_acl_access"
# acl(5), include/uapi/linux/posix_acl_xattr.h and posix_acl.h: a version, then entries of tag, permissions and id.
ACL_VERSION = 2
ACL_USER, ACL_GROUP, ACL_MASK = 0x02, 0x08, 0x10
ACL_WRITE = 0x02
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
    return {path for path in paths if is_writable_by_others(host, path)}


def _resolved(host: Host, path: str) -> str:
    try:
        return host.resolve(path)
    except HostError:
        return path


def is_writable_by_others(host: Host, path: str) -> bool:
    """Whether others than root may write this file or directory itself, as far as its own permissions go."""
    try:
        owner = host.owner_and_mode(path)
    except HostError:
        return True
    group_writes = owner.gid != 0 and bool(owner.mode & _GROUP_WRITE)
    if owner.uid != 0 or group_writes or owner.mode & _OTHERS_WRITE:
        return True
    acl = host.attribute(path, ACL)
    return bool(acl) and lets_others_write(acl)


def lets_others_write(acl: bytes) -> bool:
    """Whether an access control list lets users or groups write that it names, root aside.

    One that cannot be understood does.
    """
    try:
        (version,) = struct.unpack_from("<I", acl)
        entries = list(struct.iter_unpack("<HHI", acl[4:]))
    except struct.error:
        return True
    mask = next((permissions for tag, permissions, _id in entries if tag == ACL_MASK), ACL_WRITE)
    named = [
        who for tag, permissions, who in entries if tag in (ACL_USER, ACL_GROUP) and permissions & mask & ACL_WRITE
    ]
    return version != ACL_VERSION or any(who != 0 for who in named)
