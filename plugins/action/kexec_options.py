# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_options: Ansible's own check of a role's options and more, without the specification in every result.

Ansible keeps what a task returned for each host, with the arguments that the task was given, until all hosts are done
with it. To the check that it puts before a role, the whole specification is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import ROLE_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import RefusingAction
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.host_options import HostOptions


class ActionModule(RefusingAction):
    # Each host has options of its own.
    BYPASS_HOST_LOOP = False
    SPEC = ROLE_OPTIONS

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        given = HostOptions(task_vars, self._connection.transport, self._templar, self._loader)
        given.require_valid(options["role"], options["entry_point"])
        return {}
