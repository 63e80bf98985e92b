# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running kernel was started, and what it will tell its successor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host import Host
from ansible_collections.kho.kexec.plugins.module_utils._metadata import Record


@dataclass(frozen=True)
class RunningKernel:
    """The facts. ``None`` means unknown, and a note says what stood in the way."""

    release: Optional[str]
    boot_id: Optional[str]
    boot: str
    previous_release: Optional[str]
    kexec_count: Optional[int]
    source: str
    next: Optional[Record]
    built: Optional[bool]
    enabled: Optional[bool]
    abi: Optional[str]
    luo_abi: Optional[str]
    subtrees: Tuple[str, ...]
    scratch_bytes: Optional[int]
    image_loaded: Optional[bool]
    crash_image_loaded: Optional[bool]
    notes: Tuple[Note, ...]

    def as_facts(self) -> Dict[str, Any]:
        """Return the value of ``ansible_facts.kho``."""
        facts: Dict[str, Any] = dict(vars(self))
        facts["next"] = self.next.as_dict() if self.next else None
        facts["subtrees"] = list(self.subtrees)
        facts["notes"] = [note.as_dict() for note in self.notes]
        return facts


def observe_running(host: Host) -> RunningKernel:
    """Read all that the host's kernel says of how it was started; nothing that is absent is an error."""
    raise NotImplementedError
