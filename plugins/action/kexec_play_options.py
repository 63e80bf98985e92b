# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_play_options: knows Ansible, and leaves what holds to plugin_utils/_waves/play_options.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import PLAY_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import matching, said_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import ADDRESSES, settled, watched


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(PLAY_OPTIONS)
        try:
            found = self._settled(options["playbook"], task_vars or {})
        except KhoError as error:
            return {**result, "changed": False, **failed_with(error.code, error.message)}
        wanted = ADDRESSES if options["part"] == "addresses" else found.keys() - ADDRESSES
        return {**result, "changed": False, "options": {name: found[name] for name in found if name in wanted}}

    def _settled(self, playbook: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        names, groups = watched(playbook), task_vars["groups"]
        # What is given for the play itself, by its variables, or on the command line, which comes first.
        own = {*self._task.get_play().get_vars(), *load_extra_vars(self._loader)}
        given = {name: self._templar.template(task_vars[name]) for name in names if name in own and name in task_vars}
        hosts = matching(self._loader, "all", groups)
        said = said_of(task_vars["hostvars"], self._templar, hosts, names)
        return settled(playbook, given, said, lambda patterns: matching(self._loader, patterns, groups))
