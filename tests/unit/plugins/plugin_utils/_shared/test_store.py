# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts that runs share, in a ledger for real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.claims import Freed
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import (
    LONGEST_WHY,
    Go,
    SharedRolloutError,
    Wait,
    lost_too_many,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.lost import GRACE
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

TERMS = {"kexec_upgrade_target": "7.3.4"}
ONE, TWO = Taking("one", "ann@east", 2), Taking("two", "bob@west", 2)
WELL: tuple[str, str | None] = ("proven", None)
BADLY: tuple[str, str | None] = ("failed", "unreachable")


class Runs:
    """Two runs of one rollout."""

    def __init__(self, ledger: Ledger, name: str = "spring") -> None:
        self.shared = SharedRollout(ledger, name)

    def begin(self, me: Taking, *hosts: str, number: int = 1, terms: Any = None, dead: str = "") -> Go | Wait:
        answer, began = self.shared.begin(me, terms or TERMS, (number, hosts), (), 60, dead.__eq__)
        assert began == 1000
        return answer

    def end(self, me: Taking, number: int = 1, most: int = 0, **outcomes: tuple[str, str | None]) -> str:
        return self.shared.end(me, number, outcomes, True, Budget(most, None)).stop


@pytest.fixture
def runs(ledger: Ledger, wait: Callable[[int], None]) -> Runs:
    wait(0)
    return Runs(ledger)


@pytest.fixture
def proven(runs: Runs) -> Runs:
    """Two runs behind the canary."""
    assert runs.begin(ONE, "web1") == Go(canaries=True)
    assert runs.end(ONE, web1=WELL) == ""
    runs.shared.passed(ONE)
    return runs


def code_of(act: Any) -> str:
    with pytest.raises(SharedRolloutError) as caught:
        act()
    return caught.value.code


def test_others_wait_for_the_canaries(runs: Runs) -> None:
    assert runs.begin(ONE, "web1") == Go(canaries=True)
    assert isinstance(runs.begin(TWO, "db1"), Wait)
    runs.end(ONE, web1=WELL)
    assert isinstance(runs.begin(TWO, "db1"), Wait), "the gate after them has not told yet"
    runs.shared.passed(ONE)
    assert runs.begin(TWO, "db1") == Go(canaries=False)


def test_gate_that_fails_after_the_canaries_lets_the_next_go_first(runs: Runs) -> None:
    runs.begin(ONE, "web1")
    runs.end(ONE, web1=WELL)
    assert runs.shared.change("stopped", "ann", "An alert fires.", "one")
    assert code_of(lambda: runs.begin(TWO, "db1")) == "rollout_was_stopped"
    runs.shared.change("running", "ann", "")
    assert runs.begin(TWO, "db1") == Go(canaries=True)


def test_only_who_has_the_canaries_lets_others_go(runs: Runs, wait: Any) -> None:
    runs.begin(ONE, "web1")
    runs.end(ONE, web1=WELL)
    wait(60)
    assert runs.begin(TWO, "db1") == Go(canaries=True)
    runs.shared.passed(ONE)
    assert isinstance(runs.begin(ONE, "web2"), Wait)


def test_canary_that_fails_stops_all_and_the_next_goes_first_once_resumed(runs: Runs) -> None:
    runs.begin(ONE, "web1")
    assert runs.end(ONE, most=5, web1=BADLY) == "Canaries were not proven: web1."
    assert code_of(lambda: runs.begin(TWO, "db1")) == "rollout_was_stopped"
    assert runs.shared.change("running", "ann", "the cable is back")
    assert runs.begin(TWO, "db1") == Go(canaries=True)


def test_failures_of_all_runs_count_together(proven: Runs) -> None:
    proven.begin(ONE, "web2", number=2)
    proven.begin(TWO, "db1")
    assert proven.end(ONE, 2, most=1, web2=BADLY) == ""
    assert "Failed in all runs: 2; allowed: 1" in proven.end(TWO, most=1, db1=BADLY)
    assert code_of(lambda: proven.begin(TWO, "db2", number=2)) == "rollout_was_stopped"
    proven.shared.change("running", "ann", "")
    assert proven.begin(TWO, "db2", number=2) == Go(canaries=False)
    assert proven.end(TWO, 2, most=1, db2=BADLY) == "", "those of before do not count any more"


def test_failure_is_not_forgotten_when_nothing_was_done_since(proven: Runs) -> None:
    proven.begin(ONE, "web2")
    proven.end(ONE, most=1, web2=BADLY)
    proven.begin(ONE, "web2")
    proven.shared.release(ONE, ["web2"])
    proven.begin(TWO, "db1")
    assert "Failed in all runs: 2; allowed: 1" in proven.end(TWO, most=1, db1=BADLY)


def test_hosts_of_a_dead_run_count_as_failed_once_nobody_takes_them(proven: Runs, wait: Any, ledger: Ledger) -> None:
    proven.begin(ONE, "web2", "web3")
    wait(60 + GRACE - 1)
    assert proven.begin(TWO, "db1") == Go(canaries=False)
    assert proven.end(TWO, db1=WELL) == ""
    wait(1)
    allowed = {"kexec_upgrade_max_failed": 2, "kexec_upgrade_max_failed_percentage": ""}
    assert lost_too_many(["web2", "web3"], 0, allowed) == ""
    assert proven.shared.begin(ONE, TERMS, (2, ["web2"]), ["web3"], 60, "".__eq__)[0] == Go(canaries=False), "its own"
    wait(60 + GRACE)
    assert code_of(lambda: proven.begin(TWO, "db2", number=2)) == "rollout_was_stopped"
    found = info(ledger, "spring")
    assert (found["state"], found["counts"]["lost"]) == ("stopped", 2)
    assert found["why"].startswith("Lost: web2 web3. Their run has not told what became of them")
    proven.shared.change("running", "ann", "they were looked at")
    assert proven.begin(TWO, "db2", number=2) == Go(canaries=False)
    assert info(ledger, "spring")["counts"]["lost"] == 2, "they are not forgotten"


def test_lost_hosts_do_not_end_a_pause(proven: Runs, wait: Any) -> None:
    proven.begin(ONE, "web2")
    proven.shared.change("paused", "ann", "lunch")
    wait(60 + GRACE)
    assert isinstance(proven.begin(TWO, "db1"), Wait)


def test_stop_of_another_is_not_swallowed_by_the_one_before(proven: Runs, ledger: Ledger) -> None:
    proven.shared.change("stopped", "ann", "web7 is lost.")
    assert proven.shared.change("stopped", "bob", "The disks are late.") is True
    assert proven.shared.change("stopped", "bob", "The disks are late.") is False
    found = info(ledger, "spring")
    assert (found["who"], found["why"]) == ("bob", "The disks are late.")
    assert [one["why"] for one in found["events"] if one["what"] == "stopped"] == ["web7 is lost.", found["why"]]


def test_host_that_came_through_at_last_is_no_failure(proven: Runs) -> None:
    proven.begin(ONE, "web2")
    proven.end(ONE, most=1, web2=BADLY)
    proven.begin(ONE, "web2")
    proven.end(ONE, most=1, web2=WELL)
    proven.begin(TWO, "db1")
    assert proven.end(TWO, most=1, db1=BADLY) == ""


def test_host_belongs_to_one_run_whatever_the_rollout(proven: Runs, ledger: Ledger) -> None:
    assert proven.begin(ONE, "web2") == Go(canaries=False)
    assert isinstance(proven.begin(TWO, "web2", "db1"), Wait)
    assert isinstance(Runs(ledger, "other").begin(TWO, "web2"), Wait)
    assert proven.begin(ONE, "db1", "db2", "web2") == Go(canaries=False), "one that waits holds nothing"


def test_claim_of_a_dead_run_ends_by_the_clock_of_the_database(proven: Runs, wait: Any) -> None:
    proven.begin(ONE, "web2")
    wait(59)
    assert isinstance(proven.begin(TWO, "web2"), Wait)
    wait(1)
    assert proven.begin(TWO, "web2") == Go(canaries=False)
    lost = proven.shared.end(ONE, 2, {"web2": BADLY}, True, Budget(0, None))
    assert (lost.stop, lost.lost) == ("", ("web2",)), "what became of it is the other's to tell"
    assert isinstance(proven.begin(ONE, "web2"), Wait), "and it was not given back"


def test_run_that_is_known_to_be_dead_is_not_waited_for(proven: Runs) -> None:
    proven.begin(ONE, "web2")
    assert proven.begin(TWO, "web2", dead="one") == Go(canaries=False)


def test_run_that_lost_its_connection_asks_again(proven: Runs) -> None:
    assert proven.begin(ONE, "web2") == proven.begin(ONE, "web2") == Go(canaries=False)
    assert proven.end(ONE, most=1, web2=BADLY) == proven.end(ONE, most=1, web2=BADLY) == ""


def test_hosts_that_are_given_back_can_be_taken(runs: Runs) -> None:
    runs.begin(ONE, "web1")
    runs.shared.release(ONE, ["web1"])
    assert runs.begin(TWO, "web1") == Go(canaries=True)


def state_of(ledger: Ledger, host: str) -> tuple[Any, ...]:
    with ledger.snapshot() as connection:
        asked = "SELECT state, run, wave, ended FROM rollout_hosts WHERE host = :host"
        return tuple(connection.execute(sa.text(asked), {"host": host}).one())


def test_host_that_was_proven_stays_so_when_nothing_is_done(proven: Runs, wait: Any, ledger: Ledger) -> None:
    wait(30)
    proven.begin(TWO, "web1", "db1")
    proven.shared.release(TWO, ["web1", "db1"])
    assert state_of(ledger, "web1") == ("proven", "one", None, 1000)
    assert state_of(ledger, "db1") == ("untouched", "two", 1, 1030)
    proven.begin(TWO, "web1")
    proven.end(TWO, web1=("untouched", None))
    assert state_of(ledger, "web1") == ("proven", "one", None, 1000)
    assert info(ledger, "spring")["runs"][0]["counts"]["proven"] == 1


def test_host_of_which_nobody_knows_what_became_is_not_called_proven(proven: Runs, wait: Any, ledger: Ledger) -> None:
    proven.begin(TWO, "web1")
    wait(60)
    proven.begin(ONE, "web1")
    proven.begin(ONE, "web1")
    proven.shared.release(ONE, ["web1"])
    assert state_of(ledger, "web1")[:2] == ("untouched", "one")


def test_host_that_failed_since_is_not_called_proven(proven: Runs, ledger: Ledger) -> None:
    proven.begin(TWO, "web1")
    proven.end(TWO, most=5, web1=BADLY)
    proven.begin(TWO, "web1")
    proven.shared.release(TWO, ["web1"])
    assert state_of(ledger, "web1")[:2] == ("untouched", "two")


def test_claims_of_a_dead_run_can_be_ended_by_hand(proven: Runs, ledger: Ledger, wait: Any) -> None:
    proven.begin(ONE, "web2", "web3")
    assert proven.shared.end_run("ann@east", "bob@west", "Its controller burnt down.") == Freed(("web2", "web3"), False)
    assert proven.shared.end_run("ann@east", "bob@west", "Its controller burnt down.") == Freed((), False)
    found = info(ledger, "spring")
    assert found["counts"]["lost"] == 2
    assert [one["ended"] for one in found["runs"]] == [1000], "nobody takes it for one that goes on"
    assert [(one["who"], one["why"]) for one in found["events"] if one["what"] == "run_ended"] == [
        ("bob@west", "ann@east, with 2 hosts: Its controller burnt down.")
    ]
    assert proven.begin(TWO, "web2") == Go(canaries=False)
    wait(GRACE)
    assert code_of(lambda: proven.begin(TWO, "db1")) == "rollout_was_stopped", "web3 is lost, and counts as failed"


def test_run_that_was_ended_and_lives_tells_what_became_of_its_hosts(proven: Runs, ledger: Ledger) -> None:
    proven.begin(ONE, "web2")
    proven.shared.end_run("ann@east", "bob@west", "It looks dead.")
    assert proven.end(ONE, web2=WELL) == ""
    assert [one["ended"] for one in info(ledger, "spring")["runs"]] == [None]
    proven.shared.end_run("ann@east", "bob@west", "It looks dead.")
    proven.begin(ONE, "web3")
    assert [one["ended"] for one in info(ledger, "spring")["runs"]] == [None]
    assert info(ledger, "spring")["counts"]["proven"] == 2


def test_next_goes_first_when_the_run_of_the_canaries_is_ended(runs: Runs) -> None:
    runs.begin(ONE, "web1")
    assert isinstance(runs.begin(TWO, "db1"), Wait)
    runs.shared.end_run("ann@east", "bob@west", "It was killed.")
    assert runs.begin(TWO, "db1") == Go(canaries=True)


def test_only_runs_of_this_rollout_can_be_ended(proven: Runs, ledger: Ledger) -> None:
    Runs(ledger, "other").begin(TWO, "db1")
    assert code_of(lambda: proven.shared.end_run("bob@west", "ann", "no")) == "rollout_run_unknown"
    assert code_of(lambda: SharedRollout(ledger, "winter").end_run("bob@west", "ann", "no")) == "rollout_unknown"
    proven.begin(TWO, "db2")
    assert proven.shared.end_run("bob@west", "ann", "no").hosts == ("db2",)


def test_run_that_died_after_its_canaries_is_ended_with_who_and_why(runs: Runs, ledger: Ledger) -> None:
    runs.begin(ONE, "web1")
    runs.end(ONE, web1=WELL)
    assert isinstance(runs.begin(TWO, "db1"), Wait), "it soaks, and has no hosts any more"
    assert runs.shared.end_run("ann@east", "bob@west", "It was killed.") == Freed((), True)
    last = info(ledger, "spring")["events"][-1]
    assert (last["what"], last["who"]) == ("run_ended", "bob@west")
    assert last["why"] == "ann@east, with others behind its canaries: It was killed."
    assert runs.shared.end_run("ann@east", "bob@west", "It was killed.") == Freed((), False)
    assert runs.begin(TWO, "db1") == Go(canaries=True)


def test_of_two_runs_that_are_called_alike_none_is_ended(proven: Runs, ledger: Ledger) -> None:
    like = Taking("three", ONE.owner, 1)
    proven.begin(ONE, "web2")
    proven.begin(like, "web3")
    assert code_of(lambda: proven.shared.end_run(ONE.owner, "bob@west", "no")) == "rollout_run_ambiguous"
    assert info(ledger, "spring")["counts"]["lost"] == 0
    proven.end(ONE, web2=WELL)
    assert proven.shared.end_run(ONE.owner, "bob@west", "no").hosts == ("web3",), "only one of them has hosts"


def test_long_reason_is_cut_at_a_word_and_says_so(proven: Runs, ledger: Ledger) -> None:
    proven.shared.change("stopped", "ann", "Wo " * LONGEST_WHY)
    why = info(ledger, "spring")["why"]
    assert len(why) <= LONGEST_WHY
    assert why.endswith("Wo Wo [...]")
    assert proven.shared.change("stopped", "ann", "Wo " * LONGEST_WHY) is False, "that is no news"
    proven.shared.change("stopped", "ann", "x" * (LONGEST_WHY + 1))
    assert info(ledger, "spring")["why"].startswith("xxx")


def test_paused_and_resumed(proven: Runs) -> None:
    assert proven.shared.change("paused", "ann", "lunch") is True
    assert proven.shared.change("paused", "ann", "lunch") is False
    assert proven.begin(TWO, "db1") == Wait("ann has paused the rollout (lunch)")
    assert proven.shared.change("running", "ann", "") is True
    assert proven.begin(TWO, "db1") == Go(canaries=False)


def test_stop_is_not_weakened_by_a_pause(proven: Runs) -> None:
    proven.shared.change("stopped", "ann", "")
    assert proven.shared.change("paused", "bob", "") is False
    assert code_of(lambda: proven.begin(TWO, "db1")) == "rollout_was_stopped"


def test_run_that_differs_takes_no_part(proven: Runs) -> None:
    assert code_of(lambda: proven.begin(TWO, "db1", terms={"kexec_upgrade_target": "7.3.5"})) == "rollout_differs"
    assert proven.begin(TWO, "db1") == Go(canaries=False)


@pytest.mark.usefixtures("wait")
def test_rollout_may_be_started_before_any_run(ledger: Ledger) -> None:
    shared = SharedRollout(ledger, "spring")
    assert code_of(lambda: shared.change("paused", "ann", "")) == "rollout_unknown"
    assert shared.start("ann", "the spring update\n{{ x }}") is True
    assert info(ledger, "spring")["why"] == "the spring update??{ x }}"
    assert shared.start("bob", "") is False
    shared.change("paused", "ann", "not before noon")
    assert isinstance(Runs(ledger).begin(ONE, "web1"), Wait)


@pytest.mark.parametrize(
    "name", ["", " ", "spring ", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "x" * 201, "a\nb", "{{ x }}"]
)
def test_names_are_plain(ledger: Ledger, name: str) -> None:
    assert code_of(lambda: SharedRollout(ledger, name)) == "rollout_name_invalid"
