# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.rollouts import REFUSED, STAGED, STAGED_BACK, THERE, Told, bad_day, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import Batch, RunLog

PROVEN = judged("handover_verified")


def kinds(run_log: RunLog, host: str) -> list[str]:
    return [event.kind for _when, event in run_log.times[host].events]


def test_every_outcome_is_counted_as_it_comes() -> None:
    told = bad_day()
    counts = told.run_log.counts
    assert {key: value for key, value in counts.items() if value} == {
        **{"done": 2, "failed": 1, "rolled_back": 1, "unknown": 1, "in_flight": 1, "untouched": 1}
    }
    assert told.run_log.settled == 4
    told.stop()
    assert told.run_log.outcomes == {
        "done": "done",
        "there": "done",
        "failed": "failed",
        "back": "rolled_back",
        "gone": "unknown",
        "half": "staged",
        "next": "untouched",
    }
    assert sum(counts.values()) == len(told.run_log.outcomes)
    assert told.run_log.stopped_by == "rollout_stopped"


def test_events_of_a_host_that_was_rolled_back() -> None:
    run_log = bad_day().run_log
    assert kinds(run_log, "back") == [
        *("staged", "jump_begun", "verdict", "staged", "jump_begun", "rolled_back", "committed"),
    ]
    assert kinds(run_log, "there") == ["already_there", "committed"]


def test_total_is_from_the_begin_of_the_wave_to_the_outcome() -> None:
    run_log = bad_day().stop()
    totals = run_log.total_seconds()
    assert totals["done"] == 12
    assert totals["there"] == 1
    assert "next" not in totals


@pytest.mark.parametrize(
    ("told_before", "outcome"),
    [
        ([], "untouched"),
        ([("begin", None)], "unknown"),
        ([("kexec_image", STAGED)], "staged"),
        ([("kexec_image", STAGED), ("jump", None)], "unknown"),
        ([("kexec_image", STAGED), ("kexec_reboot", PROVEN)], "unknown"),
        ([("kexec_image", STAGED), ("kexec_reboot", PROVEN), ("kexec_commit", {"changed": True})], "done"),
        ([("kexec_image", STAGED), ("kexec_reboot", judged("wrong_kernel"))], "failed"),
        ([("kexec_image", STAGED), ("kexec_reboot", judged("rolled_back"))], "rolled_back"),
        ([("kexec_image", THERE)], "done"),
        ([("kexec_image", REFUSED)], "failed"),
        ([("lost", None)], "failed"),
    ],
)
def test_what_an_interruption_leaves(told_before: list[tuple[str, Any]], outcome: str) -> None:
    told = Told(["web1"], [])
    told.wave()
    for what, result in told_before:
        if what == "begin":
            told.run_log.note_begin("web1")
        elif what == "jump":
            told.run_log.note_jump(told.now, "web1")
        elif what == "lost":
            told.run_log.note_lost(told.now, "web1")
        else:
            told.result("web1", what, result)
    told.run_log.end_wave(told.now, interrupted=True)
    assert told.run_log.outcomes["web1"] == outcome


@pytest.mark.parametrize(
    ("told_before", "outcome"),
    [
        ([("kexec_image", STAGED), ("kexec_reboot", PROVEN)], "done"),
        ([("kexec_image", STAGED), ("kexec_reboot", {"failed": True, "rebooted": None})], "unknown"),
        ([("kexec_image", STAGED), ("kexec_reboot", {"failed": True, "rebooted": False})], "failed"),
        ([("kexec_image", STAGED), ("kexec_reboot", PROVEN), ("kexec_commit", {"failed": True})], "failed"),
        ([], "untouched"),
    ],
)
def test_what_the_end_of_a_wave_leaves(told_before: list[tuple[str, Any]], outcome: str) -> None:
    told = Told(["web1"], [])
    told.wave()
    for module, result in told_before:
        told.result("web1", module, result)
    told.run_log.end_wave(told.now)
    assert told.run_log.outcomes["web1"] == outcome


def test_host_that_is_lost_on_its_way() -> None:
    told = Told(["web1"], [])
    told.wave()
    told.result("web1", "kexec_image", STAGED)
    told.run_log.note_jump(told.now, "web1")
    told.run_log.note_lost(told.now, "web1")
    assert told.run_log.outcomes["web1"] == "unknown"


