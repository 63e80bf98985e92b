# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running kernel was started, and what it will tell its successor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._observe.handover import handover_of
from ansible_collections.kho.kexec.plugins.module_utils._observe.notes import notes_of
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import Sources, read_sources


@dataclass(frozen=True)
class RunningKernel:
    """The facts. ``None`` means unknown, and a note says what stood in the way.

    ``boot`` is cold, kexec, handover, kdump or unknown; ``source`` is debugfs, kernel_log, journal or none;
    ``next`` is the outgoing record; ``scratch_bytes`` is the sum of all scratch areas, ``largest_scratch_bytes`` the
    size of the largest; ``cma_total_bytes`` and ``cma_free_bytes`` are CmaTotal and CmaFree of /proc/meminfo. All text
    is printable ASCII.
    """

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
    largest_scratch_bytes: Optional[int]
    cma_total_bytes: Optional[int]
    cma_free_bytes: Optional[int]
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


@timed("observing")
def observe_running(host: Host) -> RunningKernel:
    """Read all that the host's kernel says of how it was started.

    Nothing that is absent, denied or damaged is an error: what could not be learned is None, and a note says why.
    """
    return conclude(read_sources(host))


def conclude(sources: Sources) -> RunningKernel:
    """Put together what the sources say. Pure."""
    handover = handover_of(sources)
    # What a capture kernel finds was meant for the kernel that crashed.
    record = handover.record if handover.boot != "kdump" else None
    areas = sources.files.scratch_areas
    cma_total, cma_free = sources.contiguous or (None, None)
    return RunningKernel(
        release=sources.release,
        boot_id=sources.boot_id,
        boot=handover.boot,
        previous_release=record.previous_release if record else None,
        kexec_count=handover.kexec_count,
        source=handover.source,
        next=sources.files.next,
        built=handover.built,
        enabled=handover.enabled,
        abi=handover.abi,
        luo_abi=sources.files.luo_abi,
        subtrees=sources.files.subtrees,
        scratch_bytes=None if areas is None else sum(areas),
        largest_scratch_bytes=None if areas is None else max(areas),
        cma_total_bytes=cma_total,
        cma_free_bytes=cma_free,
        image_loaded=sources.kexec.image_loaded,
        crash_image_loaded=sources.kexec.crash_image_loaded,
        notes=notes_of(sources, handover),
    )
