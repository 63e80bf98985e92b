# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a host that the role kexec_upgrade went through, from the results of its tasks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at


@dataclass(frozen=True)
class Course:
    """From where a host went, to where, and what was promised and reported; None for what there is not."""

    left: Any
    to: Any
    action: Any
    promised: Any
    reported: Any


def course_of(stage: Mapping[str, Any], transition: Mapping[str, Any]) -> Course:
    """Return the course of a host, from what ``kexec_image`` and ``kexec_reboot`` returned for it.

    What an earlier run began is only verified, and the kernel that this run found is then the one that was reached, not
    the one that was left.
    """
    action = at(stage, "plan", "action")
    promised = at(transition, "promise") or at(transition, "verdict", "promised") or at(stage, "plan", "promise")
    running = None if action == "verify" else at(stage, "running", "release")
    return Course(
        left=at(transition, "verdict", "evidence", "release_left") or at(promised, "previous_release") or running,
        to=at(stage, "target", "release") or at(promised, "release"),
        action=action,
        promised=promised,
        reported=at(transition, "verdict", "reported"),
    )


@dataclass(frozen=True)
class Results:
    """What the role's tasks returned for a host, each empty where the task did not run.

    ``stage`` is of ``kexec_image``, ``guard`` of ``kexec_guard``, ``default`` of ``boot_default``, ``transition`` of
    ``kexec_reboot``, ``commit`` of ``kexec_commit``, and ``rollback`` of the ``kexec_reboot`` that went back.
    """

    stage: Mapping[str, Any]
    guard: Mapping[str, Any]
    default: Mapping[str, Any]
    transition: Mapping[str, Any]
    commit: Mapping[str, Any]
    rollback: Mapping[str, Any]

    @property
    def course(self) -> Course:
        """From where to where the host went."""
        return course_of(self.stage, self.transition)

    @property
    def word(self) -> Any:
        """The verdict; None without one."""
        return at(self.transition, "verdict", "verdict")

    @property
    def came_true(self) -> bool:
        """Whether the verdict is accepted."""
        return at(self.transition, "verdict", "accepted") is True

    @property
    def reaches_target(self) -> bool:
        """Whether the verdict is about this target: one that an earlier run did not ask for may be about another."""
        course = self.course
        return bool(course.action != "verify" or at(course.reported, "release") == course.to)

    @property
    def is_committed(self) -> bool:
        """Whether the verified kernel was kept; one that is not the target is kept too, and said to be none."""
        done = bool(self.commit) and not self.commit.get("failed") and not self.commit.get("skipped")
        return done or self.commit.get("code") == "target_not_reached"

    @property
    def code(self) -> Any:
        """What went wrong first, in the order in which things are done."""
        tasks = (self.stage, self.guard, self.default, self.transition, self.commit)
        return next((task["code"] for task in tasks if task.get("code")), None)


def upgrade_result(host: str, results: Results, check_mode: bool) -> dict[str, Any]:
    """Return ``kexec_upgrade_result``; the role's README has its keys."""
    course = results.course
    # Hosts that do not come to the commit were stopped by what the operator wanted to see.
    is_confirmed = check_mode or bool(results.commit) or not results.came_true
    is_judged = at(results.transition, "verdict", "accepted") is not None
    is_well = results.came_true if is_judged else course.action == "none"
    accepted = is_well and is_confirmed and results.reaches_target
    is_back = at(results.rollback, "verdict", "accepted") is True
    return {
        "host": host,
        "from": course.left,
        "to": course.to,
        "action": course.action,
        "promised": course.promised,
        "reported": course.reported,
        "verdict": results.word if is_confirmed else "unhealthy",
        "accepted": accepted,
        "committed": results.is_committed,
        "rolled_back_to": at(results.rollback, "verdict", "promised", "release") if is_back else None,
        "code": results.code or (None if accepted or check_mode else "task_failed"),
        "boot_id_left": results.transition.get("boot_id_before"),
        "outage_seconds": results.transition.get("outage_seconds"),
    }
