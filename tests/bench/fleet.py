# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up fleets: histories as kexec_history_info returns them, the same for the same seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

RELEASES = tuple(f"7.{minor}.{patch}-kho" for minor in (2, 3) for patch in range(4))
BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)
"""Long enough ago for all boots to be over by now."""
CRASH_RATE = 0.01
DEADLY = ("7.2.3-kho", "7.3.1-kho")
"""The transition that crashes, ``DEADLY_RATE`` of its boots."""
DEADLY_RATE = 0.08
KINDS = ("panic", "oops", "lockup", "hung_task")


def histories(hosts: int, boots: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield so many hosts and the history of each, of so many boots."""
    choose = random.Random(seed)
    for number in range(hosts):
        yield f"host{number:06}.example.com", _history(choose, boots)


def _history(choose: random.Random, boots: int) -> dict[str, Any]:
    host_boots, crashes = [], []
    begin, release, count = BEGIN + timedelta(seconds=choose.randrange(86400)), RELEASES[0], 0
    for number in range(boots):
        left, handed = release, number > 0 and choose.random() < 0.7
        release = choose.choice(RELEASES)
        count = count + 1 if handed else 0
        end = begin + timedelta(seconds=choose.randrange(600, 172800))
        boot_id = uuid.UUID(int=choose.getrandbits(128)).hex
        kernel = {"release": release, "previous_release": left if handed else None, "kexec_count": count}
        crashed = choose.random() < (DEADLY_RATE if handed and (left, release) == DEADLY else CRASH_RATE)
        running = number == boots - 1 and not crashed
        host_boots.append(
            {
                "boot_id": boot_id,
                **kernel,
                "boot": "handover" if handed else "cold",
                "begin": begin.isoformat(),
                "end": None if running else end.isoformat(),
                "ending": "running" if running else "crash" if crashed else "clean",
                "evidence": ["systemd-shutdown[1]: Rebooting with kexec."],
                "troubles": _troubles(random.Random(boot_id), handed, count),
            }
        )
        if crashed:
            crashes.append(_crash(choose, boot_id, kernel, end))
        begin = end + timedelta(seconds=30)
    return {"host_boots": host_boots, "crashes": crashes, "cursor": f"s=0;i={boots}"}


def _troubles(choose: random.Random, handed: bool, count: int) -> list[dict[str, str]]:
    """What each kernel complains about, what only one that was handed over to does, and what only long chains bring."""
    often = {"firmware_bug": 0.9, "iommu_fault": 0.05 * handed, "io_error": 0.1 * (count > 2), "kernel_warning": 0.01}
    return [
        {"code": code, "signature": f"{code} in boot of #"} for code, share in often.items() if choose.random() < share
    ]


def _crash(choose: random.Random, boot_id: str, kernel: dict[str, Any], at: datetime) -> dict[str, Any]:
    which = choose.randrange(20)
    return {
        "boot_id": boot_id,
        **kernel,
        "at": at.isoformat(),
        "kind": KINDS[which % len(KINDS)],
        "fatal": True,
        "frames": [f"driver{which}_queue_rq", "blk_mq_dispatch_rq_list", "process_one_work"],
        "bug": f"{which // 2:016x}",
        "signature": f"{which:016x}",
        "source": "pstore",
        "message": "Kernel panic - not syncing: Fatal exception",
    }
