# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_options: Ansible's own check of a role's options and more, without the specification in every result.

Ansible keeps what a task returned for each host, with the arguments that the task was given, until all hosts are done
with it. To the check that it puts before a role, the whole specification is an argument.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import ROLE_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel, require_ssh
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.hooks import OF_HOSTS, named, require_all
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.libraries import REPORT, require_library_of_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import COLD_BOOTS, is_true
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS, OWN, require_known
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import problems

SETTLED = "kexec_upgrade__settled"
"""What the playbook's first play has registered."""


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(ROLE_OPTIONS)
        role, variables = options["role"], task_vars or {}
        try:
            self._require_possible(role, variables)
            require_own_options(variables)
            # What a host reports is not what an operator typed.
            typed = variables.keys() - (variables.get("ansible_facts") or {}).keys()
            require_known(role, typed, self._templar.template(variables.get(f"{role}{OWN}") or []))
        except KhoError as error:
            return {"changed": False, **failed_with(error.code, error.message)}
        specified = ENTRY_POINTS[role][options["entry_point"]]["options"]
        values = {name: self._templar.template(variables[name]) for name in specified if name in variables}
        errors = problems(role, options["entry_point"], values)
        if not errors:
            return self._with_hooks(values, variables)
        message = (
            f"The options of the role {role} are not valid on this host: {'; '.join(errors)}. Nothing was done "
            "here. Correct these variables where they are set, and run the playbook again."
        )
        return {"changed": False, "errors": errors, **failed_with("options_invalid", message)}

    def _require_possible(self, role: str, variables: Mapping[str, Any]) -> None:
        """Raise KhoError unless the role can go all its way over this connection, and from this controller."""
        if role == "kexec_upgrade":
            require_ssh(self._connection.transport)
        elif role == REPORT and f"{REPORT}__settled" not in variables:
            require_library_of_reports()
        elif role == "kexec_prepare" and is_true(self._templar.template(variables.get(COLD_BOOTS, False))):
            require_kernel(self._connection.transport)

    def _with_hooks(self, values: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return a success, unless a task file is neither where the playbook found it nor where Ansible will look."""
        known = (variables.get(SETTLED) or {}).get("hooks") or {}
        begin = os.path.join(variables.get("role_path") or variables["playbook_dir"], "tasks")
        missing = [
            f"{name} ({printable(path)})"
            for name, path in named(OF_HOSTS, values).items()
            if path not in known and not os.path.isfile(self._loader.path_dwim_relative(begin, "tasks", path))
        ]
        try:
            require_all(missing)
        except KhoError as error:
            return {"changed": False, **failed_with(error.code, error.message)}
        return {"changed": False}
