# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which results of tasks are worth a line on the screen and an entry in the results file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at, seconds_or_none, text, text_or_none
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import STAGED, Attempt


@dataclass(frozen=True)
class HostEvent:
    """Something that happened to a host.

    ``kind`` is the word of the results file. ``detail`` is what programs want of it: an action, a verdict or a code.
    ``words`` is for people; empty when it is not worth a line.
    """

    kind: str
    detail: str | None
    words: str


LOST = HostEvent("lost", "unreachable", "lost, Ansible cannot reach it")


def of_result(module: str, result: Mapping[str, Any], attempt: Attempt, back: bool) -> HostEvent | None:
    """Return the event that a result of ``module`` is; ``attempt`` knows it already. ``back``: on the way back."""
    if module == "kexec_commit":
        return _of_commit(result, attempt)
    return _of_jump(result, back) if module == "kexec_reboot" else _of_image(attempt, back)


def of_unloading(result: Mapping[str, Any]) -> HostEvent | None:
    """Return the event that the result of ``kexec_image`` with ``state: unloaded`` is; None when nothing was there."""
    if result.get("failed"):
        code = text(result.get("code") or "failed")
        return HostEvent("failed", code, f"failed to unload the image: {code}")
    return HostEvent("unloaded", None, "unloaded, the running kernel stays") if result.get("changed") else None


def of_begun_jump(attempt: Attempt) -> HostEvent | None:
    """Return the event that the start of ``kexec_reboot`` is; None when it will be skipped, which is not known yet."""
    if attempt.action not in STAGED or attempt.transition or attempt.jumping or attempt.has_failed:
        return None
    return HostEvent("jump_begun", None, f"leaves {text(at(attempt.stage, 'running', 'release'))}")


def of_failure(result: Mapping[str, Any], task: str) -> HostEvent:
    """Return the event that the failure of any other task is, such as a task of the operator."""
    code = text(result.get("code") or "failed")
    return HostEvent("failed", code, f'{code} in "{printable(task, 80)}"')


def _of_image(attempt: Attempt, back: bool) -> HostEvent | None:
    action, target = text_or_none(attempt.action), at(attempt.stage, "target", "release")
    way = f"{text(at(attempt.stage, 'running', 'release'))} to {text(target)}"
    if attempt.stage.get("failed"):
        kind = "refused" if action == "refuse" else "failed"
        return HostEvent(kind, attempt.code(), f"{kind}: {attempt.code()}")
    if action in STAGED:
        return HostEvent("staged", action, f"staged{' to go back' if back else ''}, {way} by {action}")
    if action == "verify":
        return HostEvent("resumed", action, "jumped in an earlier run, which did not ask for the verdict")
    return HostEvent("already_there", None, "") if action == "none" else None


def _of_jump(result: Mapping[str, Any], back: bool) -> HostEvent | None:
    verdict = text_or_none(at(result, "verdict", "verdict"))
    accepted = at(result, "verdict", "accepted") is True
    if verdict is None:
        code = text(result.get("code") or "failed")
        return HostEvent("failed", code, f"failed: {code}") if result.get("failed") else None
    outage = seconds_or_none(result.get("outage_seconds"))
    measured = "" if outage is None else f", outage {outage:.1f} s"
    if back and accepted:
        release = text(at(result, "verdict", "reported", "release"))
        return HostEvent("rolled_back", verdict, f"rolled back to {release}{measured}")
    return HostEvent("verdict", verdict, f"{verdict}{'' if accepted else ', NOT accepted'}{measured}")


def _of_commit(result: Mapping[str, Any], attempt: Attempt) -> HostEvent:
    if result.get("failed"):
        code = text(result.get("code") or "failed")
        return HostEvent("not_committed", code, f"not committed: {code}")
    return HostEvent("committed", None, "" if attempt.is_already_there else "committed")
