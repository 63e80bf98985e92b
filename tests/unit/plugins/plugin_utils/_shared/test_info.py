# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a whole rollout."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import SharedRolloutError
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

TERMS = {"kexec_upgrade_target": "7.3.4"}
ONE, TWO = Taking("one", "ann@east", 2), Taking("two", "bob@west", 1)


def test_whole_rollout_whichever_run_did_which_part(ledger: Ledger, wait: Callable[[int], None]) -> None:
    wait(0)
    shared = SharedRollout(ledger, "spring")
    shared.begin(ONE, TERMS, (1, ["web1"]), ["web2", "web3"], 60, "".__eq__)
    shared.end(ONE, 1, {"web1": ("proven", None)}, True, Budget(0, None))
    shared.passed(ONE)
    shared.begin(TWO, TERMS, (1, ["db1"]), [], 60, "".__eq__)
    wait(30)
    shared.begin(ONE, TERMS, (2, ["web2"]), ["web1", "web3"], 60, "".__eq__)
    shared.end(ONE, 2, {"web2": ("failed", "unreachable")}, True, Budget(0, None))
    found = info(ledger, "spring")
    none = {"waiting": 0, "going": 0, "proven": 0, "failed": 0, "untouched": 0, "lost": 0}
    assert found["counts"] == {**none, "waiting": 1, "going": 1, "proven": 1, "failed": 1}
    assert [one["counts"] for one in found["runs"]] == [
        {**none, "waiting": 1, "proven": 1, "failed": 1},
        {**none, "going": 1},
    ]
    assert [(one["owner"], one["wave"], one["ended"]) for one in found["runs"]] == [
        ("ann@east", 2, 1030),
        ("bob@west", 1, None),
    ]
    assert (found["state"], found["who"]) == ("stopped", "ann@east")
    assert found["why"] == "Not proven: web2. Failed in all runs: 1; allowed: 0 (max_failed)."
    assert found["terms"] == TERMS
    assert found["canaries"] == ["web1"]
    assert [(one["host"], one["state"], one["code"]) for one in found["hosts"]] == [
        ("db1", "going", None),
        ("web2", "failed", "unreachable"),
    ]
    assert [one["what"] for one in found["events"]] == ["started", "joined", "canaries_proven", "joined", "stopped"]
    assert [one["why"] for one in found["events"] if one["what"] == "joined"] == [
        "3 hosts in 2 waves",
        "1 host in 1 wave",
    ]
    wait(30)
    assert info(ledger, "spring")["counts"] == {**none, "waiting": 1, "lost": 1, "proven": 1, "failed": 1}


def test_nothing_is_told_of_what_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(SharedRolloutError) as caught:
        info(ledger, "spring")
    assert caught.value.code == "rollout_unknown"
