# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_plan_info: plans for no host that cannot be left, and builds the answer anew."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import PatientAction
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel


class ActionModule(PatientAction):
    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        require_kernel(self._connection.transport)
        return super()._answer(task_vars)
