# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first origin from which a target goes wrong, found with answers that are wrong now and then."""

from __future__ import annotations

import random

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import Answer, Rates, most_needed, next_step

USUAL, OFTEN_WRONG = Rates(), Rates(bad=0.5, good=0.1)


def found_by(origins, first_bad, rates=USUAL, odds=(0, 1), seed=0, most=1000):
    """Return the last step, and the answers that were asked for; `odds` are how often good and bad ones go wrong."""
    chance, answers = random.Random(seed), []
    while True:
        step = next_step(origins, answers, most - len(answers), rates)
        if step.origin is None:
            return step, answers
        is_bad = step.origin >= first_bad
        answers.append(Answer(step.origin, chance.random() >= odds[is_bad]))


@pytest.mark.parametrize(("origins", "first_bad"), [(n, k) for n in (1, 2, 3, 8, 13) for k in range(n + 1)])
def test_each_first_bad_origin_is_found_and_few_are_asked(origins, first_bad):
    step, answers = found_by(origins, first_bad)
    assert (step.first_bad, step.why) == (first_bad, None)
    assert len({answer.origin for answer in answers}) <= origins.bit_length()
    assert len(answers) <= most_needed(origins)


def test_two_that_go_wrong_or_three_that_are_well_decide_an_origin():
    counts = {first_bad: len(found_by(3, first_bad)[1]) for first_bad in range(4)}
    assert counts == {0: 4, 1: 5, 2: 5, 3: 6}
    assert most_needed(3) == 6


@pytest.mark.parametrize("rates", [Rates(), OFTEN_WRONG, Rates(0.8, 0.2)])
def test_the_whole_answer_is_wrong_in_at_most_5_percent_at_the_rates_themselves(rates):
    ends = [
        (found_by(8, seed % 9, rates, (rates.good, rates.bad), seed)[0].first_bad, seed % 9) for seed in range(2000)
    ]
    assert sum(found != right for found, right in ends) <= 100


def test_a_fault_that_is_rarer_than_said_is_missed():
    """What the rates are for: with those of a frequent fault, a rare one looks well."""
    missed = [found_by(3, 1, Rates(), (0, 0.2), seed)[0].first_bad != 1 for seed in range(200)]
    assert sum(missed) > 100
    found = [found_by(3, 1, Rates(0.2, 0.01), (0, 0.2), seed)[0].first_bad == 1 for seed in range(200)]
    assert sum(found) >= 190


def test_it_ends_after_the_jumps_that_it_was_told():
    step, answers = found_by(8, 3, most=4)
    assert (step.first_bad, step.why.code, len(answers)) == (None, "bisect_jumps_exhausted", 4)
    assert step.lowest <= 3 <= step.highest


def test_a_log_of_answers_is_all_that_has_to_be_kept():
    step, answers = found_by(8, 5, OFTEN_WRONG, (0.1, 0.5), 7)
    for known in range(len(answers)):
        assert next_step(8, answers[:known], 1, OFTEN_WRONG).origin == answers[known].origin
    assert next_step(8, answers, 0, OFTEN_WRONG) == step


@pytest.mark.parametrize(
    ("origins", "rates"),
    [(0, Rates()), (3, Rates(0.8, 0)), (3, Rates(1, 0.1)), (3, Rates(0.3, 0.3)), (3, Rates(0.2, 0.3))],
)
def test_what_cannot_be_asked(origins, rates):
    with pytest.raises(ValueError, match="origin"):
        next_step(origins, [], 10, rates)
