# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bisection as a table of its tries, and what was found, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import render_table
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import text
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import ERROR
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisection import EXHAUSTED, FOUND, NO_ANSWER, Bisection
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import NO_ANSWER as WHY
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import NONE, WELL, WRONG

HEADER = ("try", "from", "verdict", "reported from", "count", "answer", "why")
_RIGHT = frozenset({0, 4})


def table(bisection: Bisection) -> list[str]:
    """Return the lines of the table, in ASCII."""
    rows: list[Sequence[str]] = [
        (
            str(one.number),
            text(one.origin),
            text(one.verdict),
            text(one.previous_release),
            text(one.kexec_count),
            one.answer,
            text(one.why),
        )
        for one in bisection.tries
    ]
    return render_table(HEADER, rows, ascii_only=True, right=_RIGHT)


def first_bad(bisection: Bisection) -> str | None:
    """Return the first origin from which the target goes wrong; None where none does, or it is not known."""
    number, origins = bisection.step.first_bad, bisection.question.origins
    return None if number is None or number == len(origins) else origins[number]


def last_good(bisection: Bisection) -> str | None:
    """Return the last origin from which it does not; None where there is none, or it is not known."""
    number = bisection.step.first_bad
    return bisection.question.origins[number - 1] if number else None


def trouble(bisection: Bisection) -> Note | None:
    """Return why the answer is not known; None where it is."""
    if bisection.ended == FOUND:
        return None
    if bisection.ended == EXHAUSTED:
        return bisection.step.why
    if bisection.ended == NO_ANSWER and bisection.tries:
        why = bisection.tries[-1].why
        return Note(
            "bisect_no_answer",
            f"The last try gave no answer: {WHY.get(why or '', f'the jump was not made ({text(why)})')}. Look at the "
            "host and at the evidence, and run the same again: it goes on with the answers that it has.",
        )
    return Note(
        "bisect_not_ended",
        "No other try began, because the time limit or the window was over. Run the same again: it goes on.",
    )


def sentences(bisection: Bisection) -> list[str]:
    """Return what was found, and by how many jumps."""
    question = bisection.question
    said = [f"{text(question.host)}: {_found(bisection)}", _counts(bisection)]
    problem = trouble(bisection)
    return [*said, problem.message] if problem else said


def _found(bisection: Bisection) -> str:
    target, step = text(bisection.question.target), bisection.step
    sure = f"This is wrong with a chance of at most {ERROR:.0%}, if the rates that were given hold."
    bad, good = first_bad(bisection), last_good(bisection)
    if step.first_bad is None:
        return f"from which origin on {target} goes wrong is not known yet; {_between(bisection)}."
    if bad is None:
        return f"{target} goes wrong from none of the origins. {sure}"
    before = f"from {text(good)}, the one before it, it does not" if good else "it is the first of the list"
    return f"{target} goes wrong from {text(bad)} on; {before}. {sure}"


def _between(bisection: Bisection) -> str:
    step, origins = bisection.step, bisection.question.origins
    named = [text(name) for name in origins[step.lowest : step.highest]]
    none = ", or none" if step.highest == len(origins) else f", or {text(origins[step.highest])}"
    return f"it is one of {', '.join(named)}{none}"


def _counts(bisection: Bisection) -> str:
    kinds = {kind: sum(one.answer == kind for one in bisection.tries) for kind in (WELL, WRONG, NONE)}
    return (
        f"{counted(len(bisection.tries), 'jump')} of {bisection.jumps}: {kinds[WELL]} well, {kinds[WRONG]} wrong, "
        f"{kinds[NONE]} no answer ({bisection.ended or 'not ended'})."
    )
