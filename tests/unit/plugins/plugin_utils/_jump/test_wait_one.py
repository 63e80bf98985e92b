# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait, played with timetables and a clock that does not tick by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from unit.plugins.plugin_utils.scripted import NEW, OLD, ScriptedClock, ScriptedHost

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Seen, measure_outage
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import Questions, WaitResult, Watch

Timetable = Sequence[tuple[float, str]]


def play(timetable: Timetable, timeout: float = 60, direct: bool = True) -> tuple[WaitResult, ScriptedHost, float]:
    """Wait for a host; return how it ended, the host and the seconds that it took."""
    clock = ScriptedClock()
    host = ScriptedHost(clock, timetable)
    deadline = Deadline(clock, timeout)
    watch = Watch(
        OLD, clock.now(), deadline, Questions(host.read_boot_id, host.banner if direct else None, lambda: None)
    )
    return watch.wait(), host, deadline.elapsed()


def test_host_goes_down_and_comes_back() -> None:
    waited, host, took = play([(0, "old"), (2, "gone"), (20, "new")])
    assert waited.boot_id == NEW
    assert waited.trouble is None
    assert took < 21
    assert host.calls == ["read_boot_id and keep the connection"], "no session before the host was seen down"
    outage = measure_outage(waited.looks)
    assert outage is not None
    assert outage.seconds - outage.resolution <= 18 <= outage.seconds
    assert outage.resolution < 3


def test_host_never_goes_down() -> None:
    waited, host, took = play([(0, "old")])
    assert waited.boot_id == OLD
    assert 60 <= took < 61
    assert measure_outage(waited.looks) is None
    assert all(look.what is not Seen.SILENT for look in waited.looks)
    assert len(host.calls) <= 60 / 5 + 1


def test_waiting_for_a_host_that_stays_up_never_reaches_the_rate_that_sshd_penalises() -> None:
    waited, _host, _took = play([(0, "old")])
    assert len(waited.looks) < 60


def test_jump_is_too_fast_to_be_seen() -> None:
    waited, _host, took = play([(0, "old"), (1.55, "gone"), (1.6, "new")])
    assert waited.boot_id == NEW
    assert took < 7
    outage = measure_outage(waited.looks)
    assert outage is not None
    assert not outage.seen_down
    assert 0.05 <= outage.seconds == outage.resolution <= 2


def test_old_boot_answers_again_before_it_really_goes() -> None:
    waited, _host, _took = play([(0, "old"), (2, "gone"), (3, "old"), (9, "gone"), (15, "new")])
    assert waited.boot_id == NEW
    outage = measure_outage(waited.looks)
    assert outage is not None
    assert outage.seconds - outage.resolution <= 6 <= outage.seconds < 10


def test_new_boot_that_lets_nobody_in_yet_counts_from_its_first_answer() -> None:
    waited, _host, took = play([(0, "old"), (2, "gone"), (10, "starting"), (20, "new")])
    assert waited.boot_id == NEW
    assert took < 26
    outage = measure_outage(waited.looks)
    assert outage is not None
    assert outage.seconds < 10


def test_another_service_at_the_port_is_not_the_host() -> None:
    waited, host, _took = play([(0, "old"), (2, "gone"), (5, "foreign"), (12, "new")])
    assert waited.boot_id == NEW
    assert host.calls == ["read_boot_id and keep the connection"]


@pytest.mark.parametrize("direct", [True, False])
def test_host_never_comes_back(direct: bool) -> None:
    waited, _host, took = play([(0, "old"), (2, "gone")], direct=direct)
    assert waited.boot_id is None
    assert waited.trouble == "Connection timed out"
    assert 60 <= took < 67


def test_last_question_finds_a_host_whose_port_moved() -> None:
    clock = ScriptedClock()
    host = ScriptedHost(clock, [(0, "new")])
    waited = Watch(
        OLD, clock.now(), Deadline(clock, 10), Questions(host.read_boot_id, lambda: False, lambda: None)
    ).wait()
    assert waited.boot_id == NEW


def test_host_behind_a_jump_host_is_watched_by_sessions() -> None:
    waited, host, took = play([(0, "old"), (4, "gone"), (14, "new")], direct=False)
    assert waited.boot_id == NEW
    assert took < 18
    assert len(host.calls) >= 3
    outage = measure_outage(waited.looks)
    assert outage is not None
    assert outage.seen_down
    assert outage.seconds - outage.resolution <= 10 <= outage.seconds


def test_question_comes_at_once_when_the_old_boot_was_not_heard_for_long() -> None:
    clock = ScriptedClock()
    host = ScriptedHost(clock, [(0, "new")])
    clock.time += 8
    waited = Watch(OLD, host.began, Deadline(clock, 60), Questions(host.read_boot_id, host.banner, lambda: None)).wait()
    assert waited.boot_id == NEW
    assert clock.now() - host.began < 8.5
