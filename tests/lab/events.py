# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The QMP events of a guest, each with the place in the console log where it happened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Event:
    """One event. `time` is UTC in ISO 8601, `monotonic` in seconds since this machine's boot.

    `console_offset` is how many bytes the guest had written to its serial port when the event arrived. `event` and
    `data` are QEMU's own (qapi/run-state.json).
    """

    event: str
    time: str
    monotonic: float
    console_offset: int
    data: Mapping[str, object] = field(default_factory=dict)

    def line(self) -> str:
        """The event as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"


def read(path: Path) -> list[Event]:
    """The events in the file, oldest first; none when there is no file.

    A last line without an end is left out: its writer was killed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    whole, _separator, _partial = text.rpartition("\n")
    return [Event(**json.loads(line)) for line in whole.splitlines()]
