# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host's way through a rollout: its upgrade, its rollback, or the one after the other.

Results come from hosts, so nothing in them is taken to have the type that it should have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import with_reference
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import UNKNOWN, at, text, text_or_none
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results, outcome_of

MESSAGE_LIMIT = 1000
STAGED = ("handover", "kexec", "cold_boot")

IN_FLIGHT = "in_flight"
DONE = "done"
FAILED = "failed"
ROLLED_BACK = "rolled_back"
HALF_DONE = "staged"
UNTOUCHED = "untouched"
NOT_KNOWN = "unknown"
OUTCOMES = (DONE, FAILED, ROLLED_BACK, NOT_KNOWN, HALF_DONE, UNTOUCHED, IN_FLIGHT)
"""How a host came out of a rollout, in the words of the results file."""


@dataclass
class Attempt(Results):
    """The last result of each kind for one transition of one host.

    ``jumping`` says that the task which makes the host jump has begun.
    """

    jumping: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether anything went wrong: a refusal, an error, a verdict that is not accepted, a lost host."""
        is_bad = text_or_none(self.word) is not None and not self.came_true
        return self.is_stopped or is_bad or any(result.get("failed") is True for result in self._told)

    @property
    def _told(self) -> tuple[Mapping[str, Any], ...]:
        return self.transition, self.stage, self.kept

    @property
    def is_out_of_sight(self) -> bool:
        """Whether nobody knows which kernel runs: the host jumped, and did not answer since."""
        if not self.transition:
            return self.jumping
        lost_on_the_way = bool(self.transition.get("failed")) and self.transition.get("rebooted", False) is None
        return lost_on_the_way or self.word == "unreachable"

    def outcome(self, over: bool) -> str:
        """Return one of `OUTCOMES`; ``over`` says that nothing more will come, because the wave has ended."""
        if self.is_out_of_sight and (self.transition or self.lost or over):
            return NOT_KNOWN
        if self.has_failed:
            return ROLLED_BACK if self.word == "rolled_back" else FAILED
        if self.is_already_there or (self.is_proven and (self.kept or over)):
            return DONE
        if self.only_planned:
            return UNTOUCHED
        if not over:
            return IN_FLIGHT
        return HALF_DONE if self.stage or self.transition else UNTOUCHED

    @property
    def is_already_there(self) -> bool:
        """Whether there was nothing to do."""
        return bool(self.action == "none")

    @property
    def is_proven(self) -> bool:
        """Whether what was promised came true, and nothing went wrong before the commit."""
        return self.came_true and not self.is_stopped

    def verdict(self) -> str:
        """Return the word for how it ended, and whether the commit failed."""
        return self._word() + self.uncommitted()

    def uncommitted(self) -> str:
        """Return what to add when the commit failed."""
        if not self.kept.get("failed"):
            return ""
        return ", target not reached" if outcome_of(self).committed else ", not committed"

    def _word(self) -> str:
        """Return the one word for how it ended: a verdict, the code of a refusal, or how far it came."""
        if self.lost and (self.word is None or self.came_true):
            return "unreachable"
        verdict = outcome_of(self).verdict
        if verdict is None:
            return self._word_without_verdict()
        return text(verdict) + (" (promised)" if self.is_proven and verdict != "handover_verified" else "")

    def _word_without_verdict(self) -> str:
        for result in (self.transition, self.stage):
            if result.get("failed"):
                return text(result.get("code") or "failed")
        if self.failure is not None:
            return self.failure
        if self.transition:
            return "planned"
        action = text(self.action)
        return "staged" if action in STAGED else {"none": "already there"}.get(action, UNKNOWN)

    def cells(self, verdict: str) -> tuple[str, ...]:
        """Return what the row of this host shows after its name."""
        told = outcome_of(self)
        return (
            text(told.left),
            text(told.to),
            _record(told.promised),
            _record(told.reported),
            verdict,
            f"{told.outage_seconds:.1f}" if isinstance(told.outage_seconds, (int, float)) else UNKNOWN,
        )

    def planned(self) -> str:
        """Return the one word for what would be done: the plan's, or why there is none."""
        if self.lost:
            return "unreachable"
        return text(self.action or ("failed" if self.stage.get("failed") else None))

    def code(self) -> str | None:
        """Return the code of what went wrong, for programs; None when nothing did, or when only the verdict says it."""
        reason = self.refusal()
        code = outcome_of(self).code or (reason[0] if reason else None)
        return text(code or "failed") if code or any(result.get("failed") for result in self._told) else None

    def refusal(self) -> tuple[str, str] | None:
        """Return the code and the message of the refusal or failure that comes first; None when all is well."""
        reasons = at(self.stage, "plan", "reasons")
        if self.planned() == "refuse" and isinstance(reasons, Sequence) and reasons:
            code = text(at(reasons[0], "code"))
            return code, with_reference(code, text(at(reasons[0], "message"), MESSAGE_LIMIT))
        if not self.stage.get("failed"):
            return None
        return text(self.stage.get("code") or "failed"), text(self.stage.get("msg"), MESSAGE_LIMIT)

    def warnings(self) -> list[str]:
        """Return the codes of the plan's warnings."""
        warnings = at(self.stage, "plan", "warnings")
        return [text(at(note, "code")) for note in warnings] if isinstance(warnings, list) else []

    @property
    def deserves_a_look(self) -> bool:
        """Whether the plan has a warning, or there is none."""
        return self.lost or self.refusal() is not None or bool(at(self.stage, "plan", "warnings"))

    def preview_cells(self) -> tuple[str, ...]:
        """Return what the row of this host shows after its name, when nothing was done."""
        told, refusal = outcome_of(self), self.refusal()
        return (
            text(told.left),
            text(told.to),
            self.planned(),
            _record(told.promised),
            " ".join(self.warnings()) or UNKNOWN,
            refusal[0] if refusal else UNKNOWN,
        )


