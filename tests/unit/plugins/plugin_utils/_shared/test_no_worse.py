# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one gate of statistics of a rollout that runs share: asked by any run, of the hosts of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import history, upgraded
from unit.plugins.plugin_utils.jumped_hosts import ACPI, HOUR, SINCE, after, at, before, looked

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._shared import no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import SharedRolloutError
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.no_worse import begins, keep_no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import SharedRollout, Taking

ONE, TWO = Taking("one", "ann@east", 2), Taking("two", "bob@west", 2)
WAITING = [f"web{number}" for number in range(100, 300)]


class Spring:
    """A rollout that two runs share; the database's clock begins with it."""

    def __init__(self, ledger: Ledger, wait: Callable[[int], None], name: str = "spring") -> None:
        self.ledger, self.wait, self.name = ledger, wait, name
        self.shared = SharedRollout(ledger, name)

    def take(self, me: Taking, *hosts: str, others: Sequence[str] = (), gate: str = "no_worse") -> None:
        self.shared.begin(me, {"kexec_upgrade_ledger_gate": gate}, (1, hosts), others, HOUR, "".__eq__)
        self.shared.passed(me)

    def ask(self, me: Taking = ONE) -> dict[str, Any]:
        return keep_no_worse(SharedRollout(self.ledger, self.name), me)

    def read(self, *hosts: str, jumped: int | None = None, died: bool = False, now: int = HOUR) -> None:
        """Import the histories of hosts, which jumped so many seconds after the beginning."""
        if jumped is None:
            boots = [before()]
        else:
            ending = {"until": jumped + 20, "ending": "crash"} if died else {}
            boots = [before(until=jumped - 60), after(jumped, **ending)]
        for host in hosts:
            self.ledger.import_history(host, history(*boots), SINCE + now)


@pytest.fixture
def spring(ledger: Ledger, wait: Callable[[int], None]) -> Spring:
    """A rollout whose hosts wait, but for two that one run has taken and two that the other has."""
    wait(SINCE - 1000)
    made = Spring(ledger, wait)
    made.take(ONE, "web1", "web2", others=WAITING)
    made.take(TWO, "db1", "db2")
    made.read(*WAITING)
    return made


def test_hosts_count_whichever_run_jumped_them(spring: Spring) -> None:
    spring.read("web1", "db1", jumped=660)
    found = spring.ask()
    assert (found["jumped"]["hosts"], found["waiting"]["hosts"], found["since"]) == (2, len(WAITING), SINCE)
    assert "failed" not in found
    assert spring.ask(TWO) == found, "and whichever asks"


def test_deaths_in_two_runs_are_one_evidence(ledger: Ledger, wait: Callable[[int], None]) -> None:
    wait(SINCE - 1000)
    spring = Spring(ledger, wait)
    spring.take(ONE, "web1", others=WAITING[:40])
    spring.take(TWO, "db1")
    spring.read(*WAITING[:40])
    spring.read("web1", jumped=660, died=True)
    assert "failed" not in spring.ask(ONE), "one death may be chance"
    assert "failed" not in spring.ask(TWO)
    spring.read("db1", jumped=1800, died=True)
    assert spring.ask(TWO)["crashed_hosts"] == ["db1", "web1"]
    assert info(ledger, "spring")["state"] == "stopped"


def test_what_is_found_stops_all_runs_with_its_numbers(spring: Spring) -> None:
    spring.read("web1", "db1", jumped=660, died=True)
    found = spring.ask(TWO)
    assert (found["failed"], found["code"]) == (True, "jumped_hosts_worse")
    assert "So all runs of the rollout spring stop." in found["msg"]
    told = info(spring.ledger, "spring")
    assert (told["state"], told["who"]) == ("stopped", "bob@west")
    low = found["ratio_interval"][0]
    assert told["why"] == (
        "jumped_hosts_worse: Since 2026-11-23 00:00:00 UTC, 2 of 2 hosts crashed in 0.0111 host hours after the jump, "
        f"and 0 of 200 hosts crashed in 200 host hours before it: {low:.2g} to any number of times as often are "
        f"possible. Evidence {found['evidence']:.3g}, and 20 is enough. Crashed: db1, web1."
    )
    assert [one["what"] for one in told["events"]][-2:] == ["jumped_hosts_worse", "stopped"]
    for me in (ONE, TWO):
        with pytest.raises(SharedRolloutError, match="stopped by bob@west: jumped_hosts_worse") as caught:
            spring.ask(me)
        assert caught.value.code == "rollout_was_stopped"
    assert len(info(spring.ledger, "spring")["events"]) == len(told["events"]), "it is told once"


