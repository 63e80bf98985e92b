# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_image: says who asks, and starts no host that cannot be left, nor outside of the
window.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import import_module
from types import MappingProxyType
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.plugin_utils._common.duration import seconds
from ansible_collections.kho.kexec.plugins.plugin_utils._common.one_line import in_one_line
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import ClaimingAction
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.host_options import HostOptions
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import require_open

ROLE = "kexec_upgrade"
LOAD = f"{ROLE}__load"
"""The variable of the role that has the arguments: as those of the task, they would be made before they are checked."""
EMPTY_IS_NONE = ("guard", "window")
ENTRY_POINTS = ("main", "stage")
_PLAIN = re.compile(r"\{\{ (\w+)( \| kho\.kexec\.seconds)? \}\}")

# Ansible forks a process for each task of each host, and would have every one that needs a filter read them all anew.
for _filter in ("recovery", "seconds", "upgrade_result"):
    import_module(f"ansible_collections.kho.kexec.plugins.filter.{_filter}")


class ActionModule(ClaimingAction):
    _of_role: Mapping[str, Any] = MappingProxyType({})

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = super().run(tmp, task_vars)
        return answer if self._task.args.get("entry_point") is None else in_one_line(self._task, answer)

    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            self._of_role = self._valid_options(task_vars)
        except KhoError as error:
            return {"changed": False, "asked": False, **error.findings, **failed_with(error.code, error.message)}
        return super()._answer(task_vars)

    def _valid_options(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the role's options, none in another task. Raises KhoError unless the host can be asked with them."""
        require_own_options(task_vars)
        entry_point = self._task.args.get("entry_point")
        if entry_point is None:
            return {}
        if entry_point not in ENTRY_POINTS:
            raise KhoError(
                "options_invalid",
                f"`entry_point` must be one of {', '.join(ENTRY_POINTS)}, and is not. It is for the tasks of the role "
                f"{ROLE}. Nothing was done here. Leave it out.",
            )
        options = HostOptions(task_vars, self._connection.transport, self._templar, self._loader)
        return options.require_valid(ROLE, entry_point)

    def _given(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        given = super()._given(task_vars)
        if given.pop("entry_point", None) is None:
            return given
        made = {name: self._value(text, task_vars) for name, text in task_vars[LOAD].items()}
        return {**given, **{name: made[name] for name in made if made[name] or name not in EMPTY_IS_NONE}}

    def _value(self, text: Any, variables: Mapping[str, Any]) -> Any:
        """Return what a template of the role comes to. One that only names a variable is not compiled for each host."""
        plain = _PLAIN.fullmatch(text) if isinstance(text, str) else None
        if plain is None or plain[1] not in variables:
            return self._templar.template(text)
        known = plain[1] in self._of_role
        value = self._of_role[plain[1]] if known else decrypted(self._templar.template(variables[plain[1]]))
        return seconds(value) if plain[2] else value

    def _arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        window = arguments.pop("window", None)
        if arguments.get("state") != "unloaded":
            require_kernel(self._connection.transport)
            if not self._task.check_mode:
                require_open(window, datetime.now(timezone.utc))
        return arguments
