# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories and results of transitions, as the modules return them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

NOW = 1795392000
BOOT_ID = "9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11"
LEFT = "14279335-2684-452e-8909-1f3ab862a53b"
OLD, NEW = "7.2.13-kho", "7.3.4-kho"
BEGIN, END = "2026-11-22T15:00:00Z", "2026-11-22T17:30:00Z"


def boot(**changes: Any) -> dict[str, Any]:
    """Return a boot of a history: a handover that still runs."""
    usual = {"boot_id": BOOT_ID, "release": NEW, "previous_release": OLD, "kexec_count": 1, "boot": "handover"}
    return {**usual, "begin": BEGIN, "end": None, "ending": "running", "evidence": ["it answers"], **changes}


def some_id(number: int) -> str:
    """Return the boot id of that number."""
    return str(uuid.UUID(int=number))


def before(moment: str, hours: float) -> str:
    """Return the moment so many hours before another."""
    earlier = datetime.fromisoformat(moment.replace("Z", "+00:00")) - timedelta(hours=hours)
    return earlier.isoformat().replace("+00:00", "Z")


def ended(number: int, **changes: Any) -> dict[str, Any]:
    """Return a boot that ended cleanly, after a handover; each number has its own time."""
    times = {"begin": before(BEGIN, 3 * number), "end": before(END, 3 * number)}
    return boot(boot_id=some_id(number), **{**times, "ending": "clean", **changes})


def cold(number: int, **changes: Any) -> dict[str, Any]:
    """Return a cold boot that ended cleanly."""
    return ended(number, **{"boot": "cold", "previous_release": None, "kexec_count": 0, **changes})


def crash(**changes: Any) -> dict[str, Any]:
    """Return a crash of a history: a panic of that boot."""
    usual = {"boot_id": BOOT_ID, "release": NEW, "previous_release": OLD, "kexec_count": 1, "at": END}
    more = {
        "kind": "panic",
        "fatal": True,
        "frames": ["nvme_reset_work", "process_one_work"],
        "bug": "5e6f7a8b9c0d1e2f",
        "signature": "9f86d081884c7d65",
    }
    return {**usual, **more, "source": "pstore", "message": "Kernel panic", **changes}


def history(*boots: dict[str, Any], crashes: tuple[dict[str, Any], ...] = (), cursor: str = "s=1") -> dict[str, Any]:
    """Return a history of these boots, of one that runs when none is given."""
    return {"host_boots": list(boots) or [boot()], "crashes": list(crashes), "cursor": cursor}


def result(**changes: Any) -> dict[str, Any]:
    """Return a result of kexec_reboot: a verified handover."""
    promised = {"how": "handover", "release": NEW, "previous_release": OLD, "kexec_count": 1}
    evidence = {"boot_id_left": LEFT, "boot_id_found": BOOT_ID, "source": "debugfs", "notes": []}
    verdict = {"verdict": "handover_verified", "accepted": True, "reason": None, "message": "..."}
    whole = {**verdict, "promised": promised, "reported": promised, "evidence": evidence}
    return {"verdict": whole, "boot_id_before": LEFT, "boot_id_after": BOOT_ID, "outage_seconds": 8.5, **changes}


def upgraded(**changes: Any) -> dict[str, Any]:
    """Return kexec_upgrade_result of the role: a verified handover, the same one."""
    promised = {"how": "handover", "release": NEW, "previous_release": OLD, "kexec_count": 1, "abi": "kho-v4"}
    reported = {"release": NEW, "previous_release": OLD, "kexec_count": 1, "boot": "handover", "boot_id": BOOT_ID}
    went = {"host": "web1", "from": OLD, "to": NEW, "action": "handover", "promised": promised, "reported": reported}
    ended = {"verdict": "handover_verified", "accepted": True, "committed": True, "rolled_back_to": None, "code": None}
    return {**went, **ended, "boot_id_left": LEFT, "outage_seconds": 8.5, **changes}


def measured(**changes: Any) -> dict[str, Any]:
    """Return what a soak measured of a boot."""
    return {"boot_id": BOOT_ID, "free_bytes": 812646400, "outage_seconds": 8.5, "slab_bytes": None, **changes}