def test_other_rollouts_in_the_ledger_say_nothing_of_this_one(spring: Spring) -> None:
    autumn = Spring(spring.ledger, spring.wait, "autumn")
    autumn.take(ONE, "sick1", "sick2", "sick3")
    autumn.read("sick1", "sick2", "sick3", jumped=660, died=True)
    spring.read("web1", "db1", jumped=660)
    assert "failed" not in spring.ask()
    assert autumn.ask()["jumped"] == {"hosts": 3, "hours": pytest.approx(3 * 20 / HOUR), "crashed": 3}


def test_host_that_no_run_has_taken_has_not_jumped(spring: Spring) -> None:
    spring.read("web100", jumped=660)
    found = spring.ask()
    assert (found["jumped"]["hosts"], found["waiting"]["hosts"]) == (0, len(WAITING))


@pytest.fixture
def later(spring: Spring) -> Spring:
    """Three hours have gone by, and no run has any host."""
    for me, hosts in ((ONE, ["web1", "web2"]), (TWO, ["db1", "db2"])):
        spring.shared.release(me, hosts)
    spring.wait(3 * HOUR)
    return spring


def test_what_hosts_jumped_before_a_run_took_them_is_not_of_this_rollout(later: Spring) -> None:
    hosts = ["web100", "web101", "web102"]
    later.read(*hosts[:2], jumped=660, died=True)
    lost = upgraded(verdict="unreachable", accepted=False, reported=None)
    later.ledger.record(hosts[2], {**lost, "host": hosts[2]}, SINCE + 660)
    later.take(ONE, *hosts)
    found = later.ask()
    assert ("failed" in found, found["jumped"]["hosts"], found["crashed_hosts"]) == (False, 0, [])
    assert found["waiting"]["crashed"] == 2, "it may have been another rollout"


def test_jump_counts_when_another_run_takes_the_host_later(later: Spring) -> None:
    later.read("web1", jumped=660)
    later.take(TWO, "web1")
    assert later.ask()["jumped"]["hosts"] == 1


def test_clock_of_a_host_may_be_behind(later: Spring) -> None:
    later.take(ONE, "web100")
    later.read("web100", jumped=3 * HOUR - 1800, now=4 * HOUR)
    assert later.ask()["jumped"]["hosts"] == 1


def test_days_before_are_those_of_its_own_hosts(spring: Spring) -> None:
    autumn = Spring(spring.ledger, spring.wait, "autumn")
    autumn.take(ONE, "app1", others=["app2", "app3"])
    autumn.read("app1", jumped=660, died=True)
    autumn.read("app2", "app3")
    alone = autumn.ask()
    quiet = before(begin="2026-11-10T00:00:00+00:00")
    for number in range(50):
        spring.ledger.import_history(f"other{number}", history(quiet), SINCE + HOUR)
    assert autumn.ask() == alone, "one death among few hosts, of which little is known"


def test_host_that_never_came_back_counts_for_its_own_rollout(spring: Spring) -> None:
    lost = upgraded(verdict="unreachable", accepted=False, reported=None)
    for host in ("web1", "web101", "other1"):
        spring.ledger.record(host, {**lost, "host": host}, SINCE + 1200)
    found = spring.ask()
    assert (found["crashed_hosts"], found["jumped"]["crashed"]) == (["web1"], 1)


@pytest.fixture
def resumed(spring: Spring) -> Spring:
    """Somebody goes on in the second hour, after two hosts of one run have died of their jump."""
    spring.read("web1", "db1", jumped=660, died=True)
    spring.read("web2", jumped=660)
    assert spring.ask()["failed"]
    spring.wait(HOUR)
    assert spring.shared.change("running", "ann", "That was the old firmware.")
    return spring


def test_bet_begins_anew_once_its_stop_is_resumed(resumed: Spring) -> None:
    resumed.read("web2", jumped=660, now=2 * HOUR)
    found = resumed.ask()
    assert (found["since"], found["jumped"]["hosts"], found["jumped"]["crashed"]) == (SINCE + HOUR, 0, 0)
    assert found["waiting"]["hours"] == 0, "nobody was read since"
    resumed.read(*WAITING, now=2 * HOUR)
    resumed.read("db2", jumped=HOUR + 660, died=True, now=2 * HOUR)
    found = resumed.ask()
    assert (found["jumped"]["hosts"], found["crashed_hosts"]) == (1, ["db2"])
    assert found["waiting"] == {"hosts": 200, "hours": pytest.approx(200 + 600 / HOUR), "crashed": 0}