def test_failed_rollback_is_a_failure() -> None:
    told = Told(["web1"], [])
    told.wave()
    told.result("web1", "kexec_image", STAGED)
    told.result("web1", "kexec_reboot", judged("unhealthy"))
    told.result("web1", "kexec_image", STAGED_BACK, back=True)
    told.result("web1", "kexec_reboot", judged("wrong_kernel"))
    assert told.run_log.outcomes["web1"] == "failed"
    assert kinds(told.run_log, "web1")[-1] == "verdict"


def test_one_failure_is_told_once() -> None:
    told = Told(["web1"], [])
    told.wave()
    told.proven("web1")
    first = told.run_log.note_failure(told.now, "web1", {"code": "drained"}, "Undrain {{ x }}\x1b[2J")
    assert first is not None
    assert first.words == 'drained in "Undrain ?{ x }}?[2J"'
    assert told.run_log.note_failure(told.now, "web1", {}, "Fail with what went wrong first") is None
    assert told.run_log.note_failure(told.now, "never-heard-of", {}, "Something") is None


def test_jump_that_will_be_skipped_is_no_event() -> None:
    told = Told(["web1", "web2", "web3"], [])
    told.wave()
    told.result("web1", "kexec_image", THERE)
    told.result("web2", "kexec_image", REFUSED)
    told.result("web3", "kexec_image", STAGED)
    told.result("web3", "kexec_reboot", PROVEN)
    assert [told.run_log.note_jump(1.0, name) for name in ("web1", "web2", "web3", "web4")] == [None] * 4


def test_check_mode_leaves_all_untouched_and_has_no_events() -> None:
    told = Told(["web1", "web2"], [])
    told.wave()
    for host, result in (("web1", STAGED), ("web2", REFUSED)):
        assert told.run_log.note_result(1.0, host, "kexec_image", result, True, False) is None
    assert told.run_log.outcomes == {"web1": "untouched", "web2": "failed"}
    assert told.run_log.settled == 2


def test_wave_counts_only_when_a_task_of_ours_runs_in_it() -> None:
    run_log = RunLog()
    run_log.expect(0.0, Batch("first", ["web1"], ["web1"], [1]))
    assert run_log.end_wave(1.0) is None
    run_log.expect(1.0, Batch("second", ["web1"], ["web1"], [1]))
    wave = run_log.begin_wave()
    assert wave is not None
    assert (wave.number, wave.begin) == (1, 1.0)
    assert run_log.begin_wave() is None


def test_waves_of_a_second_play_are_counted_on() -> None:
    run_log = RunLog()
    for play in ("upgrade", "rollback"):
        run_log.end_wave(1.0)
        run_log.expect(1.0, Batch(play, ["web1"], ["web1", "web2"], [1, 1]))
        run_log.begin_wave()
    assert (len(run_log.waves), run_log.planned_waves) == (2, 3)


def test_hosts_that_nobody_announced_join_the_wave() -> None:
    run_log = RunLog()
    run_log.expect(0.0, Batch("play", [], None, []))
    run_log.begin_wave()
    run_log.note_result(2.0, "web1", "kexec_image", STAGED, False, False)
    assert run_log.planned_waves is None
    assert run_log.waves[0].hosts == ["web1"]
    assert run_log.end_wave(3.0) is run_log.waves[0]
    assert run_log.outcomes == {"web1": "staged"}


def test_image_that_is_unloaded() -> None:
    told = Told(["web1"], [])
    told.wave()
    told.result("web1", "kexec_image", STAGED)
    unloaded = told.run_log.note_unloading(2.0, "web1", {"changed": True})
    assert unloaded is not None
    assert unloaded.kind == "unloaded"
    assert told.run_log.note_unloading(2.0, "web1", {"changed": False}) is None
    broken = told.run_log.note_unloading(2.0, "web1", {"failed": True, "code": "kexec_busy"})
    assert broken is not None
    assert (broken.kind, broken.detail) == ("failed", "kexec_busy")


@pytest.mark.parametrize("junk", [None, 3, "text", [], {"action": [], "verdict": 3, "accepted": "yes"}])
def test_results_of_any_shape(junk: Any) -> None:
    told = Told(["web1"], [])
    told.wave()
    told.result("web1", "kexec_image", {"running": junk, "target": junk, "plan": junk})
    told.result("web1", "kexec_reboot", {"promise": junk, "verdict": junk, "outage_seconds": junk, "rebooted": junk})
    told.result("web1", "kexec_commit", {"failed": junk})
    told.run_log.end_wave(9.0)
    assert sum(told.run_log.counts.values()) == 1
