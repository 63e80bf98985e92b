# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: waves
short_description: The hosts of a rollout, in waves
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - Returns the hosts that patterns match, as lists of those that go together. Made for a play's C(hosts) and C(serial),
    so that limits of groups hold too; C(serial) alone knows sizes only.
  - Patterns are what C(hosts) of a play takes, and C(--limit) holds as it does for a play.
  - M(kho.kexec.kexec_gate) makes the same waves of the same O(sizes) and O(limits).
options:
  _terms:
    description:
      - Patterns of hosts, as in C(hosts) of a play.
    type: list
    elements: str
    required: true
  sizes:
    description:
      - How many hosts a wave has at most.
      - V(canary) is 1 host, 10 %, 25 %, then all others. V(linear) is 10 % each time. V(exponential) is 1, 2, 4, 8
        hosts and so on. None of these three has more than 500 hosts in a wave.
      - Or a list of numbers and percentages, as in C(serial) of a play; percentages are of all hosts of the rollout,
        and the last size repeats.
    type: raw
    default: canary
  limits:
    description:
      - How many hosts of a group a wave has at most, by globs of names of groups. Of several that match a group, the
        smallest counts.
      - A host that does not fit waits for the next wave, so waves may be smaller than their size, and more.
      - A glob that matches no group of the inventory is an error, but not for C(--syntax-check).
    type: dict
    default: {}
notes:
  - The waves of one set of options are always the same, so a play that is continued has the order that it had.
seealso:
  - module: kho.kexec.kexec_gate
"""

EXAMPLES = r"""
- name: Upgrade hosts, at most two of a zone and one of the etcd cluster at a time
  hosts: "{{ rollout | flatten }}"
  serial: "{{ rollout | map('length') | list }}"
  gather_facts: false
  vars:
    rollout: "{{ query('kho.kexec.waves', 'web:!web9', sizes=[1, '20%'], limits={'zone_*': 2, 'etcd': 1}) }}"
  tasks:
    - name: Upgrade this host
      ansible.builtin.import_role:
        name: kho.kexec.kexec_upgrade
"""

RETURN = r"""
_list:
  description: The waves, each a list of names of hosts. Empty when the patterns match no host.
  type: list
  elements: list
  sample: [[web1], [web2, web3]]
"""

from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import with_reference
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import matching
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import WaveError, waves


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core has no types
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[list[str]]:
        self.set_options(var_options=variables, direct=kwargs)
        groups = (variables or {})["groups"]
        try:
            hosts = matching(self._loader, self._flatten(terms), groups)
            # Where the syntax is checked, nothing runs, and there need not be an inventory.
            limits = {} if context.CLIARGS.get("syntax") else self.get_option("limits")
            return waves(hosts, self.get_option("sizes"), limits, groups)
        except WaveError as error:
            raise AnsibleLookupError(f"{error.code}: {with_reference(error.code, error.message)}") from error
