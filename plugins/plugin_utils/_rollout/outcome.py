# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a host that was upgraded, or rolled back, from the results of its tasks. Pure.

The role's result, the results file, the table, the page and the ledger all tell what `outcome_of` says. Results come
from hosts, so nothing in them is taken to have the type that it should have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at

TASK_FAILED = "task_failed"
MESSAGE_LIMIT = 2000


@dataclass
class Results:
    """What tasks returned for one transition of a host, each empty where the task did not run.

    ``stage`` is of ``kexec_image``, ``guard`` of ``kexec_guard``, ``default`` of ``boot_default``, ``transition`` of
    ``kexec_reboot``, ``commit`` of ``kexec_commit``. ``failure`` is the code of the first other task that failed,
    ``lost`` says that Ansible could not reach the host; both count until somebody tried to commit. ``only_planned``
    says that nothing was done, as in check mode.
    """

    stage: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, Any] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    transition: Mapping[str, Any] = field(default_factory=dict)
    commit: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None
    lost: bool = False
    only_planned: bool = False

    @property
    def kept(self) -> Mapping[str, Any]:
        """The commit, that which ``kexec_reboot`` made included; empty without one."""
        told = self.transition.get("commit")
        return self.commit or (told if isinstance(told, Mapping) else {})

    @property
    def action(self) -> Any:
        """What the plan says; None without one."""
        return at(self.stage, "plan", "action")

    @property
    def word(self) -> Any:
        """The verdict; None without one."""
        return at(self.transition, "verdict", "verdict")

    @property
    def came_true(self) -> bool:
        """Whether the verdict is accepted."""
        return is_accepted(self.transition)

    @property
    def is_stopped(self) -> bool:
        """Whether something else than these tasks went wrong before the commit."""
        return self.lost or self.failure is not None


@dataclass(frozen=True)
class Outcome:
    """From where a host went, to where, and how that ended; None for what there is not, and for what is not known.

    ``verdict`` is ``unhealthy`` where another task failed after one that is accepted. ``accepted``: the target runs as
    promised, and nothing went wrong before the commit. ``code`` is the first of what went wrong.
    """

    left: Any
    to: Any
    action: Any
    promised: Any
    reported: Any
    verdict: Any
    accepted: bool
    committed: bool
    code: Any
    outage_seconds: Any


def is_accepted(transition: Any) -> bool:
    """Tell whether the verdict that ``kexec_reboot`` returned is accepted."""
    return at(transition, "verdict", "accepted") is True


def outcome_of(results: Results) -> Outcome:
    """Return what became of the host.

    What an earlier run began is only verified, and the kernel that this run found is then the one that was reached, not
    the one that was left.
    """
    stage, transition, action = results.stage, results.transition, results.action
    promised = at(transition, "promise") or at(transition, "verdict", "promised") or at(stage, "plan", "promise")
    running = None if action == "verify" else at(stage, "running", "release")
    to = at(stage, "target", "release") or at(promised, "release")
    reported = at(transition, "verdict", "reported")
    # The verdict that an earlier run did not ask for may be about another target.
    is_reached = bool(action != "verify" or at(reported, "release") == to)
    is_judged = at(transition, "verdict", "accepted") is not None
    is_well = results.came_true if is_judged else action == "none"
    is_overruled = results.came_true and results.failure is not None and not results.lost
    return Outcome(
        left=at(transition, "verdict", "evidence", "release_left") or at(promised, "previous_release") or running,
        to=to,
        action=action,
        promised=promised,
        reported=reported,
        verdict="unhealthy" if is_overruled else results.word,
        accepted=is_well and is_reached and not results.is_stopped,
        committed=_is_committed(results),
        code=_code(results),
        outage_seconds=transition.get("outage_seconds"),
    )


def _is_committed(results: Results) -> bool:
    """Whether the verified kernel was kept; one that is not the target is kept too, and said to be none."""
    commit = results.kept
    done = bool(commit) and not commit.get("failed") and not commit.get("skipped")
    return (done or commit.get("code") == "target_not_reached") and not results.only_planned


def _code(results: Results) -> Any:
    """What went wrong first, in the order in which things are done."""
    if results.lost:
        return "unreachable"
    tasks = (results.stage, results.guard, results.default, results.transition, results.kept)
    return next((task["code"] for task in tasks if task.get("code")), results.failure)


def upgrade_result(host: str, results: Results, rollback: Mapping[str, Any], message: str = "") -> dict[str, Any]:
    """Return ``kexec_upgrade_result``; the role's README has its keys.

    ``rollback`` is of the jump that went back, ``message`` says what went wrong; without one, the refusal does.
    """
    refusal = results.stage.get("msg") if results.stage.get("failed") else ""
    if results.came_true and not results.kept and not results.only_planned:
        # Hosts that do not come to the commit were stopped by what the operator wanted to see.
        results = replace(results, failure=TASK_FAILED)
    outcome = outcome_of(results)
    is_fine = outcome.accepted or results.only_planned
    return {
        "host": host,
        "from": outcome.left,
        "to": outcome.to,
        "action": outcome.action,
        "promised": outcome.promised,
        "reported": outcome.reported,
        "verdict": outcome.verdict,
        "accepted": outcome.accepted,
        "committed": outcome.committed,
        "rolled_back_to": at(rollback, "verdict", "promised", "release") if is_accepted(rollback) else None,
        "code": outcome.code or (None if is_fine else TASK_FAILED),
        "message": printable(message or str(refusal or ""), MESSAGE_LIMIT) or None,
        "boot_id_left": results.transition.get("boot_id_before"),
        "outage_seconds": outcome.outage_seconds,
    }
