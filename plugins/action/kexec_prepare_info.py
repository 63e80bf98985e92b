# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_prepare_info: builds the host's answer anew.

The role kexec_prepare looks before and after each of its tasks with modules of ansible-core, whose answers can bring
facts. So a host that reports options as facts is found out here, before anything follows from them.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import PatientAction


class ActionModule(PatientAction):
    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        require_own_options(task_vars)
        return super()._answer(task_vars)
