# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On how many hosts a rollout may crash, before there are enough crashes for statistics."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_begun
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

NAMED = 5
"""How many hosts that crashed a message names."""


def keep_within(ledger: Ledger, previous_release: str | None, release: str, since: int, most: int) -> dict[str, Any]:
    """Return on how many hosts boots crashed; ``failed`` when on more than ``most``. Raises LedgerError.

    Hosts count, and not boots: one that crashes in a loop, or says so, counts once.
    """
    begun = count_begun(ledger, previous_release, release, since)
    origin = f"from {previous_release} " if previous_release else ""
    crashed = len(begun.crashed_hosts)
    hosts = counted(begun.hosts, "host")
    seen = f"On {crashed} of {hosts}, boots of {release} that a kexec {origin}began since then crashed"
    result = {
        "changed": False,
        "hosts_begun": begun.hosts,
        "boots_begun": begun.boots,
        "boots_crashed": begun.crashes,
        "crashed_hosts": list(begun.crashed_hosts),
    }
    if crashed <= most:
        return {**result, "msg": f"{seen}, and on up to {most} they may."}
    message = (
        f"{seen}, and on at most {most} they may (max_crashes): {listed(begun.crashed_hosts, NAMED)}. The next wave "
        "would repeat it on more hosts. Look at the crashes in the report before you go on, or allow more."
    )
    return {**result, **failed_with("crash_budget_exceeded", message)}
