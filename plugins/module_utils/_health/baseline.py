# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The baseline: the health of a host before its transition, kept on it for the comparison after."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._health.observe import Health, parse_health
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

BASELINE_PATH = "/var/lib/kho-kexec/health.json"
SCHEMA = 1
SIZE_LIMIT = 8 << 20
_BOOT_ID_LIMIT = 64


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "baseline_unreadable",
        f"The health that this host had before the transition cannot be read from {BASELINE_PATH}: {printable(why)}. "
        "Without it, old troubles cannot be told from new ones. Look at the file; when it is damaged, remove it, and "
        "judge the health with 'baseline: none'.",
    )


FILE = JsonFile(BASELINE_PATH, SIZE_LIMIT, _unreadable, indent=None)


def save_baseline(host: Host, health: Health, boot_id: str) -> None:
    """Store the health that the host has in the boot ``boot_id``, readable for root alone. Raises HostError."""
    FILE.write(host, {"schema": SCHEMA, "boot_id": boot_id, "health": health.as_dict()})


def read_baseline(host: Host) -> Optional[Tuple[str, Health]]:
    """Return the boot id and the health that were stored; None when there is nothing.

    Raises Refusal ``baseline_unreadable`` for a file that cannot be read or understood.
    """
    return FILE.read(host, _parse)


def _parse(stored: Any) -> Tuple[str, Health]:
    if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
        raise ValueError(f"it is not a baseline of schema {SCHEMA}")
    boot_id = stored.get("boot_id")
    if not isinstance(boot_id, str) or len(boot_id) > _BOOT_ID_LIMIT:
        raise ValueError("it has no boot id")
    return printable(boot_id), parse_health(stored.get("health") or {})
