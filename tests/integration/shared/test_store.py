# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts that runs share, in PostgreSQL: runs that ask at once, claims by its clock, a server that is killed."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import boot, cold, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import ledger as ledger_file
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import Go, SharedRolloutError, Wait
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.no_worse import keep_no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget
from bench.postgres import Cluster

TERMS = {"kexec_upgrade_target": "7.3.4"}
RUNS, HOSTS = 8, 40
CLAIM = 600
HOUR = 3600


def begin(url: str, run: str, *hosts: str, claim: int = CLAIM, name: str = "spring") -> Go | Wait:
    with Ledger(place_of(url)) as ledger:
        taking = Taking(run, run, 1)
        return SharedRollout(ledger, name).begin(taking, TERMS, (1, hosts), (), claim, "".__eq__)[0]


def end(url: str, run: str, **outcomes: str) -> str:
    with Ledger(place_of(url)) as ledger:
        told = {host: (state, None) for host, state in outcomes.items()}
        shared, taking = SharedRollout(ledger, "spring"), Taking(run, run, 1)
        ended = shared.end(taking, 1, told, True, Budget(3, None))
        if ended.canaries:
            shared.passed(taking)
        return ended.stop


@pytest.fixture
def proven(url: str) -> str:
    """The database with a rollout whose canary is proven."""
    assert begin(url, "first", "canary") == Go(canaries=True)
    assert end(url, "first", canary="proven") == ""
    return url


