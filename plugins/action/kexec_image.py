# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_image: says who asks, and starts no host that cannot be left, nor outside of the
window.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import ClaimingAction
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.host_options import HostOptions
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import require_open

ROLE = "kexec_upgrade"
LOAD = f"{ROLE}__load"
"""The variable of the role that has the arguments: as those of the task, they would be made before they are checked."""
EMPTY_IS_NONE = ("guard", "window")
ENTRY_POINTS = ("main", "stage")


class ActionModule(ClaimingAction):
    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            self._require_options(task_vars)
        except KhoError as error:
            return {"changed": False, "asked": False, **error.findings, **failed_with(error.code, error.message)}
        return super()._answer(task_vars)

    def _require_options(self, task_vars: dict[str, Any]) -> None:
        """Raise KhoError unless the host can be asked with the options that hold for it."""
        require_own_options(task_vars)
        entry_point = self._task.args.get("entry_point")
        if entry_point is None:
            return
        if entry_point not in ENTRY_POINTS:
            raise KhoError(
                "options_invalid",
                f"`entry_point` must be one of {', '.join(ENTRY_POINTS)}, and is not. It is for the tasks of the role "
                f"{ROLE}. Nothing was done here. Leave it out.",
            )
        options = HostOptions(task_vars, self._connection.transport, self._templar, self._loader)
        options.require_valid(ROLE, entry_point)

    def _given(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        given = super()._given(task_vars)
        if given.pop("entry_point", None) is None:
            return given
        of_role = self._templar.template(task_vars[LOAD])
        return {**given, **{name: of_role[name] for name in of_role if of_role[name] or name not in EMPTY_IS_NONE}}

    def _arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        window = arguments.pop("window", None)
        if arguments.get("state") != "unloaded":
            require_kernel(self._connection.transport)
            if not self._task.check_mode:
                require_open(window, datetime.now(timezone.utc))
        return arguments
