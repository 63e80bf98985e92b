# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel complains about after cold boots, by this host's journal: no kexec can be to blame for that."""

from __future__ import annotations

import time
from typing import FrozenSet, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.journal import Query, read_journal
from ansible_collections.kho.kexec.plugins.module_utils._history.read import starts_of
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, line_of
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID

RELEASE = "/proc/sys/kernel/osrelease"
TIME_LIMIT = 20.0


def complaints_after_cold_boots(host: Host) -> Optional[FrozenSet[Tuple[str, str]]]:
    """Return what the running release complained about in earlier cold boots: each ``what`` and ``signature``.

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
    return frozenset((one.what, one.signature) for troubles in known for one in troubles)