def at_once(number: int, act) -> list:  # type: ignore[no-untyped-def]
    """Do something from so many threads that begin together."""
    barrier = threading.Barrier(number)

    def one(index: int):  # type: ignore[no-untyped-def]
        barrier.wait()
        return act(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


def test_one_of_many_goes_first(url: str) -> None:
    answers = at_once(RUNS, lambda index: begin(url, f"run{index}", f"web{index}"))
    assert Counter(type(answer) for answer in answers) == {Go: 1, Wait: RUNS - 1}


@pytest.mark.parametrize("same", [True, False])
def test_host_belongs_to_one_of_many(proven: str, same: bool) -> None:
    def name(index: int) -> str:
        return "spring" if same else f"rollout{index}"

    hosts = [f"web{number}" for number in range(HOSTS)]
    answers = at_once(
        RUNS, lambda index: begin(proven, f"run{index}", *hosts[:: 1 - 2 * (index % 2)], name=name(index))
    )
    assert sum(isinstance(answer, Go) for answer in answers) == 1
    with Ledger(place_of(proven)) as ledger, ledger.snapshot() as connection:
        rows = connection.exec_driver_sql("SELECT run, count(*) FROM rollout_claims GROUP BY run").all()
    assert [count for _run, count in rows] == [HOSTS]


def test_sums_are_those_of_all(proven: str) -> None:
    def wave(index: int) -> str:
        assert begin(proven, f"run{index}", f"web{index}", f"db{index}") == Go(canaries=False)
        state = "failed" if index < 2 else "proven"
        return end(proven, f"run{index}", **{f"web{index}": state, f"db{index}": "proven"})

    assert at_once(RUNS, wave) == [""] * RUNS
    with Ledger(place_of(proven)) as ledger:
        found = info(ledger, "spring")
    assert (found["counts"]["proven"], found["counts"]["failed"]) == (1 + 2 * RUNS - 2, 2)
    assert len(found["runs"]) == 1 + RUNS


def test_claim_ends_by_the_clock_of_the_database(proven: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(proven, "dead", "web1", claim=2)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert isinstance(begin(proven, "other", "web1"), Wait), "whatever the controller's clock is"
    until = time.monotonic() + 30
    while isinstance(begin(proven, "other", "web1"), Wait):
        assert time.monotonic() < until
        time.sleep(0.2)


def test_killed_server_knows_what_it_said_yes_to(cluster: Cluster, proven: str) -> None:
    assert begin(proven, "run1", "web1") == Go(canaries=False)
    cluster.end(signal.SIGKILL)
    try:
        with pytest.raises(LedgerError) as caught:
            begin(proven, "run2", "web2")
        assert caught.value.code == "ledger_away"
    finally:
        cluster.start()
    assert isinstance(begin(proven, "run2", "web1"), Wait)
    assert end(proven, "run1", web1="failed") == ""
    assert end(proven, "run1", web1="failed") == "", "nothing is counted twice"
    with Ledger(place_of(proven)) as ledger:
        assert info(ledger, "spring")["counts"]["failed"] == 1


def test_who_has_waited_sees_what_others_wrote_whatever_the_default_of_the_server(
    cluster: Cluster, proven: str
) -> None:
    cluster.sql("ALTER ROLE CURRENT_USER SET default_transaction_isolation = 'repeatable read'")
    try:
        for index in range(RUNS):
            assert begin(proven, f"run{index}", f"web{index}") == Go(canaries=False)
        stops = at_once(RUNS, lambda index: end(proven, f"run{index}", **{f"web{index}": "failed"}))
    finally:
        cluster.sql("ALTER ROLE CURRENT_USER RESET default_transaction_isolation")
    assert sorted(bool(stop) for stop in stops) == [False] * 3 + [True] * (RUNS - 3), "each failure is counted once"


def test_controller_that_vanishes_while_it_asks_is_not_waited_for(proven: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "SILENCE", 1)
    others = []

    def vanish() -> None:
        with Ledger(place_of(proven)) as ledger, ledger.transaction() as connection:
            connection.exec_driver_sql("SELECT * FROM rollouts FOR UPDATE")
            others.append(begin(proven, "run1", "web1"))
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(LedgerError) as caught:
        vanish()
    assert others == [Go(canaries=False)], "once the server has given it up"
    assert caught.value.code == "ledger_away"


def test_one_machine_can_do_with_a_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger(place_of(url)):
        pass
    answers = at_once(RUNS, lambda index: begin(url, f"run{index}", f"web{index}"))
    assert Counter(type(answer) for answer in answers) == {Go: 1, Wait: RUNS - 1}
    assert begin(url, "run1", "web1", claim=0) in (Go(canaries=True), answers[1])


def test_runs_that_ask_at_once_are_told_alike_and_stop_once(proven: str) -> None:
    hosts = [f"web{number}" for number in range(RUNS)]
    assert all(at_once(RUNS, lambda index: isinstance(begin(proven, f"run{index}", hosts[index]), Go)))
    now = int(time.time())

    def ask(index: int) -> dict[str, Any]:
        with Ledger(place_of(proven)) as ledger:
            assert abs(ledger.now() - now) < 600
            try:
                return keep_no_worse(SharedRollout(ledger, "spring"), Taking(f"run{index}", f"run{index}", 1))
            except SharedRolloutError as error:
                return {"failed": True, "code": error.code}

    with Ledger(place_of(proven)) as ledger:
        for host in ("canary", *hosts):
            ledger.import_history(host, history(running(now)), now)
    told = at_once(RUNS, ask)
    assert all("failed" not in one for one in told)
    assert len({one["evidence"] for one in told}) == 1
    with Ledger(place_of(proven)) as ledger:
        for host in hosts[:3]:
            ledger.import_history(host, history(*jumped(now)), now + HOUR)
    told = at_once(RUNS, ask)
    assert Counter(one["code"] for one in told) == {"jumped_hosts_worse": 1, "rollout_was_stopped": RUNS - 1}
    with Ledger(place_of(proven)) as ledger:
        found = info(ledger, "spring")
    assert [one["what"] for one in found["events"]][-2:] == ["jumped_hosts_worse", "stopped"]
    assert "3 of 3 hosts crashed" in found["why"]


def running(now: int) -> dict[str, Any]:
    """A boot that runs for two weeks."""
    return cold(1, begin=moment(now - 14 * 24 * HOUR), end=None, ending="running")


def jumped(now: int) -> list[dict[str, Any]]:
    """That boot, when it has ended, and one that crashed right after the jump."""
    new = boot(boot_id=some_id(2), begin=moment(now + 60), end=moment(now + 80), ending="crash")
    return [{**running(now), "end": moment(now + 30), "ending": "clean"}, new]


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