@dataclass
class HostOutcome:
    """What became of one host: its upgrade, its rollback, or the one after the other."""

    upgrade: Attempt | None = None
    rollback: Attempt | None = None

    @property
    def told(self) -> Attempt:
        """What the row tells: a rollback only when there was no upgrade."""
        return self.upgrade or self.rollback or Attempt()

    @property
    def latest(self) -> Attempt:
        """What goes on."""
        return self.rollback or self.told

    def begin_rollback(self) -> None:
        """What comes from now on is about the way back."""
        self.rollback = self.rollback or Attempt()

    def begin_upgrade(self) -> None:
        """What comes from now on is about an upgrade; a rollback before it is over."""
        if self.upgrade is None or self.rollback is not None:
            self.upgrade, self.rollback = Attempt(), None

    def verdict(self) -> str:
        """Return how the upgrade ended, and how the rollback after it did."""
        if self.upgrade is None or self.rollback is None:
            return self.told.verdict()
        back = self.rollback
        ended = f"rolled back{back.uncommitted()}" if back.is_proven else f"rollback: {back.verdict()}"
        return f"{self.upgrade.verdict()}, {ended}"

    def outcome(self, over: bool) -> str:
        """Return one of `OUTCOMES`, as `Attempt.outcome` does; a host on its way back has failed until it is back."""
        if self.upgrade is None or self.rollback is None:
            return self.told.outcome(over)
        back = self.rollback.outcome(over)
        return {DONE: ROLLED_BACK, NOT_KNOWN: NOT_KNOWN}.get(back, FAILED)

    def cells(self) -> tuple[str, ...]:
        """Return what the row of this host shows after its name."""
        return self.told.cells(self.verdict())


def _record(record: Any) -> str:
    """Return the two things that a record holds, as ``release (count)``."""
    release, count = at(record, "previous_release"), at(record, "kexec_count")
    if release is None and count is None:
        return UNKNOWN
    return f"{text(release)} ({text(count)})"
