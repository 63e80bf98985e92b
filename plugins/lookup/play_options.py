# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: play_options
short_description: What kexec_play_options has settled, where a play is made
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - C(hosts) and C(serial) of a play are made before it has a host, whose variables would hold what the task
    M(kho.kexec.kexec_play_options) of the play before has settled. This finds it.
  - Where no play ran, as with C(--list-hosts), the inventory is read once more, and the same is settled anew.
options:
  _terms:
    description:
      - The name of the playbook, and the name of the variable that holds what was settled.
    type: list
    elements: str
    required: true
seealso:
  - module: kho.kexec.kexec_play_options
"""

EXAMPLES = r"""
- name: Upgrade hosts
  hosts: "{{ options.kexec_upgrade_hosts }}"
  gather_facts: false
  vars:
    options: "{{ query('kho.kexec.play_options', 'kexec_upgrade', 'settled') | first }}"
  tasks:
    - name: Upgrade this host
      ansible.builtin.import_role:
        name: kho.kexec.kexec_upgrade
"""

RETURN = r"""
_list:
  description: The options of the play, by their names, in the one mapping of this list.
  type: list
  elements: dict
  sample: [{kexec_upgrade_hosts: web, kexec_upgrade_waves: canary}]
"""

from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, with_reference
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import matching, said_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import role_of, settled, watched
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted

MAKES_WAVES = ("_hosts", "_allow_empty", "_waves", "_group_limits", "_allow_cold_boot")


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core has no types
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        playbook, registered = self._flatten(terms)
        known = variables or {}
        for host in known.get("ansible_play_hosts_all", ()) if "hostvars" in known else ():
            found = known["hostvars"].raw_get(host)
            # What a host reports is not what was settled.
            if registered in found and registered not in (found.get("ansible_facts") or {}):
                return [found[registered]["options"]]
        try:
            return [self._settled_anew(playbook, known)]
        except KhoError as error:
            raise AnsibleLookupError(f"{error.code}: {with_reference(error.code, error.message)}") from error

    def _settled_anew(self, playbook: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        inventory = InventoryManager(loader=self._loader, sources=context.CLIARGS.get("inventory"))
        hostvars = HostVars(inventory, VariableManager(loader=self._loader, inventory=inventory), self._loader)
        names, groups = watched(playbook), inventory.get_groups_dict()
        # The play's own variables are made of what is settled here, but for these.
        free = [name for name in names if name.endswith(MAKES_WAVES) and name in variables]
        given = {name: decrypted(self._templar.template(variables[name])) for name in free}
        # Where nothing runs, there need not be anybody: the syntax is checked without an inventory.
        given[f"{role_of(playbook)}_allow_empty"] = True
        said = said_of(hostvars, self._templar, matching(self._loader, "all", groups), names)
        return settled(playbook, given, said, lambda patterns: matching(self._loader, patterns, groups))
