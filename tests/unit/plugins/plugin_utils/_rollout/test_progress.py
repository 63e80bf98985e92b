# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.plugin_utils.rollouts import STAGED, THERE, Told, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import display_width
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.progress import (
    Progress,
    about,
    clock,
    line,
    numbers,
    progress_of,
    wave_name,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import Batch, RunLog

HALF = Progress(wave=2, waves=4, settled=5, size=10, done=6, failed=1, in_flight=5, untouched=30, seconds_left=720.0)


def left(told: Told, now: float) -> float | None:
    wave = told.run_log.waves[-1]
    return progress_of(told.run_log, wave, now).seconds_left


def test_time_left_is_unknown_until_a_host_has_come_to_its_end() -> None:
    told = Told(["a", "b", "c"], [1])
    told.wave()
    told.result("a", "kexec_image", STAGED)
    assert left(told, told.now) is None
    told.result("a", "kexec_reboot", judged("handover_verified"))
    told.result("a", "kexec_commit", {"changed": True})
    assert told.now == 12
    assert left(told, 12.0) == 24
    told.now = 20
    told.wave()
    assert left(told, 25.0) == (20 - 5) + 20


def test_hosts_that_are_there_already_say_nothing_of_the_time() -> None:
    told = Told(["a", "b", "c"], [1])
    told.wave()
    told.result("a", "kexec_image", THERE)
    told.wave()
    assert left(told, told.now) is None


def test_no_guess_when_the_last_wave_takes_longer_than_the_one_before() -> None:
    told = Told(["a", "b"], [1])
    told.wave()
    told.proven("a")
    told.wave()
    assert left(told, told.now + 1) == 11
    assert left(told, told.now + 60) is None


def test_check_mode_looks_at_all_hosts_and_begins_no_wave() -> None:
    told = Told(["a", "b"], [2])
    told.run_log.note_waves({"waves": 2, "msg": "2 hosts would go in 2 waves."})
    told.wave()
    told.result("a", "kexec_image", THERE)
    progress = progress_of(told.run_log, told.run_log.waves[-1], told.now)
    assert f"{wave_name(progress)}: {numbers(progress)}" == "plan: 1 of 2 hosts looked at"


@given(st.floats(0, 1e6))
def test_time_left_is_never_negative(now: float) -> None:
    told = Told(["a", "b", "c"], [1])
    told.wave()
    told.proven("a")
    told.wave()
    assert (left(told, told.now + now) or 0) >= 0


def test_what_nobody_knows_is_a_question_mark() -> None:
    run_log = RunLog()
    run_log.expect(0.0, Batch("play", ["web1"], None, []))
    wave = run_log.begin_wave()
    assert wave is not None
    shown = line(progress_of(run_log, wave, 0.0), 100, ascii_only=True)
    assert shown.startswith("wave 1/? [---")
    assert shown.endswith("0 done, 0 failed, 1 in flight, ? untouched, ? left")


def test_bar() -> None:
    text = "6 done, 1 failed, 5 in flight, 30 untouched, ~12 min left"
    assert line(HALF, 80, ascii_only=True) == f"wave 2/4 [#####------] {text}"
    assert line(HALF, 80, ascii_only=False).startswith("wave 2/4 [█████░░░░░░] ")
    assert line(HALF, 200, ascii_only=True) == f"wave 2/4 [{'#' * 20}{'-' * 20}] {text}"
    assert line(HALF, 70, ascii_only=True) == f"wave 2/4 {text}"


@given(st.integers(0, 200), st.booleans())
def test_bar_is_never_too_wide(width: int, ascii_only: bool) -> None:
    assert display_width(line(HALF, width, ascii_only)) <= width


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (753.9, "0:12:33"), (360000, "100:00:00")])
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "?"), (0.1, "~10 s"), (44, "~40 s"), (100, "~2 min"), (7200, "~2.0 h")]
)
def test_estimates_are_not_more_exact_than_they_are(seconds: float | None, shown: str) -> None:
    assert about(seconds) == shown
