# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of a rollout are lost."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.lost import is_lost
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

ONE, TWO = Taking("one", "ann@east", 2), Taking("two", "bob@west", 1)


def lost(ledger: Ledger, now: int) -> list[tuple[str, str]]:
    hosts = tables().rollout_hosts.c
    with ledger.snapshot() as connection:
        return [tuple(row) for row in connection.execute(sa.select(hosts.rollout, hosts.host).where(is_lost(now)))]


def test_host_is_lost_when_its_run_has_it_no_more_and_has_not_told(ledger: Ledger, wait: Callable[[int], None]) -> None:
    wait(0)
    shared = SharedRollout(ledger, "spring")
    shared.begin(ONE, {}, (1, ["web1", "web2"]), ["web3"], 60, "".__eq__)
    assert lost(ledger, 1059) == []
    assert lost(ledger, 1060) == [("spring", "web1"), ("spring", "web2")]
    wait(60)
    SharedRollout(ledger, "other").begin(TWO, {}, (1, ["web1"]), [], 60, "".__eq__)
    assert lost(ledger, 1059) == [("spring", "web1")], "a run of another rollout has it"
    shared.end(ONE, 1, {"web2": ("proven", None)}, True, Budget(0, None))
    assert lost(ledger, 1060) == [("spring", "web1")]
