# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot Loader Specification entries of type 1 (https://uapi-group.org/specifications/specs/boot_loader_specification/)."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

LINES_LIMIT = 200
LINE_LIMIT = 8192


class BlsEntry(NamedTuple):
    """What an entry says of a kernel. Paths are relative to the root of the entry's file system, as written.

    ``linux`` is None in an entry that starts something else, ``uki`` a unified kernel image (since systemd 258).
    ``initrds`` are in loading order, and ``more_initrds`` GRUB's variables that name more of them, mostly empty ones.
    ``options`` is the command line, in which variables stay as they are; None when the entry has none. ``machine_id``
    is that of the system which the entry belongs to.
    """

    version: Optional[str]
    linux: Optional[str]
    initrds: Tuple[str, ...]
    options: Optional[str]
    uki: Optional[str] = None
    machine_id: Optional[str] = None
    more_initrds: Tuple[str, ...] = ()


def parse_bls_entry(text: str) -> BlsEntry:
    """Read an entry's text. What is not understood is passed over, and what is not printable ASCII becomes ``?``."""
    values: Dict[str, List[str]] = {}
    for line in text.split("\n")[:LINES_LIMIT]:
        words = line.strip().split(None, 1)
        if len(line) <= LINE_LIMIT and len(words) == 2:
            values.setdefault(words[0], []).append(printable(words[1].replace("\t", " "), LINE_LIMIT))
    options = values.get("options")
    initrds = [word for line in values.get("initrd", ()) for word in line.split()]  # RHEL writes several in one line
    return BlsEntry(
        version=_last(values, "version"),
        linux=_last(values, "linux"),
        initrds=tuple(word for word in initrds if not word.startswith("$")),
        options=" ".join(options) if options else None,
        uki=_last(values, "uki"),
        machine_id=_last(values, "machine-id"),
        more_initrds=tuple(word[1:] for word in initrds if word.startswith("$")),
    )


def _last(values: Dict[str, List[str]], key: str) -> Optional[str]:
    return values[key][-1] if key in values else None
