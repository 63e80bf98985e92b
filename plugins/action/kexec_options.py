# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_options: Ansible's own check of a role's options and more, without the specification in every result.

Ansible keeps what a task returned for each host, with the arguments that the task was given, until all hosts are done
with it. To the check that it puts before a role, the whole specification is an argument.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import ROLE_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.host_options import HostOptions


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(ROLE_OPTIONS)
        given = HostOptions(task_vars or {}, self._connection.transport, self._templar, self._loader)
        try:
            given.require_valid(options["role"], options["entry_point"])
        except KhoError as error:
            return {"changed": False, **error.findings, **failed_with(error.code, error.message)}
        return {"changed": False}
