# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what the lab spends its time on: a line of JSON for each, in the file $KHO_LAB_TIMES if there is one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "KHO_LAB_TIMES"


@contextmanager
def measured(kind: str, what: str) -> Iterator[None]:
    """Record how long this block took, unless it fails."""
    began = time.monotonic()
    yield
    record(kind, what, time.monotonic() - began)


def record(kind: str, what: str, seconds: float) -> None:
    """Add one line; nothing when nobody asked.

    `kind` is one of boot, restore, jump, kernel, image, snapshot, wait; `what` is the guest, the kernel or the like.
    """
    place = os.environ.get(VARIABLE)
    if place:
        line = json.dumps({"kind": kind, "seconds": round(seconds, 1), "what": what})
        # One write: several processes add lines, and none may be torn.
        with open(place, "a", encoding="utf-8") as file:
            file.write(line + "\n")
