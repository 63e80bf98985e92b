# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bisection found, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import USUAL
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect_text import (
    first_bad,
    last_good,
    sentences,
    table,
    trouble,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisection import OUT_OF_TIME, Bisection, asked_for
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import HEALTH, NONE, WELL, WRONG

NEW = Bisection(asked_for("web1", "t", ["a", "b", "c"], HEALTH, [], USUAL, 50), 50, 100, "a")


def made(bisection, *answers, why=None):
    for answer in answers:
        begun = bisection.begin_try(bisection.origin)
        bisection = begun.with_try(replace(begun.tries[-1], answer=answer, why=why))
    return bisection


@pytest.mark.parametrize(
    ("answers", "bad", "good", "said"),
    [
        ("xx...", "b", "a", "web1: t goes wrong from b on; from a, the one before it, it does not. This is wrong with"),
        ("xxxx", "a", None, "web1: t goes wrong from a on; it is the first of the list. This is"),
        ("......", None, "c", "web1: t goes wrong from none of the origins. This is wrong with a chance of at most 5%"),
        ("...xx", "c", "b", "web1: t goes wrong from c on; from b"),
    ],
)
def test_what_was_found(answers, bad, good, said):
    done = made(NEW, *(WRONG if one == "x" else WELL for one in answers))
    assert (first_bad(done), last_good(done), trouble(done)) == (bad, good, None)
    assert sentences(done)[0].startswith(said)
    assert (
        f"{len(answers)} jumps of 50: {answers.count('.')} well, {answers.count('x')} wrong, 0 no answer (found)."
        in (sentences(done)[1])
    )


@pytest.mark.parametrize(
    ("bisection", "code", "said"),
    [
        (made(replace(NEW, jumps=2), WELL, WELL), "bisect_jumps_exhausted", "it is one of a, b, c, or none."),
        (made(NEW, WRONG, WRONG, NONE, why="host_lost"), "bisect_no_answer", "it is one of a, or b."),
        (replace(made(NEW, WELL, WELL, WELL), ended=OUT_OF_TIME), "bisect_not_ended", "it is one of c, or none."),
        (NEW, "bisect_not_ended", "it is one of a, b, c, or none."),
    ],
)
def test_what_is_not_known_yet(bisection, code, said):
    assert trouble(bisection).code == code
    assert said in sentences(bisection)[0]
    assert first_bad(bisection) is None


def test_why_a_try_is_no_answer():
    assert "the host does not answer" in trouble(made(NEW, NONE, why="host_lost")).message
    assert "the jump was not made (kho_abi_mismatch)" in trouble(made(NEW, NONE, why="kho_abi_mismatch")).message


def test_the_table_has_a_line_for_each_try():
    lines = table(made(NEW, WRONG, WRONG, WELL))
    assert [line.split()[:2] for line in lines if line.split()[0].isdigit()] == [["1", "b"], ["2", "b"], ["3", "a"]]
