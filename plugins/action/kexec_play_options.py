# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_play_options: knows Ansible, and leaves what holds to plugin_utils/_waves/play_options.py."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.utils.vars import load_extra_vars

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import PLAY_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.hooks import OF_A_PLAY, OF_HOSTS, named, resolved
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import folders, matching, said_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.libraries import REPORT, require_library_of_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import (
    ADDRESSES,
    Said,
    role_of,
    settled,
    watched,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_values import checked
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS, OWN, require_known
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import problems, require_valid


class ActionModule(ControllerAction):
    SPEC = PLAY_OPTIONS

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        found, hooks = self._settled(options["playbook"], task_vars)
        if options["part"] == "addresses":
            return {"options": {name: found[name] for name in found if name in ADDRESSES}}
        for given, path in hooks.items():
            if given != path:
                say(f"The task file {given} is {path}.")
        shown = {name: found[name] for name in found if name not in ADDRESSES}
        return {"options": shown, "hooks": hooks, "began": int(time.time())}

    def _settled(self, playbook: str, task_vars: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the options of the play, and where task files are, by what was given."""
        role, groups = role_of(playbook), task_vars["groups"]
        names = (*watched(playbook), role + OWN)
        # What is given for the play itself, by its variables, or on the command line, which comes first.
        own = {*self._task.get_play().get_vars(), *load_extra_vars(self._loader)}
        require_known(role, own, self._templar.template(task_vars.get(role + OWN) or []))
        given = {name: self._templar.template(task_vars[name]) for name in names if name in own and name in task_vars}
        hosts = matching(self._loader, "all", groups)
        said = said_of(task_vars["hostvars"], self._templar, hosts, names)
        found = settled(playbook, given, said, lambda patterns: matching(self._loader, patterns, groups))
        members = matching(self._loader, found[f"{role}_hosts"], groups)
        own_values = {name: task_vars[name] for name in own if name in task_vars}
        of_hosts = {host: {**said.get(host, {}), **own_values} for host in members}
        for host in members:
            require_known(role, said.get(host, {}), of_hosts[host].get(role + OWN) or [], f" (it is set for {host})")
        found = checked(playbook, found, members, groups)
        if role == REPORT or found.get("kexec_upgrade_ledger_gate"):
            require_library_of_reports()
        if role in ENTRY_POINTS:
            self._require_valid(role, "rollback" if playbook == "kexec_rollback" else "main", of_hosts)
        if playbook not in ("kexec_upgrade", "kexec_soak"):
            return found, {}
        hooks = self._hooks(found, of_hosts.values(), folders())
        return {**found, **{name: hooks[path] for name, path in named(OF_A_PLAY, found).items()}}, hooks

    def _hooks(
        self, options: Mapping[str, Any], of_hosts: Iterable[Mapping[str, Any]], where: Sequence[str]
    ) -> dict[str, str]:
        """Return where task files are, by what was given. Raises KhoError ``hook_missing``."""
        paths = set(named(OF_A_PLAY, options).items())
        for one in of_hosts:
            paths.update(item for item in named(OF_HOSTS, one).items() if not self._templar.is_template(item[1]))
        return resolved(sorted(paths), where)

    def _require_valid(self, role: str, entry_point: str, values: Said) -> None:
        """Raise KhoError ``options_invalid`` unless the role can be run with the options of each host.

        A template that needs what only the host can tell is left to the check that the role begins with.
        """
        specified = ENTRY_POINTS[role][entry_point]["options"]
        seen: dict[str, tuple[dict[str, Any], list[str]]] = {}
        for host, known in values.items():
            plain = {name: known[name] for name in specified if name in known}
            templates = [name for name, value in plain.items() if self._templar.is_template(value)]
            checkable = {name: plain[name] for name in plain if name not in templates}
            seen.setdefault(repr(sorted(checkable.items())), (checkable, []))[1].append(host)
        require_valid(role, [(problems(role, entry_point, options), hosts) for options, hosts in seen.values()])
