# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one jump of a soak brought: a row, made of what the host's tasks returned, none of which is trusted. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import (
    at,
    seconds_or_none,
    text_or_none,
    whole_or_none,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES

MEMORY = {"free_bytes": "MemFree", "cma_free_bytes": "CmaFree", "slab_bytes": "Slab"}
"""What is taken of proc_meminfo(5), in KiB there."""
TEXT_LIMIT = 1 << 16
SYMPTOMS_SHOWN = 20
_FINISHED = re.compile(r"^FinishTimestampMonotonic=([0-9]{1,15})$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One jump. ``number`` is counted from 1, ``kexec_count`` as the kernel reports it. None is not known.

    ``failure`` is the code of what went wrong, ``symptoms`` those of what became
    worse; ``well``: proven, and nothing did. Sizes are in bytes;
    ``boot_seconds`` are those from the kernel's start until systemd was done (FinishTimestampMonotonic).
    """

    number: int
    left: str | None
    to: str | None
    verdict: str | None
    failure: str | None
    kexec_count: int | None
    well: bool
    symptoms: tuple[str, ...] | None
    outage_seconds: float | None
    boot_seconds: float | None
    free_bytes: int | None
    cma_free_bytes: int | None
    slab_bytes: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as it is stored."""
        return {**asdict(self), "symptoms": None if self.symptoms is None else list(self.symptoms)}


def row_of(number: int, result: Any, health: Any, memory: Any, boot: Any) -> Row:
    """Return the row of a jump.

    ``result`` is ``kexec_upgrade_result``, ``health`` what ``kernel_health_info`` returned, ``memory`` is
    ``/proc/meminfo`` in base 64, ``boot`` what ``systemctl show`` said. Each may be missing.
    """
    symptoms = symptoms_of(health)
    is_proven = at(result, "accepted") is True and at(result, "action") not in (None, "none")
    return Row(
        number=number,
        left=text_or_none(at(result, "from")),
        to=text_or_none(at(result, "to")),
        verdict=text_or_none(at(result, "verdict")),
        failure=text_or_none(at(result, "code")) or (None if is_proven else "not_proven"),
        kexec_count=whole_or_none(at(result, "reported", "kexec_count")),
        well=is_proven and symptoms == (),
        symptoms=symptoms,
        outage_seconds=seconds_or_none(at(result, "outage_seconds")),
        boot_seconds=_boot_seconds(boot),
        **_memory(memory),
    )


def measures_of(row: Row, result: Any, health: Any) -> dict[str, Any]:
    """Return what was measured of which boot, as the ledger takes it; a ``boot_id`` of None is not known.

    What the host says of itself is of the boot that answers. When that is another one than was reached, its outage is
    not known.
    """
    reached, answers = text_or_none(at(result, "reported", "boot_id")), text_or_none(at(health, "boot_id"))
    measures = {name: getattr(row, name) for name in MEASURES}
    if answers not in (None, reached):
        measures["outage_seconds"] = None
    return {"boot_id": answers or reached, **measures}


def row_from(stored: Any) -> Row:
    """Return the row that was stored. Raises ValueError for anything else."""
    names = {one.name for one in fields(Row)}
    if not isinstance(stored, Mapping) or set(stored) != names:
        raise ValueError("a row does not have the keys of a row")
    if whole_or_none(stored["number"]) is None or not isinstance(stored["well"], bool):
        raise ValueError("a row does not say which jump it is of, and how that went")
    symptoms = stored["symptoms"]
    told = tuple(str(code) for code in symptoms[:SYMPTOMS_SHOWN]) if isinstance(symptoms, list) else None
    texts = {name: text_or_none(stored[name]) for name in ("left", "to", "verdict", "failure")}
    whole = {name: whole_or_none(stored[name]) for name in ("kexec_count", *MEMORY)}
    times = {name: seconds_or_none(stored[name]) for name in ("outage_seconds", "boot_seconds")}
    found: dict[str, Any] = {**texts, **whole, **times}
    return Row(number=stored["number"], well=stored["well"], symptoms=told, **found)


def symptoms_of(health: Any) -> tuple[str, ...] | None:
    """Return the codes of new troubles; None where it is not known whether there are any."""
    troubles = at(health, "troubles")
    if not isinstance(troubles, list):
        return None
    codes = [text_or_none(at(one, "code")) for one in troubles if at(one, "new") is True]
    found = tuple(sorted({code for code in codes if code}))[:SYMPTOMS_SHOWN]
    return found if found or at(health, "healthy") is True else None


def _memory(memory: Any) -> dict[str, int | None]:
    try:
        text = base64.b64decode(memory[:TEXT_LIMIT]).decode("ascii", "replace") if isinstance(memory, str) else ""
    except (binascii.Error, ValueError):
        text = ""
    found = {name: re.search(rf"^{key}: +([0-9]{{1,15}}) kB$", text, re.MULTILINE) for name, key in MEMORY.items()}
    return {name: int(match.group(1)) << 10 if match else None for name, match in found.items()}


def _boot_seconds(boot: Any) -> float | None:
    match = _FINISHED.search(boot[:TEXT_LIMIT]) if isinstance(boot, str) else None
    # systemd says 0 while it is not done.
    return seconds_or_none(int(match.group(1)) / 1e6) if match and int(match.group(1)) else None
