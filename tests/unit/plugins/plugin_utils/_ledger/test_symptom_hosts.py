# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts have which numbers of boots, with and without a symptom."""

from __future__ import annotations

from typing import Any

from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, ended, history

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import HostCount, Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger

SEEN: dict[str, Any] = {"troubles": [{"code": "firmware_bug", "signature": "firmware bug"}]}
NOT_SEEN: dict[str, Any] = {"troubles": []}


def test_hosts_are_counted_by_what_they_have(ledger: Ledger) -> None:
    for host in ("web1", "web2"):
        ledger.import_history(host, history(ended(1, **SEEN), ended(2, **NOT_SEEN), cold(3, **NOT_SEEN)), NOW)
    ledger.import_history("web3", history(ended(1, **NOT_SEEN), cold(2, **SEEN)), NOW)
    ledger.import_history("web4", history(cold(1, **NOT_SEEN), cold(2, **NOT_SEEN)), NOW)
    ledger.import_history("web5", history(ended(1, **SEEN)), NOW)
    ledger.import_history("web6", history(ended(1)), NOW)  # nobody looked
    (symptom,) = count_fleet(ledger).symptoms.told
    assert symptom.hosts == {
        Way("handover", OLD, NEW): (
            HostCount(0, 0, 2, 0, 1),
            HostCount(1, 0, 1, 1, 1),
            HostCount(1, 1, 0, 0, 1),
            HostCount(2, 1, 1, 0, 2),
        )
    }
    assert symptom.cold_hosts == {NEW: 1}
