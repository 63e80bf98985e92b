# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel complains about after cold boots, of this host or of the fleet: no kexec can be to blame for that."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._health.compare import OwnComplaints
from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import ColdBoots
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import Query, read_journal
from ansible_collections.kho.kexec.plugins.module_utils._history.read import starts_of
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, line_of
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID

RELEASE = "/proc/sys/kernel/osrelease"
TIME_LIMIT = 20.0


def own_complaints(host: Host, fleet: Sequence[Mapping[str, Any]]) -> Optional[OwnComplaints]:
    """Return what the running release complains about after cold boots, by the journal and by the ``fleet``'s ledger.

    ``fleet`` is the option ``own_troubles``. Where both know a complaint, the fleet's numbers are told, which may have
    this host's in them. None when nobody knows any such boot.
    """
    release = line_of(host, RELEASE)
    of_fleet = {
        (one["code"], one["signature"]): ColdBoots(one["boots"], one["hosts"], of_fleet=True)
        for one in fleet
        if one["release"] == release
    }
    of_host = complaints_after_cold_boots(host)
    if of_host is None:
        # What the ledger does not tell may have been said all the same: on one host only, or too rarely to be told.
        return OwnComplaints(of_fleet, complete=False) if of_fleet else None
    return OwnComplaints({**of_host.told, **of_fleet}, complete=True)


def complaints_after_cold_boots(host: Host) -> Optional[OwnComplaints]:
    """Return what the running release complained about in earlier cold boots of this host.

    None when the journal knows no such boot whose kernel's log it has from the beginning on; then nothing is known.
    """
    release, running = line_of(host, RELEASE), (line_of(host, BOOT_ID) or "").replace("-", "")
    try:
        journal = read_journal(host, Query(None, None, time.monotonic() + TIME_LIMIT))
    except KhoError:
        return None
    told = [
        start.words.troubles
        for start in starts_of(journal)
        if start.boot == "cold" and release is not None and start.release == release and start.span.boot_id != running
    ]
    known = [troubles for troubles in told if troubles is not None]
    if not known:
        return None
    boots = Counter(said for troubles in known for said in {(one.what, one.signature) for one in troubles})
    return OwnComplaints({said: ColdBoots(number, 1, of_fleet=False) for said, number in boots.items()}, complete=True)
