# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host on which the role kexec_upgrade failed is brought back, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results, is_accepted

NOTHING, UNDO, ROLL_BACK = "nothing", "undo", "roll_back"
KEEP = "keep"

_VERIFIED = "The new kernel is verified and stays; what failed came after that."
_UNLOADED = "The target is unloaded, its guard is disarmed, and the host still runs the old kernel."
_NOT_UNDONE = "It is not known whether the target was unloaded."
_KEPT = "The new kernel stays, because kexec_upgrade_on_failure is keep."
_ROLLED_BACK = "The host was rolled back."
_STRANDED = "Rolling back failed too, and so the host may still run the new kernel, until somebody power-cycles it."
_GUARDED = "Rolling back failed too, and the guard is left to bring the old kernel back."


@dataclass(frozen=True)
class Recovery:
    """What is known of a host that failed, as far as it came.

    ``undo`` is what ``kexec_image`` returned for ``state=unloaded``, ``rollback`` is of the ``kexec_reboot`` that went
    back, and ``failed`` of the task that failed. With ``on_failure`` ``keep``, a new kernel that runs is not left.
    """

    results: Results
    undo: Mapping[str, Any]
    rollback: Mapping[str, Any]
    on_failure: str
    failed: Mapping[str, Any]

    @property
    def is_away(self) -> bool:
        """Whether nobody knows what runs; while the old kernel runs, ``rebooted`` is false."""
        return self.results.transition.get("rebooted", False) is None

    @property
    def has_left(self) -> bool:
        """Whether another kernel runs than before."""
        return self.results.transition.get("rebooted") is True

    @property
    def went_back(self) -> bool:
        """Whether a rollback was proven."""
        return is_accepted(self.rollback)

    @property
    def step(self) -> str:
        """What is to be done: nothing, undo what was staged, or roll back."""
        planned = self.results.action not in (None, "refuse", "none")
        if not planned or self.results.kept or self.is_away:
            return NOTHING
        if not self.has_left or self.results.word == "rolled_back":
            return UNDO
        if not self.results.word:
            return NOTHING
        return UNDO if self.on_failure == KEEP else ROLL_BACK

    @property
    def runs_what_it_ran(self) -> bool:
        """Whether the host runs the kernel that it ran before, and uses nothing of a budget."""
        if self.results.stage.get("code") == "unreachable" or self.is_away:
            return False
        return not self.has_left or self.results.word == "rolled_back" or self.went_back

    @property
    def message(self) -> str:
        """What went wrong first, and what became of the host."""
        return f"{self._trouble()} {self._recovered()}".rstrip()

    def _trouble(self) -> str:
        for result in (self.results.transition, self.results.stage):
            if result.get("failed"):
                return str(result.get("msg"))
        return str(self.failed.get("msg") or "A task of the role failed.")

    def _recovered(self) -> str:
        if self.results.kept:
            return _VERIFIED
        if self.undo.get("failed"):
            return f"Undoing what was staged failed too: {self.undo.get('msg')}"
        if self.step == UNDO:
            return self._undone()
        if self.step == NOTHING:
            return ""
        if self.went_back:
            return _ROLLED_BACK
        return _STRANDED if self.results.came_true else _GUARDED

    def _undone(self) -> str:
        if not self.has_left:
            return _UNLOADED if self.undo else _NOT_UNDONE
        return "" if self.results.word == "rolled_back" else _KEPT
