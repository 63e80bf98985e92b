# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A crash as collectors keep it, and hosts that it may be of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._central.names import HostNames

CRASH = (Path(__file__).parents[2] / "golden/crashes/x86-null-pointer-panic.txt").read_text().splitlines()
NAMES = HostNames({"web1": ["192.0.2.1"], "web2": ["192.0.2.2"]})

Logs = Callable[[str, str, list[str]], list[dict[str, Any]]]
Crashes = Callable[[], list[Any]]


def behind(prefix: str, lines: list[str] = CRASH) -> list[str]:
    """Return lines as a collector keeps them that writes ``prefix`` before each."""
    return [f"{prefix} {line}" for line in lines]
