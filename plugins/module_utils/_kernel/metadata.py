# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``kexec-metadata`` blob: what a kernel tells its successor over Kexec HandOver (KHO), since Linux 7.1.

``struct kho_kexec_metadata`` (include/linux/kho/abi/kexec_metadata.h), packed, in the byte order of the machine::

    offset  0  u32       version, 1
    offset  4  char[65]  previous_release, ends with NUL
    offset 69  u32       kexec_count

debugfs shows it as ``kho/in/sub_fdts/kexec-metadata`` (what this kernel was told) and
``kho/out/sub_fdts/kexec-metadata`` (what the next kernel will be told).
"""

from __future__ import annotations

import struct
import sys
from typing import Any, Dict, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, until_nul

NODE_NAME = "kexec-metadata"
VERSION = 1
RELEASE_LIMIT = 64  # __NEW_UTS_LEN
BLOB_SIZE = 73
COUNT_LIMIT = (1 << 32) - 1


class Record(NamedTuple):
    """One incoming or outgoing record.

    ``previous_release`` is the release (``uname -r``) that was or will be left, as printable ASCII of at most 64
    characters. ``kexec_count`` is the number of consecutive handovers since the last cold boot.
    """

    previous_release: str
    kexec_count: int

    def as_dict(self) -> Dict[str, Any]:
        """Return the record in the shape that modules return."""
        return {"previous_release": self.previous_release, "kexec_count": self.kexec_count}


class MetadataError(KhoError):
    """The blob is not one that this kernel ABI describes; ``code`` is metadata_damaged or metadata_unsupported."""


def parse_metadata(blob: bytes, byteorder: str = sys.byteorder) -> Record:
    """Read a blob as the kernel does (kexec_handover.c, kho_in_kexec_metadata): version first, then the size.

    Bytes after the 73 that version 1 defines are ignored, as the kernel ignores them. ``byteorder`` is ``little`` or
    ``big``. Raises ``MetadataError``.
    """
    prefix = "<" if byteorder == "little" else ">"
    if len(blob) < 4:
        raise MetadataError(
            "metadata_damaged",
            f"The kexec metadata has {counted(len(blob), 'byte')}, too few to even hold its version.",
        )
    version = struct.unpack_from(prefix + "I", blob)[0]
    if version != VERSION:
        raise MetadataError(
            "metadata_unsupported",
            f"The kexec metadata has version {version}, and only version {VERSION} is known.",
        )
    if len(blob) < BLOB_SIZE:
        raise MetadataError(
            "metadata_damaged",
            f"The kexec metadata has {counted(len(blob), 'byte')} instead of the {BLOB_SIZE} of version 1.",
        )
    release, count = struct.unpack_from(prefix + "65sI", blob, 4)
    return Record(until_nul(release, RELEASE_LIMIT), count)
