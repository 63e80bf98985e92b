# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_play_options: knows Ansible, and leaves what holds to plugin_utils/_waves/play_options.py."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import PLAY_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import RefusingAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.extra_vars import (
    given_variables,
    require_names,
    require_taken,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.groups import Groups
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.hooks import (
    OF_A_PLAY,
    OF_HOSTS,
    named,
    require_tasks,
    resolved,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import (
    Known,
    folders,
    matching,
    require_hosts,
    said_of,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.libraries import REPORT, require_library_of_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import (
    ADDRESSES,
    ALL_ADDRESSES,
    PLAYBOOKS,
    Said,
    role_of,
    settled,
    watched,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_values import checked, require_values
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import (
    ENTRY_POINTS,
    OWN,
    PREFIXES,
    require_known,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_types import code_problems
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import problems, require_valid
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.terms import OF_HOSTS as TERMS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.terms import terms_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted

BESIDE = {"kexec_soak": ("kexec_soak", "kexec_upgrade")}
"""The roles whose options a playbook takes, where it is not one."""
OTHER_ENTRY_POINTS = {
    ("kexec_rollback", "kexec_upgrade"): "rollback",
    ("kexec_soak_bisect", "kexec_soak"): "bisect",
}
WITH_HOOKS = ("kexec_upgrade", "kexec_soak", "kexec_soak_bisect")


class ActionModule(RefusingAction):
    SPEC = PLAY_OPTIONS

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        found, hooks = self._settled(options["playbook"], task_vars)
        if options["part"] == "addresses":
            return {"options": {name: found[name] for name in found if name in ADDRESSES}}
        for given, path in hooks.items():
            if given != path:
                say(f"The task file {given} is {path}.")
        shown = {name: found[name] for name in found if name not in ADDRESSES}
        shared = {"terms": self._terms(found, task_vars)} if found.get("kexec_upgrade_rollout") else {}
        return {"options": shown, "hooks": hooks, "began": int(time.time()), **shared}

    def _terms(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return what all runs must have in common that share the rollout."""
        own = {*self._task.get_play().get_vars(), *given_variables(self._loader)}
        members = matching(self._loader, options["kexec_upgrade_hosts"], task_vars["groups"])
        said = said_of(task_vars["hostvars"], self._templar, members, TERMS)
        given = self._given([name for name in TERMS if name in own and name in task_vars], task_vars)
        return terms_of(options, {host: {**said[host], **given} for host in members})

    def _settled(self, playbook: str, task_vars: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the options of the play, and where task files are, by what was given."""
        role, groups = role_of(playbook), task_vars["groups"]
        roles = BESIDE.get(role, (role,))
        names = (*watched(playbook), *(one + OWN for one in roles))
        # What is given for the play itself, by its variables, or on the command line, which comes first.
        typed = given_variables(self._loader)
        own = {*self._task.get_play().get_vars(), *typed}
        given = self._given([name for name in names if name in own and name in task_vars], task_vars)
        ours = {one: self._templar.template(task_vars.get(one + OWN) or []) for one in PREFIXES}
        for one in roles:
            require_known(one, own, ours[one])
        require_names(typed, ours)
        require_taken(playbook, self._taken(playbook, roles), ours, self._loader)
        hosts = matching(self._loader, "all", groups)
        said = said_of(task_vars["hostvars"], self._templar, hosts, names)
        own_values = {name: decrypted(task_vars[name]) for name in own if name in task_vars}
        # Which hosts the play has is settled by what is said of any; all else, by what is said of its own.
        pattern = f"{role}_hosts"
        require_values({"": own_values, **{host: {pattern: said[host].get(pattern, "")} for host in hosts}})
        found = settled(playbook, given, said, lambda patterns: matching(self._loader, patterns, groups))
        members = matching(self._loader, found[pattern], groups)
        require_values({host: said.get(host, {}) for host in members})
        of_hosts = {host: {**said.get(host, {}), **own_values} for host in members}
        for host in members:
            for one in roles:
                require_known(one, said.get(host, {}), of_hosts[host].get(one + OWN) or [], f" (it is set for {host})")
        inventory = self._task.get_play().get_variable_manager()._inventory
        Groups(inventory, self._loader).require_agreement(members, own_values, ALL_ADDRESSES)
        found = checked(playbook, found, members, groups)
        if members and not found.get(f"{role}_allow_empty"):
            require_hosts(found[f"{role}_hosts"], groups, f"{role}_hosts")
        if role == REPORT or found.get("kexec_upgrade_ledger_gate"):
            require_library_of_reports()
        # A hook of the first wave may bring what a template lacks.
        known = None if found.get("kexec_upgrade_wave_before_tasks") else Known(task_vars["hostvars"], own_values)
        for one in roles:
            if one in ENTRY_POINTS:
                entry_point = OTHER_ENTRY_POINTS.get((playbook, one), "main")
                self._require_valid(one, entry_point, of_hosts, known)
        if playbook not in WITH_HOOKS:
            return found, {}
        hooks = self._hooks(found, of_hosts.values(), folders())
        return {**found, **{name: hooks[path] for name, path in named(OF_A_PLAY, found).items()}}, hooks

    @staticmethod
    def _taken(playbook: str, roles: Sequence[str]) -> set[str]:
        """Return the options that the playbook and its roles have."""
        of_roles = (
            ENTRY_POINTS[one][OTHER_ENTRY_POINTS.get((playbook, one), "main")]["options"]
            for one in roles
            if one in ENTRY_POINTS
        )
        return {*PLAYBOOKS[playbook], *(one + OWN for one in roles), *itertools.chain.from_iterable(of_roles)}

    def _given(self, names: Sequence[str], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is given for the play itself. Raises KhoError ``options_invalid`` for what has no value."""
        found = {}
        for name in names:
            try:
                found[name] = decrypted(self._templar.template(task_vars[name]))
            except AnsibleError as error:
                raise KhoError(
                    "options_invalid",
                    f"{name} is a template that has no value: {printable(str(error), 300)}. It is an option of the "
                    "whole play. No host was asked, and nothing was done. Correct it where it is set.",
                ) from error
        return found

    def _hooks(
        self, options: Mapping[str, Any], of_hosts: Iterable[Mapping[str, Any]], where: Sequence[str]
    ) -> dict[str, str]:
        """Return where task files are, by what was given. Raises KhoError ``hook_missing`` or ``hook_invalid``."""
        paths = set(named(OF_A_PLAY, options).items())
        for one in of_hosts:
            paths.update(item for item in named(OF_HOSTS, one).items() if not self._templar.is_template(item[1]))
        found = resolved(sorted(paths), where)
        require_tasks([(name, found[path]) for name, path in sorted(paths)], self._loader.load_from_file)
        return found

    def _require_valid(self, role: str, entry_point: str, values: Said, variables: Known | None) -> None:
        """Raise KhoError ``options_invalid`` unless the role can be run with the options of each host.

        A template that needs what only the host can tell is left to the check that the role begins with.
        """
        specified = ENTRY_POINTS[role][entry_point]["options"]
        seen: dict[str, tuple[dict[str, Any], list[str]]] = {}
        lacking: dict[tuple[str, ...], list[str]] = {}
        for host, known in values.items():
            plain = {name: known[name] for name in specified if name in known}
            templates = [name for name, value in plain.items() if self._templar.is_template(value)]
            if variables is not None and templates:
                without = variables.without_value(self._templar, host, {name: plain[name] for name in templates})
                lacking.setdefault(tuple(without), []).append(host)
            checkable = {name: plain[name] for name in plain if name not in templates}
            seen.setdefault(repr(sorted(checkable.items())), (checkable, []))[1].append(host)
        checked_ones = [
            ([*problems(role, entry_point, options), *code_problems(options)], hosts)
            for options, hosts in seen.values()
        ]
        require_valid(role, [*lacking.items(), *checked_ones])