def test_host_that_crashed_before_the_new_bet_waits_in_it(resumed: Spring) -> None:
    crashed = before(until=300, ending="crash")
    resumed.ledger.import_history("web100", history(crashed, before(3, begin=at(360))), SINCE + 2 * HOUR)
    assert resumed.ask()["waiting"]["hours"] == 1


def test_new_bet_can_be_lost_too(resumed: Spring) -> None:
    resumed.read(*WAITING[10:], now=2 * HOUR)
    resumed.take(TWO, "db2", *WAITING[:10])
    resumed.read("db2", *WAITING[:2], jumped=HOUR + 660, died=True, now=2 * HOUR)
    assert resumed.ask()["failed"]
    assert [one["what"] for one in info(resumed.ledger, "spring")["events"]].count("jumped_hosts_worse") == 2


def test_only_a_lost_bet_begins_anew() -> None:
    pauses = [("started", 5), ("paused", 7), ("resumed", 8), ("stopped", 9), ("resumed", 10)]
    assert begins(5, pauses) == (5, False)
    lost = [*pauses, ("jumped_hosts_worse", 12), ("stopped", 12)]
    assert begins(5, lost) == (5, True)
    assert begins(5, [*lost, ("resumed", 20), ("paused", 22), ("resumed", 23)]) == (20, False)


def test_run_that_was_slow_does_not_stop_who_has_resumed(spring: Spring, monkeypatch: pytest.MonkeyPatch) -> None:
    spring.read("web1", "db1", jumped=660, died=True)
    look = no_worse.look

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(no_worse, "look", look)
        found = look(*arguments)
        assert spring.ask(TWO)["failed"]
        spring.wait(HOUR)
        spring.shared.change("running", "ann", "They were looked at.")
        return found

    monkeypatch.setattr(no_worse, "look", slow)
    assert "failed" not in spring.ask(ONE)
    assert info(spring.ledger, "spring")["state"] == "running"


def complain(spring: Spring, *hosts: str, jumped: int) -> None:
    """Import histories of hosts whose new kernels complain, and of as many that wait meanwhile."""
    for number, host in enumerate(hosts):
        boots = looked(before(until=jumped - 60)), looked(after(jumped + number), ACPI)
        spring.ledger.import_history(host, history(*boots), SINCE + jumped + HOUR)
        spring.ledger.import_history(WAITING[number], history(looked(before(3))), SINCE + jumped + HOUR)


@pytest.mark.parametrize(("gate", "stops"), [("no_worse", False), ("no_worse_with_symptoms", True)])
def test_symptoms_count_where_the_terms_of_all_runs_say_so(ledger: Ledger, wait: Any, gate: str, stops: bool) -> None:
    wait(SINCE - 1000)
    spring = Spring(ledger, wait)
    web, db = [f"web{number}" for number in range(6)], [f"db{number}" for number in range(6)]
    spring.take(ONE, *web, others=WAITING[:12], gate=gate)
    spring.take(TWO, *db, gate=gate)
    complain(spring, *web, *db, jumped=660)
    found = spring.ask(TWO)
    assert ("failed" in found, "symptoms" in found) == (stops, stops)
    if stops:
        assert found["symptoms"][0]["with_itself"] == {"after": 12, "other": 0}
        why = info(ledger, "spring")["why"]
        assert why.startswith("jumped_hosts_worse: Since ")
        assert "Crashed: none. Of 12 hosts that jumped, 12 complained of acpi_error" in why
        assert why.endswith("Hosts: db0, db1, db2, db3, db4 and 7 more."), "it is told to its end"


def test_complaints_of_other_rollouts_and_of_lost_bets_do_not_count(ledger: Ledger, wait: Any) -> None:
    wait(SINCE - 1000)
    spring = Spring(ledger, wait)
    web, other = [f"web{number}" for number in range(12)], [f"other{number}" for number in range(12)]
    gate = "no_worse_with_symptoms"
    spring.take(ONE, *web, "new1", others=WAITING[:12], gate=gate)
    Spring(ledger, wait, "autumn").take(TWO, *other, gate=gate)
    complain(spring, *other, jumped=660)
    assert spring.ask()["symptoms"] == []
    complain(spring, *web, jumped=660)
    assert spring.ask()["failed"]
    wait(HOUR)
    spring.shared.change("running", "ann", "It is harmless.")
    complain(spring, "new1", jumped=HOUR + 660)
    found = spring.ask()
    assert ("failed" in found, found["symptoms"]) == (False, [])


def test_rollout_that_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(SharedRolloutError) as caught:
        keep_no_worse(SharedRollout(ledger, "spring"), ONE)
    assert caught.value.code == "rollout_unknown"
