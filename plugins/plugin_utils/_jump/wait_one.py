# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a host answers from another boot than the one it was told to leave.

Nothing here does I/O: what looks at the host and what tells the time are given, so tests can play transcripts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Seen

PAUSE_WHILE_SILENT = 0.25
"""Seconds from look to look while nobody answers: costs the host nothing."""
PAUSE_WHILE_ANSWERED = 1.5
"""Seconds from look to look while somebody answers. Each look makes the host start an sshd, which slows an emulated
guest; and since OpenSSH 9.8 every one counts as a second of penalty (PerSourcePenalties, sshd_config(5)), so
looking once a second or more often would lock the controller out."""
PAUSE_WITHOUT_BANNER = 3.0
"""Seconds from look to look when each look is a whole SSH session."""
FIRST_QUESTION_AFTER = 5.0
"""Seconds without a silence before the boot id is asked for: a session may be cut off by the jump, and then has to
run into its time-out."""
LONGEST_PAUSE_BETWEEN_QUESTIONS = 5.0


class NoAnswer(Exception):
    """The host could not be asked; the text says why. Not the same as an answer that one does not like."""


@dataclass(frozen=True)
class WaitResult:
    """How the wait ended.

    ``boot_id`` is the one that answered last: the new one, or the one that was left when the host never went away,
    or None when nobody answered at the end. ``trouble`` is why the last question failed.
    """

    boot_id: str | None
    looks: tuple[Look, ...]
    trouble: str | None


@dataclass(frozen=True)
class Questions:
    """How a host is looked at.

    ``read_boot_id`` asks over SSH and raises NoAnswer; its argument says whether the host has been away, so the
    connection may be kept for more questions. ``banner`` asks the port whether an SSH server is there, or is None when
    only SSH itself reaches the host. ``still_there`` is called whenever the boot that is to be left has answered.
    """

    read_boot_id: Callable[[bool], str]
    banner: Callable[[], bool] | None
    still_there: Callable[[], None]


class Watch:
    """One wait for one host; it may go on after its deadline was put off."""

    def __init__(
        self,
        left: str,
        left_at: float,
        deadline: Deadline,
        questions: Questions,
        seen: Sequence[Look] = (),
    ) -> None:
        """``left`` is the id of the boot to be left, ``left_at`` when it answered last, ``seen`` what came then."""
        self._left = left
        self._deadline = deadline
        self._clock = deadline.clock
        self._questions = questions
        self._banner = questions.banner
        self._looks = [Look(left_at, Seen.OLD), *seen]
        self._found: str | None = None
        self._trouble: str | None = None
        self._pause = FIRST_QUESTION_AFTER
        self._next_question = left_at + FIRST_QUESTION_AFTER

    def wait(self, was_late: bool = False) -> WaitResult:
        """Return as soon as another boot answers, else at the deadline.

        Of a host that ``was_late`` at an earlier deadline, the old boot is an answer, too: it has not gone.
        The last question at the deadline is put over SSH even when the port was silent: the port may be watched at
        an address that the new system does not have.
        """
        while not self._deadline.expired():
            began = self._clock.now()
            seen = self._look()
            if seen is Seen.NEW or (was_late and seen is Seen.OLD):
                return self._result()
            self._deadline.sleep(began + self._pause_between_looks() - self._clock.now())
        self._ask()
        return self._result()

    def _result(self) -> WaitResult:
        return WaitResult(self._found, tuple(self._looks), self._trouble)

    def _look(self) -> Seen:
        if self._banner is None:
            return self._ask()
        began = self._clock.now()
        if not self._banner():
            self._next_question, self._pause = began, 1.0
            return self._note(Seen.SILENT, began)
        self._note(Seen.ANSWER, self._clock.now())
        return self._ask() if self._clock.now() >= self._next_question else Seen.ANSWER

    def _ask(self) -> Seen:
        """Ask for the boot id. Failing is a silence only where nothing else tells whether the host is there."""
        began = self._clock.now()
        try:
            self._found = self._questions.read_boot_id(self._was_away())
        except NoAnswer as reason:
            self._found, self._trouble = None, str(reason)
            self._postpone()
            return self._note(Seen.SILENT, began) if self._banner is None else Seen.ANSWER
        self._trouble = None
        self._postpone()
        if self._found != self._left:
            return self._note(Seen.NEW, self._clock.now())
        self._note(Seen.OLD, self._clock.now())
        self._questions.still_there()
        return Seen.OLD

    def _was_away(self) -> bool:
        """Without a banner, a session that failed says nothing of the host."""
        return self._banner is not None and any(look.what is Seen.SILENT for look in self._looks)

    def _postpone(self) -> None:
        self._next_question = self._clock.now() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_BETWEEN_QUESTIONS)

    def _pause_between_looks(self) -> float:
        if self._looks[-1].what is Seen.SILENT:
            return PAUSE_WHILE_SILENT
        return PAUSE_WHILE_ANSWERED if self._banner is not None else PAUSE_WITHOUT_BANNER

    def _note(self, what: Seen, at: float) -> Seen:
        self._looks.append(Look(at, what))
        return what
