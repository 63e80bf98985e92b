# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a role of this collection can go all its way on one host, with the options that hold there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel, require_ssh
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.extra_vars import given_variables
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.hooks import OF_HOSTS, named, require_all, require_tasks
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.libraries import REPORT, require_library_of_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import COLD_BOOTS, is_true
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ENTRY_POINTS, OWN, require_known
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_types import code_problems
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import problems
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted

SETTLED = "__settled"
"""After a role's name, what the playbook's first play has registered."""


class HostOptions:
    """The options of a role for one host, as Ansible has them among its variables."""

    def __init__(self, variables: Mapping[str, Any], transport: str, templar: Any, loader: Any) -> None:
        """``transport`` is the name of the host's connection; ``templar`` and ``loader`` are the task's."""
        self._variables = variables
        self._transport = transport
        self._templar = templar
        self._loader = loader

    def require_valid(self, role: str, entry_point: str) -> dict[str, Any]:
        """Return them, what templates come to and without encryption, by their names.

        Raises KhoError, before the host is asked, unless this entry point of the role can be run with them.

        The codes are ``connection_local``, ``connection_without_kernel``, ``connection_unsupported``,
        ``options_from_host``, ``option_unknown``, ``options_invalid`` (``errors`` of its findings has a sentence for
        each option), ``hook_missing`` and ``hook_invalid``; without the library that reports need, its own.
        """
        variables = self._variables
        self._require_possible(role)
        require_own_options(variables)
        # What a host reports is not what an operator typed.
        typed = variables.keys() - (variables.get("ansible_facts") or {}).keys()
        own = self._values(role, [role + OWN]).get(role + OWN) or []
        require_known(role, typed, own)
        require_known(role, given_variables(self._loader), own, is_typed=True)
        values = self._values(role, ENTRY_POINTS[role][entry_point]["options"])
        errors = [*problems(role, entry_point, values), *code_problems(values)]
        if errors:
            raise _invalid(role, errors)
        self._require_hooks(role, values)
        return values

    def _values(self, role: str, names: Iterable[str]) -> dict[str, Any]:
        """Return the values of options. Raises KhoError ``options_invalid`` for a template that has none."""
        values, errors = {}, []
        for name in names:
            if name in self._variables:
                try:
                    values[name] = decrypted(self._templar.template(self._variables[name]))
                except AnsibleError as error:
                    errors.append(f"{name}: it is a template that has no value here: {printable(str(error), 300)}")
        if errors:
            raise _invalid(role, errors)
        return values

    def _require_possible(self, role: str) -> None:
        """Raise KhoError unless the role can go all its way over this connection, and from this controller."""
        if role == "kexec_upgrade":
            require_ssh(self._transport)
        elif role == REPORT and f"{REPORT}__settled" not in self._variables:
            require_library_of_reports()
        elif role == "kexec_prepare" and is_true(self._values(role, [COLD_BOOTS]).get(COLD_BOOTS, False)):
            require_kernel(self._transport)

    def _require_hooks(self, role: str, values: Mapping[str, Any]) -> None:
        """Raise KhoError when a task file is neither where the playbook found it nor where Ansible will look."""
        variables = self._variables
        known = (self._templar.template(variables.get(f"{role}{SETTLED}")) or {}).get("hooks") or {}
        begin = os.path.join(variables.get("role_path") or variables["playbook_dir"], "tasks")
        files = {
            name: (path, self._loader.path_dwim_relative(begin, "tasks", path))
            for name, path in named(OF_HOSTS, values).items()
            if path not in known
        }
        require_all([f"{name} ({printable(path)})" for name, (path, file) in files.items() if not os.path.isfile(file)])
        require_tasks([(name, file) for name, (path, file) in files.items()], self._loader.load_from_file)


def _invalid(role: str, errors: Sequence[str]) -> KhoError:
    return KhoError(
        "options_invalid",
        f"The options of the role {role} are not valid on this host: {'; '.join(errors)}. Nothing was done "
        "here. Correct these variables where they are set, and run the playbook again.",
        {"errors": list(errors)},
    )
