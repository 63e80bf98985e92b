# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of real processes share: waiting, and who runs."""

from __future__ import annotations

import time
from pathlib import Path

from tools import processes


def wait_until(condition, seconds: float = 30.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Tell whether this process runs."""
    return any(each == pid for each, _parent, _name in processes.parents())


def read_pid(path: Path) -> int:
    """Return the number that a process wrote, once it has."""
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())
