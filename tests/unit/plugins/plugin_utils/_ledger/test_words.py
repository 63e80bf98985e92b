# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences about what the ledger counts."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.correlations import (
    BUG,
    COLD,
    CRASHING,
    HANDOVER,
    NEW,
    WHOLE,
    counted,
    fleet,
)

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    Bug,
    Count,
    Rest,
    Signature,
    Way,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import bugs, headline, sentence, summary


def said(*counts: Count, **more: Any) -> str:
    return sentence(fleet(*counts, **more).transitions[0])


def test_words_for_bugs_and_the_signatures_below() -> None:
    old = Bug(HANDOVER, "00" * 8, "oops", (), 1, (Signature("00" * 8, (), 1),), old=True)
    (one, *_others) = fleet(*CRASHING, bugs=(BUG, old)).transitions
    assert bugs(one) == [
        (
            "Bug 5e6f7a8b9c0d1e2f: panic in nvme_reset_work < process_one_work < kthread, 31 boots.",
            [
                "Signature 9f86d081884c7d65 in nvme_reset_work, 20 boots.",
                "Signature 0123456789abcdef in nvme_reset_work, 11 boots.",
            ],
        ),
        (
            "Bug 0000000000000000: oops, 1 boot; an earlier version named it, so it is compared with no newer one.",
            ["Signature 0000000000000000, 1 boot."],
        ),
    ]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([], "The ledger holds no boots yet, so nothing is known of any transition."),
        (
            [counted(HANDOVER, 2000, 40), counted(COLD, 2000, 38)],
            "No transition crashes more often than cold boots of the same release.",
        ),
        (
            [counted(HANDOVER, 5, 1), counted(COLD, 5, 0)],
            "No transition is known to crash more often than cold boots of the same release; of 1 of 1 transition "
            "there are too few boots to tell.",
        ),
        (
            [counted(HANDOVER, 500, 20), counted(COLD, 500, 0)],
            "Do not repeat 7.2.13 -> 7.3.4: 20 of 500 boots crashed, and none of 500 cold boots of 7.3.4 did.",
        ),
        (
            [*CRASHING, counted(Way("kexec", None, NEW), 500, 200)],
            "Do not repeat 2 transitions that crash more often than cold boots; the surest of them is kexec without "
            "handover -> 7.3.4: 200 of 500 boots crashed, 30 times as often as cold boots of 7.3.4.",
        ),
    ],
)
def test_headline(counts: list[Count], words: str) -> None:
    assert headline(fleet(*counts)) == words


def test_probability_that_is_too_small_for_a_float_is_not_none() -> None:
    assert "q < 1e-300" in said(counted(HANDOVER, 50_000, 20_000), counted(COLD, 50_000, 5))


def test_words_for_a_transition_that_crashes() -> None:
    assert said(*CRASHING, bugs=(BUG,)) == (
        "7.2.13 -> 7.3.4 crashes 6.1 times as often as a cold boot of 7.3.4 (CI 2.8 to 13, 41 of 512 boots crashed, "
        "q = 1.5e-07); leading bug 5e6f7a8b9c0d1e2f (panic in nvme_reset_work < process_one_work, "
        "31 boots, 2 signatures); "
        "grows with the count (q = 0.0001)."
    )


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            [counted(HANDOVER, 500, 20), counted(COLD, 500, 0)],
            "none of 500 cold boots of 7.3.4 did (at least 5.2 times",
        ),
        ([counted(HANDOVER, 2000, 40), counted(COLD, 2000, 38)], "crashes about as often as a cold boot of 7.3.4"),
        ([counted(HANDOVER, 530, 7), counted(COLD, 512, 41)], "crashes 0.16 times as often as"),
        ([counted(HANDOVER, 5, 1), counted(COLD, 5, 0)], "has too few boots or crashes to tell (1 of 5 boots crashed"),
        ([counted(HANDOVER, 900, 0), counted(COLD, 900, 0)], "has not crashed, and neither has a cold boot of 7.3.4"),
        (
            [counted(HANDOVER, 1, 0)],
            "there is no cold boot of 7.3.4 (0 of 1 boot crashed, which allows for up to 98 %)",
        ),
        ([counted(Way("kexec", None, NEW), 1, 0)], "kexec without handover -> 7.3.4 cannot be compared"),
        ([counted(Way("handover", None, NEW), 1, 0)], "(unknown) -> 7.3.4 cannot be compared"),
    ],
)
def test_words(counts: list[Count], words: str) -> None:
    assert words in said(*counts)


def test_summary() -> None:
    assert summary(WHOLE) == [
        "1045 boots in the ledger, 2 transitions: 1 crashes more often than cold boots of the same release, of 1 there "
        "are too few boots to tell.",
        "1 boot of unknown kind or release, or of crash kernels, not compared.",
        "2 crashes of boots that the ledger does not know, not counted.",
    ]


def test_summary_of_what_is_not_told_by_itself() -> None:
    whole = fleet(*CRASHING, rest=Rest(2300, 9000, 12), doubted_hosts=tuple(f"web{number}" for number in range(7)))
    assert summary(whole)[1:] == [
        "2300 further transitions and releases, with 9000 boots, of which 12 crashed, not told each by itself: those "
        "that the fewest hosts took.",
        "Not all that these hosts tell was taken, because it cannot be true or is too much: web0, web1, web2, web3, "
        "web4 and 2 more.",
    ]
