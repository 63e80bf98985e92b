# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of modules: a lost host is a failure, a claiming module is told who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import dead_run, run_identity
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.session import reason_of

# A run that was killed may leave a module behind that claims the host for it after another was taken over.
MOST_DEAD_RUNS = 5


def taking_over(execute: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Execute a module, given who asks, until no claim of a dead run is in its way; returns its last answer."""
    asks = run_identity()
    answer = execute(asks)
    while (dead := dead_run(answer)) is not None and len(asks["over"]) < MOST_DEAD_RUNS:
        asks = {**asks, "over": [*asks["over"], dead]}
        answer = execute(asks)
    return answer


class LosingAction(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Runs the module of the same name. A host that is lost meanwhile is ``failed``, with the code ``unreachable``.

    Ansible would call it unreachable, which neither a rescue nor the end of a wave sees.
    """

    TRANSFERS_FILES = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return {**result, **self._answer(task_vars or {})}
        except KhoError as error:
            return {**result, "changed": False, **failed_with(error.code, error.message)}
        except AnsibleConnectionFailure as failure:
            message = f"The host cannot be reached, so what this task was to do may not be done: {reason_of(failure)}."
            return {**result, "changed": False, **failed_with("unreachable", message)}

    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(task_vars=task_vars)
        return answer


class ClaimingAction(LosingAction):
    """Runs the module of the same name, which takes an ``run_identity``."""

    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        arguments = self._arguments()
        if "run_identity" in arguments:
            message = "A task cannot set `run_identity`: the action plugin sets it. Leave it out."
            return {"changed": False, **failed_with("asker_set", message)}
        return taking_over(
            lambda asks: self._execute_module(module_args={**arguments, "run_identity": asks}, task_vars=task_vars)
        )

    def _arguments(self) -> dict[str, Any]:
        """Return what the module is given. Raises KhoError when the controller's half refuses."""
        return dict(self._task.args)
