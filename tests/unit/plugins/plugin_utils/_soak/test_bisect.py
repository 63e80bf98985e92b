# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first origin from which a target goes wrong, found with answers that are wrong now and then."""

from __future__ import annotations

import random

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import Answer, answers_needed, next_step


def found_by(origins, first_bad, noise=0.0, seed=0, most=1000):
    """Return the last step, and the answers that were asked for."""
    chance, answers = random.Random(seed), []
    while True:
        step = next_step(origins, answers, most)
        if step.origin is None:
            return step, answers
        answers.append(Answer(step.origin, (step.origin < first_bad) != (chance.random() < noise)))


@pytest.mark.parametrize(("origins", "first_bad"), [(n, k) for n in (1, 2, 3, 8, 13) for k in range(n + 1)])
def test_each_first_bad_origin_is_found_and_few_are_asked(origins, first_bad):
    step, answers = found_by(origins, first_bad)
    assert (step.first_bad, step.why) == (first_bad, None)
    asked = {answer.origin for answer in answers}
    assert len(asked) <= origins.bit_length()
    assert len(answers) == len(asked) * answers_needed(origins)


def test_the_whole_answer_is_wrong_in_at_most_5_percent_with_the_most_noise():
    wrong = sum(found_by(8, seed % 9, 0.2, seed)[0].first_bad != seed % 9 for seed in range(2000))
    assert wrong <= 100


def test_it_ends_after_the_jumps_that_it_was_told():
    step, answers = found_by(8, 3, most=5)
    assert (step.first_bad, step.why.code, len(answers)) == (None, "bisect_jumps_exhausted", 5)
    assert step.lowest <= 3 <= step.highest


def test_a_log_of_answers_is_all_that_has_to_be_kept():
    step, answers = found_by(8, 5, 0.2, 7)
    for known in range(len(answers)):
        assert next_step(8, answers[:known], 1000).origin == answers[known].origin
    assert next_step(8, answers, 1000) == step


@pytest.mark.parametrize(("origins", "noise"), [(0, 0.2), (3, 0), (3, 0.5)])
def test_what_cannot_be_asked(origins, noise):
    with pytest.raises(ValueError, match="origin"):
        next_step(origins, [], 10, noise)
