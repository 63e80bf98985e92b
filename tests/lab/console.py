# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's serial console as text that is safe on a terminal."""

from __future__ import annotations

import re
from pathlib import Path

# What firmware and boot loader draw with: CSI sequences, and other escapes of one character.
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_UNPRINTABLE = re.compile(rb"[^\t\n\x20-\x7e]")


def plain_text(raw: bytes) -> str:
    """The printable ASCII of `raw`: no escape sequences, no carriage returns, anything else as `?`."""
    return _UNPRINTABLE.sub(b"?", _ESCAPE.sub(b"", raw).replace(b"\r", b"")).decode("ascii")


def last_lines(path: Path, count: int, limit: int = 1 << 16) -> list[str]:
    """The last `count` lines with text on them within the last `limit` bytes; none when there is no file."""
    try:
        with path.open("rb") as console:
            console.seek(max(0, path.stat().st_size - limit))
            raw = console.read()
    except FileNotFoundError:
        return []
    lines = [line.rstrip() for line in plain_text(raw).splitlines()]
    return [line for line in lines if line][-count:]
