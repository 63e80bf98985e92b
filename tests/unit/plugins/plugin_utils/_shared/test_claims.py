# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are taken, given back, and taken from runs that have died, in a ledger for real."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._shared import claims
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.claims import claims_of, end_claims, give_back, take
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import Claim, Wait

ONE, TWO, OTHER = Claim("spring", "one", 60), Claim("spring", "two", 90), Claim("autumn", "other", 60)
NOW = 10


@dataclass
class Hosts:
    """The hosts of a ledger."""

    ledger: Ledger

    def take(self, mine: Claim, *hosts: str, now: int = NOW, over: Collection[str] = ()) -> Wait | None:
        with self.ledger.transaction() as connection:
            return take(connection, mine, now, set(over), hosts)

    def end(self, runs: Sequence[str], rollout: str = "spring", now: int = NOW) -> list[str]:
        with self.ledger.transaction() as connection:
            return end_claims(connection, rollout, runs, now)

    def known(self, *hosts: str) -> dict[str, Claim]:
        with self.ledger.snapshot() as connection:
            return claims_of(connection, hosts)


@pytest.fixture
def hosts(ledger: Ledger) -> Hosts:
    return Hosts(ledger)


def test_hosts_belong_to_who_takes_them(hosts: Hosts) -> None:
    assert hosts.take(ONE, "web1", "web2") is None
    assert hosts.known("web1", "web2", "web3") == {"web1": ONE, "web2": ONE}
    assert hosts.take(ONE) is None, "nothing to take"


def test_all_hosts_are_taken_or_none(hosts: Hosts) -> None:
    hosts.take(OTHER, "web1")
    answer = hosts.take(ONE, "web1", "web2")
    assert answer is not None
    assert "a run of another rollout" in answer.why
    assert hosts.known("web1", "web2") == {"web1": OTHER}


def test_claim_that_is_over_holds_nobody_back(hosts: Hosts) -> None:
    hosts.take(ONE, "web1", "web2")
    assert hosts.take(TWO, "web1", now=ONE.until - 1) is not None
    assert hosts.take(TWO, "web1", now=ONE.until) is None
    assert hosts.take(TWO, "web2", over=["one"]) is None, "its run is known to be dead"
    assert hosts.known("web1", "web2") == {"web1": TWO, "web2": TWO}


def test_only_own_hosts_are_given_back(hosts: Hosts) -> None:
    hosts.take(ONE, "web1", "web2")
    hosts.take(TWO, "db1")
    with hosts.ledger.transaction() as connection:
        give_back(connection, "one", ["web1", "db1"])
    assert hosts.known("web1", "web2", "db1") == {"web2": ONE, "db1": TWO}


def test_claims_of_dead_runs_are_ended_in_their_rollout_alone(hosts: Hosts) -> None:
    hosts.take(ONE, "web2", "web1")
    hosts.take(TWO, "db1")
    hosts.take(Claim("autumn", "one", 60), "old1")
    assert hosts.end(["one"]) == ["web1", "web2"]
    assert hosts.end(["one"]) == [], "they are over"
    known = hosts.known("web1", "web2", "db1", "old1")
    assert {host: claim.until for host, claim in known.items()} == {"web1": NOW, "web2": NOW, "db1": 90, "old1": 60}


def test_many_hosts_take_several_questions(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "AT_ONCE", 2)
    many = [f"web{number}" for number in range(5)]
    assert hosts.take(ONE, *many) is None
    assert hosts.known(*many) == dict.fromkeys(many, ONE)
    with hosts.ledger.transaction() as connection:
        give_back(connection, "one", many)
    assert hosts.known(*many) == {}
