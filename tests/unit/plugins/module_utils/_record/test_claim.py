# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on a host."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host import port
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError, LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import (
    CLAIM_PATH,
    LOCK_PATH,
    RunIdentity,
    alone,
    claim_in_the_way,
    read_claim,
    release_claim,
    respect_claims,
    take_claim,
    time_of_day,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

NOW, LATER, AFTER = "2026-11-22T15:00:00Z", "2026-11-22T15:09:59Z", "2026-11-22T15:10:00Z"
FIRST = RunIdentity(NOW, "run 1", "op@one", 600)
SECOND = RunIdentity(LATER, "run 2", "op@two", 600)


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_the_second_run_is_told_who_the_first_is(host):
    take_claim(host, FIRST)
    with pytest.raises(Refusal, match="op@one, since 2026-11-22T15:00:00Z, and until 2026-11-22T15:10:00Z") as caught:
        take_claim(host, SECOND)
    assert caught.value.code == "host_claimed"
    assert caught.value.findings["claim"]["run"] == "run 1"


def test_a_claim_is_renewed_by_its_run(host):
    take_claim(host, FIRST)
    take_claim(host, RunIdentity(LATER, "run 1", "op@one", 600))
    claim = read_claim(host)
    assert (claim.since, claim.until) == (NOW, "2026-11-22T15:19:59Z")


@pytest.mark.parametrize(
    "run_identity", [RunIdentity(AFTER, "run 2", "op@two", 600), RunIdentity(LATER, "run 2", "o", 600, ("run 1",))]
)
def test_a_claim_ends_with_its_time_or_its_run(host, run_identity):
    take_claim(host, FIRST)
    take_claim(host, run_identity)
    assert read_claim(host).run == "run 2"


def test_who_claims_nothing_respects_claims(host):
    take_claim(host, RunIdentity(NOW))
    assert read_claim(host) is None
    take_claim(host, FIRST)
    with pytest.raises(Refusal):
        take_claim(host, RunIdentity(LATER))
    with pytest.raises(Refusal):
        respect_claims(host, RunIdentity(LATER))
    assert claim_in_the_way(host, RunIdentity(AFTER)) is None


def test_only_its_run_ends_a_claim(host):
    take_claim(host, FIRST)
    release_claim(host, SECOND)
    assert read_claim(host) is not None
    release_claim(host, FIRST)
    assert read_claim(host) is None
    release_claim(host, FIRST)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"owner": 1, "run": "", "since": "", "until": ""}', "[" * 9000])
def test_what_is_no_claim_stops_nobody(host, content):
    host.add(CLAIM_PATH, content)
    take_claim(host, FIRST)
    assert read_claim(host).run == "run 1"


def test_the_time_has_the_format_of_claims():
    now = time_of_day()
    assert len(now) == len(NOW)
    assert now > NOW[:4]


def test_two_processes_take_their_turns(tmp_path, monkeypatch):
    path = str(tmp_path / "folder" / "lock")
    with LocalHost().locked(path):
        pass
    monkeypatch.setattr(port, "LOCK_PATIENCE", 0.3)
    with LocalHost().locked(path), pytest.raises(HostError, match="held it for 0.3 s"), LocalHost().locked(path):
        pass


def test_who_only_looks_locks_nothing(tmp_path):
    host = FakeRoot(tmp_path)
    host.deny(LOCK_PATH)
    with alone(host, True):
        pass
    with pytest.raises(HostError), alone(host, False):
        pass
