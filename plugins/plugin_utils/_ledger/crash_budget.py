# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many crashes a rollout may cost, before there are enough for statistics."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_begun
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

NAMED = 5
"""How many hosts that crashed a message names."""


def keep_within(ledger: Ledger, previous_release: str | None, release: str, since: int, most: int) -> dict[str, Any]:
    """Return how many boots crashed; ``failed`` when more than ``most``. Raises LedgerError."""
    begun = count_begun(ledger, previous_release, release, since)
    origin = f"from {previous_release} " if previous_release else ""
    counted = f"{begun.crashes} of {begun.boots} boots of {release} that a kexec {origin}began since then crashed"
    result = {
        "changed": False,
        "boots_begun": begun.boots,
        "boots_crashed": begun.crashes,
        "crashed_hosts": list(begun.hosts),
    }
    if begun.crashes <= most:
        return {**result, "msg": f"{counted}, and up to {most} may."}
    message = (
        f"{counted}, and at most {most} may (max_crashes): {listed(begun.hosts, NAMED)}. The next wave would "
        "repeat it on more hosts. Look at the crashes in the report before you go on, or allow more."
    )
    return {**result, **failed_with("crash_budget_exceeded", message)}
