# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories of hosts in a rollout, in seconds since it began."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from unit.plugins.plugin_utils.histories import OLD, boot, cold, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

SINCE = 1795392000
HOUR = 3600
ACPI = {"code": "acpi_error", "signature": "ACPI Error: AE_AML"}
"""What a kernel complains about."""


def at(seconds: int) -> str:
    return datetime.fromtimestamp(SINCE + seconds, timezone.utc).isoformat()


def before(number: int = 1, until: int | None = None, **changes: Any) -> dict[str, Any]:
    """A boot from before the rollout; without an end, it runs on."""
    ending = {"end": None, "ending": "running"} if until is None else {"end": at(until), "ending": "clean"}
    return cold(number, **{"release": OLD, "begin": at(-HOUR), **ending, **changes})


def after(begin: int, until: int | None = None, number: int = 2, **changes: Any) -> dict[str, Any]:
    """A boot that the jump began."""
    ending = {"end": None, "ending": "running"} if until is None else {"end": at(until), "ending": "clean"}
    return boot(**{"boot_id": some_id(number), "begin": at(begin), **ending, **changes})


def looked(one: dict[str, Any], *troubles: dict[str, str]) -> dict[str, Any]:
    """The same boot, when the kernel's log was looked at."""
    return {**one, "troubles": [*troubles]}


def waiting(ledger: Ledger, hosts: int, now: int = HOUR) -> None:
    for number in range(hosts):
        ledger.import_history(f"waiting{number}", history(before()), SINCE + now)
