# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of modules that claim the host: says who asks, and takes claims of dead runs over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.plugin_utils._asker import asker, dead_run

# A run that was killed may leave a module behind that claims the host for it after another was taken over.
MOST_DEAD_RUNS = 5


def taking_over(execute: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Execute a module, given who asks, until no claim of a dead run is in its way; returns its last answer."""
    asks = asker()
    answer = execute(asks)
    while (dead := dead_run(answer)) is not None and len(asks["over"]) < MOST_DEAD_RUNS:
        asks = {**asks, "over": [*asks["over"], dead]}
        answer = execute(asks)
    return answer


class ClaimingAction(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Runs the module of the same name, which takes an ``asker``."""

    TRANSFERS_FILES = False
    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if "asker" in arguments:
            message = "A task cannot set `asker`: the controller's half of this action says who asks. Leave it out."
            return {**result, "failed": True, "changed": False, "code": "asker_set", "msg": message}
        answer = taking_over(
            lambda asks: self._execute_module(module_args={**arguments, "asker": asks}, task_vars=task_vars)
        )
        return {**result, **answer}
