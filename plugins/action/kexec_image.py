# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_image: says who asks, and starts no host that cannot be left, nor outside of the
window.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import ClaimingAction
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import require_open


class ActionModule(ClaimingAction):
    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        require_own_options(task_vars)
        return super()._answer(task_vars)

    def _arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        window = arguments.pop("window", None)
        if arguments.get("state") != "unloaded":
            require_kernel(self._connection.transport)
            if not self._task.check_mode:
                require_open(window, datetime.now(timezone.utc))
        return arguments
