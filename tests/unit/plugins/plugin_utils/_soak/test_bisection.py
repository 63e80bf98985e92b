# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a bisection says all that another run needs, and is believed for its own question only."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import USUAL, Rates
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisection import (
    EXHAUSTED,
    FILE,
    FOUND,
    NO_ANSWER,
    TEXT,
    Bisection,
    asked_for,
    read,
    resumed,
    write,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import HEALTH, NONE, WELL, WRONG, Try

TARGET, ORIGINS = "t", ("a", "b", "c")
QUESTION = asked_for("web1", TARGET, ORIGINS, HEALTH, [], USUAL, 50)
NEW = Bisection(QUESTION, 50, 100, "a")


def code_of(call, *arguments):
    with pytest.raises(KhoError) as caught:
        call(*arguments)
    return caught.value.code


def made(bisection, *answers):
    """Return the bisection after tries with these answers."""
    for answer in answers:
        begun = bisection.begin_try(bisection.origin)
        bisection = begun.with_try(replace(begun.tries[-1], answer=answer, why=None))
    return bisection


def test_each_try_is_written_down_before_its_jump():
    begun = NEW.begin_try("b")
    assert [(one.origin, one.answer, one.why) for one in begun.tries] == [("b", NONE, "interrupted")]
    assert begun.origin == "b"


def test_it_ends_when_the_answer_is_known_or_no_jump_is_left():
    done = made(NEW, WRONG, WRONG, WELL, WELL, WELL)
    assert (done.ended, done.step.first_bad, [one.origin for one in done.tries]) == (FOUND, 1, list("bbaaa"))
    assert made(replace(NEW, jumps=2), WRONG, WELL).ended == EXHAUSTED
    assert made(NEW, WRONG, NONE).ended == NO_ANSWER


def test_no_answer_is_counted_and_tells_nothing():
    done = made(replace(NEW, jumps=6), WRONG, NONE)
    assert [one.origin for one in made(replace(done, ended=None), WRONG).tries] == list("bbb")
    assert made(replace(done, ended=None), WRONG, WELL, WELL).ended is None
    assert made(replace(done, ended=None), WRONG, WELL, WELL, NONE).ended == NO_ANSWER
    assert made(replace(done, ended=None, jumps=3), WRONG).ended == EXHAUSTED


def test_another_run_goes_on_with_the_log_alone(tmp_path):
    assert resumed(tmp_path, QUESTION, 50, 100, "a") == NEW
    half = made(NEW, WRONG, WRONG, WELL)
    write(tmp_path, replace(half, ended=NO_ANSWER))
    assert read(tmp_path).tries == half.tries
    assert resumed(tmp_path, QUESTION, 60, 200, "c") == replace(half, jumps=60)
    assert resumed(tmp_path, QUESTION, 3, 200, "c").ended == EXHAUSTED


def test_one_that_has_found_its_answer_is_kept_beside(tmp_path):
    write(tmp_path, made(NEW, *[WELL] * 6))
    (tmp_path / "try-1").mkdir()
    (tmp_path / TEXT).write_text("told")
    assert resumed(tmp_path, QUESTION, 50, 200, "c").tries == ()
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"bisect-100.json", "bisect-100-try-1", "bisect-100-bisect.txt"}


def test_an_answer_that_a_killed_run_has_not_told_is_not_sought_again(tmp_path):
    half, whole = made(NEW, WRONG), made(NEW, *[WELL] * 6)
    write(tmp_path, half)
    (tmp_path / TEXT).write_text("of a run that was out of time")
    assert resumed(tmp_path, QUESTION, 50, 200, "c").ended is None
    write(tmp_path, whole)
    assert resumed(tmp_path, QUESTION, 50, 200, "c") == whole
    assert resumed(tmp_path, replace(QUESTION, target="u"), 50, 200, "c").tries == ()


@pytest.mark.parametrize(
    "changes",
    [
        *({"target": "u"}, {"origins": ("a", "c", "b")}, {"wrong": "crash"}, {"command": ("true",)}, {"host": "web2"}),
        {"rates": Rates(0.5, 0.05)},
    ],
)
def test_a_log_of_another_question_is_refused(tmp_path, changes):
    write(tmp_path, made(NEW, WRONG))
    assert code_of(resumed, tmp_path, replace(QUESTION, **changes), 50, 200, "a") == "bisect_log_differs"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *(({"origins": origins}, "bisect_origins_too_few") for origins in ([], ["a"])),
        ({"origins": ["a", "b", "a"]}, "bisect_origins_repeated"),
        ({"origins": ["a", "t"]}, "bisect_origin_is_target"),
        *(({"target": name}, "bisect_release_unfit") for name in ("", " ", "latest", "running", "previous", "7.*")),
        ({"origins": ["a", ""]}, "bisect_release_unfit"),
        ({"wrong": "command"}, "bisect_command_missing"),
        ({"rates": Rates(0.05, 0.8)}, "bisect_rates_invalid"),
        *(({"jumps": jumps}, "bisect_jumps_invalid") for jumps in (0, 5, 1001)),
    ],
)
def test_questions_that_cannot_be_asked(changes, code):
    usual = {"target": TARGET, "origins": ORIGINS, "wrong": HEALTH, "command": [], "rates": USUAL, "jumps": 50}
    assert code_of(asked_for, "web1", *{**usual, **changes}.values()) == code


@pytest.mark.parametrize(
    "change",
    [
        *({"schema": 2}, {"jumps": "50"}, {"home": None}, {"tries": {}}, {"ended": "well"}, {"origins": "abc"}),
        *({"wrong": "x"}, {"wrong_at_least": "much"}, {"target": 3}, {"command": None}, {"jumps": 5000}),
        *({"tries": [{}]}, {"tries": [Try(1, "x").as_dict()]}, {"host": None}, {"origins": ["a"]}),
    ],
)
def test_what_is_no_log(tmp_path, change):
    (tmp_path / FILE).write_text(json.dumps({**made(NEW, WRONG).as_dict(), **change}))
    assert code_of(resumed, tmp_path, QUESTION, 50, 200, "a") == "soak_results_unreadable"


def test_a_log_that_is_missing(tmp_path):
    assert code_of(read, tmp_path) == "soak_results_unreadable"
