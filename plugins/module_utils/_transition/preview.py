# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would happen: the plan for a host, and what it was made from. At most what images tell is remembered there."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.selectable import why_not_selectable
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.words import NEVER, RUNNING
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import Plan, decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation
from ansible_collections.kho.kexec.plugins.module_utils._plan.target import observe_situation
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Transition


def preview(host: Host, policy: Policy, run_identity: RunIdentity) -> dict[str, Any]:
    """Observe and decide; returns what kexec_plan_info returns. A refusal is an answer here, and raises nothing."""
    try:
        situation = observe(host, policy, run_identity, remember=False)
    except Refusal as refusal:
        plan = Plan("refuse", None, (refusal.as_note(),))
        nothing: dict[str, Any] = {"transition": None, "target": None, "candidates": []}
        return {**nothing, "running": refusal.findings["running"], "plan": plan.as_dict()}
    return {**findings_of(situation, decide(situation)), "candidates": situation.candidates()}


def observe(host: Host, policy: Policy, run_identity: RunIdentity, remember: bool) -> Situation:
    """What a plan is made from, with what the commit at the end will need. Raises Refusal."""
    situation = observe_situation(host, policy, run_identity, remember)
    target = situation.target
    if policy.boot_default == NEVER or target is None:
        return situation
    if target.release == situation.running.release and policy.release != RUNNING:
        return situation
    return situation._replace(commit_problem=why_not_selectable(host, target.release))


def findings_of(situation: Situation, plan: Plan) -> dict[str, Any]:
    """All that was seen and decided, in the shape that modules return."""
    return {
        **records_of(situation.running, situation.transition),
        "plan": plan.as_dict(),
        "target": situation.target.as_dict() if situation.target else None,
    }


def records_of(running: RunningKernel, transition: Transition | None) -> dict[str, Any]:
    """What runs, and the record, in the shape that modules return."""
    return {"running": running.as_facts(), "transition": transition.as_result() if transition else None}
