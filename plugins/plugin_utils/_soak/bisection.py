# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a host's bisection: the question, and each try, which is all that another run needs to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import RUNNING
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import Answer, Rates, Step, most_needed, next_step
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.files import (
    read_json,
    remove,
    set_aside,
    unreadable,
    write_json,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.results import MOST_JUMPS, NO_RELEASES, OUT_OF_TIME
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import (
    COMMAND,
    CRASH,
    HEALTH,
    NONE,
    WELL,
    Try,
    try_from,
)

SCHEMA = 1
FILE, TEXT = "bisect.json", "bisect.txt"
FOUND, EXHAUSTED, NO_ANSWER = "found", "jumps_exhausted", "no_answer"
ENDS = (FOUND, EXHAUSTED, NO_ANSWER, OUT_OF_TIME)
WRONGS = (CRASH, HEALTH, COMMAND)


@dataclass(frozen=True)
class Question:
    """From which of these origins, in their order, the target goes wrong; ``wrong`` says what counts."""

    host: str
    target: str
    origins: tuple[str, ...]
    wrong: str
    command: tuple[str, ...]
    rates: Rates

    def as_dict(self) -> dict[str, Any]:
        """Return the question as it is stored."""
        return {
            **{"host": self.host, "target": self.target, "origins": list(self.origins), "wrong": self.wrong},
            **{"command": list(self.command), "wrong_at_least": self.rates.bad, "wrong_at_most": self.rates.good},
        }


@dataclass(frozen=True)
class Bisection:
    """A bisection that began at ``began`` (seconds since 1970), while ``home`` ran. ``jumps`` are the most allowed.

    ``ended`` is None while it goes on, and after a run that died.
    """

    question: Question
    jumps: int
    began: int
    home: str
    tries: tuple[Try, ...] = ()
    ended: str | None = None

    @property
    def step(self) -> Step:
        """What to do next, or what was found."""
        names = self.question.origins
        answers = [Answer(names.index(one.origin), one.answer == WELL) for one in self.tries if one.answer != NONE]
        return next_step(len(names), answers, self.jumps - len(self.tries), self.question.rates)

    @property
    def origin(self) -> str | None:
        """The origin of the next try; None when there is none."""
        number = self.step.origin
        return None if number is None else self.question.origins[number]

    def begin_try(self, origin: str) -> Bisection:
        """The same after a try has begun: whatever becomes of this run, its jump is counted."""
        return replace(self, tries=(*self.tries, Try(len(self.tries) + 1, origin)))

    def with_try(self, done: Try) -> Bisection:
        """The same after the last try was judged. One without an answer ends this run, and another goes on."""
        more = replace(self, tries=(*self.tries[:-1], done))
        if done.answer == NONE:
            return replace(more, ended=NO_ANSWER)
        return more.settled()

    def settled(self) -> Bisection:
        """The same, ended where nothing is left to do."""
        step = self.step
        if step.origin is not None:
            return self
        return replace(self, ended=EXHAUSTED if step.first_bad is None else FOUND)

    def as_dict(self) -> dict[str, Any]:
        """Return the log as it is stored."""
        return {
            **{"schema": SCHEMA, **self.question.as_dict(), "jumps": self.jumps, "began": self.began},
            **{"home": self.home, "ended": self.ended, "tries": [one.as_dict() for one in self.tries]},
        }


def asked_for(
    host: str, target: str, origins: Sequence[Any], wrong: str, command: Sequence[Any], rates: Rates, jumps: int
) -> Question:
    """Return the question that was asked, with names as they are. Raises KhoError.

    Codes: ``bisect_release_unfit``, ``bisect_origins_too_few``, ``bisect_origins_repeated``,
    ``bisect_origin_is_target``, ``bisect_command_missing``, ``bisect_rates_invalid``, ``bisect_jumps_invalid``.
    """
    goal, names = str(target).strip(), tuple(str(origin).strip() for origin in origins)
    _require_origins(goal, names)
    if wrong == COMMAND and not command:
        raise _refused(
            "bisect_command_missing",
            "kexec_soak_bisect_wrong is command, and kexec_soak_bisect_command is empty, so nothing says whether the "
            "target goes wrong.",
            "Name the command with its arguments, or choose crash or health.",
        )
    if not rates.are_apart:
        raise _refused(
            "bisect_rates_invalid",
            f"kexec_soak_bisect_wrong_at_least is {rates.bad:g}, kexec_soak_bisect_wrong_at_most {rates.good:g}: the "
            "shares of jumps that go wrong from a bad origin and from a good one. Both must be between 0 and 1, and "
            "the first the larger one, or no number of jumps tells the two apart.",
            "Correct them.",
        )
    needed = most_needed(len(names), rates)
    if not needed <= jumps <= MOST_JUMPS:
        raise _refused(
            "bisect_jumps_invalid",
            f"kexec_soak_bisect_jumps is {jumps}. With {len(names)} origins, {needed} are needed even where all jumps "
            f"from one origin agree, and {MOST_JUMPS} are the most.",
            "Allow more jumps, name fewer origins, or rates that are further apart.",
        )
    return Question(host, goal, names, wrong, tuple(str(one) for one in command), rates)


def _require_origins(target: str, origins: tuple[str, ...]) -> None:
    unfit = [name for name in (target, *origins) if _is_no_release(name)]
    if unfit:
        raise _refused(
            "bisect_release_unfit",
            f"kexec_soak_bisect_target or kexec_soak_bisect_origins has {printable(', '.join(map(repr, unfit)))}, and "
            "that is not a release.",
            "Name each kernel as uname -r prints it.",
        )
    if len(origins) < 2:
        raise _refused(
            "bisect_origins_too_few",
            f"kexec_soak_bisect_origins names {counted(len(origins), 'kernel')}, and from two on there is something to "
            "search for.",
            "Name more, or soak the one with kexec_soak_targets.",
        )
    repeated = sorted({name for name in origins if origins.count(name) > 1})
    if repeated:
        raise _refused(
            "bisect_origins_repeated",
            f"kexec_soak_bisect_origins has {printable(', '.join(repeated))} more than once. Its order is not clear.",
            "Name each kernel once.",
        )
    if target in origins:
        raise _refused(
            "bisect_origin_is_target",
            f"{printable(target)} is the target and one of the origins. From itself it is started anew, which is "
            "another question than which kernel before it is to blame.",
            "Leave it out of kexec_soak_bisect_origins.",
        )


def _is_no_release(name: str) -> bool:
    return not name or name in (*NO_RELEASES, RUNNING) or not set(name).isdisjoint("*?[")


def _refused(code: str, what: str, remedy: str) -> KhoError:
    return KhoError(code, f"{what} No host was touched. {remedy}")


def resumed(folder: Path, question: Question, jumps: int, now: int, home: str) -> Bisection:
    """Return the bisection that goes on in this folder, or a new one where none is unfinished.

    How many jumps are allowed may change; the question may not. One that has found its answer is kept beside, unless
    the run was killed before it told that.
    Raises KhoError ``bisect_log_differs``, ``soak_results_unreadable`` or ``soak_results_unwritable``.
    """
    found = _read(folder / FILE)
    if found is None or not found.tries:
        return Bisection(question, jumps, now, home)
    if found.ended == FOUND and found.question == question and not (folder / TEXT).exists():
        return found
    if found.ended == FOUND:
        set_aside(folder, folder / FILE, "bisect", found.began, "try-*", TEXT)
        return Bisection(question, jumps, now, home)
    if found.question != question:
        asked, wanted = found.question.as_dict(), question.as_dict()
        names = ", ".join(name for name in asked if asked[name] != wanted[name])
        raise KhoError(
            "bisect_log_differs",
            f"{printable(str(folder / FILE), 1000)} is the log of a bisection that has not found its answer, and of "
            f"another question: {names} differs. Its answers are none to this one. Nothing was done. Go on with the "
            "same question, or move the file away to begin anew.",
        )
    # From now on, that it is there says that an answer was told.
    remove(folder / TEXT)
    return replace(found, jumps=jumps, ended=None).settled()


def read(folder: Path) -> Bisection:
    """Return the bisection that goes on. Raises KhoError ``soak_results_unreadable``, also when there is none."""
    found = _read(folder / FILE)
    if found is None:
        raise unreadable(folder / FILE, "it is not there")
    return found


def write(folder: Path, bisection: Bisection) -> None:
    """Store the bisection. Raises KhoError ``soak_results_unwritable``."""
    write_json(folder / FILE, bisection.as_dict())


def _read(path: Path) -> Bisection | None:
    stored = read_json(path)
    try:
        return None if stored is None else _bisection(stored)
    except (ValueError, KhoError) as error:
        raise unreadable(path, str(error)) from error


def _bisection(stored: Any) -> Bisection:
    if not isinstance(stored, Mapping) or stored.get("schema") != SCHEMA:
        raise ValueError(f"it is not of schema {SCHEMA}")
    jumps, began, home, ended = (stored.get(name) for name in ("jumps", "began", "home", "ended"))
    tries = stored.get("tries")
    if not isinstance(jumps, int) or not isinstance(began, int) or not isinstance(home, str):
        raise ValueError("it does not say how it began")
    if not isinstance(tries, list) or len(tries) > MOST_JUMPS or ended not in (None, *ENDS):
        raise ValueError("it does not say which tries there were, or how they ended")
    question = _question(stored, jumps)
    made = tuple(try_from(one) for one in tries)
    if any(one.origin not in question.origins for one in made):
        raise ValueError("it has a try from none of its origins")
    return Bisection(question, jumps, began, home, made, ended)


def _question(stored: Mapping[str, Any], jumps: int) -> Question:
    host, target, origins, wrong, command = (
        stored.get(name) for name in ("host", "target", "origins", "wrong", "command")
    )
    bad, good = stored.get("wrong_at_least"), stored.get("wrong_at_most")
    if not isinstance(host, str) or not isinstance(target, str) or wrong not in WRONGS:
        raise ValueError("it does not say what the question is")
    if not isinstance(origins, list) or not isinstance(command, list):
        raise ValueError("it does not say what the question is")
    if not isinstance(bad, float) or not isinstance(good, float):
        raise ValueError("it does not say what the question is")
    return asked_for(host, target, origins, wrong, command, Rates(bad, good), jumps)
