#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kho_fleet_info
short_description: Show how the kernels of a fleet were started, what deserves attention first
version_added: 0.1.0
description:
  - Takes what M(kho.kexec.kho_facts) found on all hosts of the play, and prints a table with a line for each host and
    a summary with counts below it. Returns the same for programs.
  - The first lines are hosts that deserve attention. RV(rows[].attention) says why, with codes that the page on
    troubleshooting explains.
  - Also hosts that are unreachable or failed are in the table, on top.
  - The playbook C(kho.kexec.kexec_facts) does all of it.
  - Runs on the controller, once for the whole play, and asks no host.
options:
  registered:
    description:
      - The name of the variable in which the results of M(kho.kexec.kho_facts) were registered.
      - What a fact cache holds is not looked at, since it may be of an earlier boot.
    type: str
    required: true
  only_attention:
    description:
      - Whether to leave hosts that deserve no attention out of the printed table. They are counted and returned.
    type: bool
    default: false
  long_chain:
    description:
      - A host with more handovers than this since its last cold boot deserves attention.
    type: int
    default: 10
notes:
  - "What deserves attention, in this order: the host is unreachable; it gave no facts; it runs a crash kernel; handed
    over data, or the history of its chain, were lost; it lost the memory for a crash kernel, or a part of live update;
    its sources disagree; a kernel is staged, which a plain reboot would start; Kexec HandOver is off or not built;
    something is unknown; its chain is long."
  - The table is printed as plain text under any callback for standard output. Under C(ansible.posix.json) and
    C(ansible.posix.jsonl), whose standard output is for programs, it goes to standard error.
  - Give the playbook C(ignore_unreachable) for the task that asks the hosts, as in the example. Otherwise
    nothing is printed when all hosts are unreachable.
seealso:
  - module: kho.kexec.kho_facts
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  bypass_host_loop:
    support: full
  check_mode:
    details: Reads only, so it does the same with and without check mode.
  diff_mode:
    details: Changes nothing.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Ask the kernel how it was started
  kho.kexec.kho_facts:
  become: true
  register: kho_result
  ignore_unreachable: true

- name: Show the fleet
  kho.kexec.kho_fleet_info:
    registered: kho_result
    only_attention: true
  register: fleet
  run_once: true

- name: Fail when hosts gave no facts
  ansible.builtin.fail:
    msg: "No facts from {{ fleet.lost | join(' ') }}"
  when: fleet.lost | length > 0
  run_once: true
"""

RETURN = r"""
rows:
  description: What is known of each host, in the order of the table. V(null) is unknown.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The host's name in the inventory.
      type: str
      sample: web1
    release:
      description: The release of the running kernel.
      type: str
      sample: 7.3.4-kho
    boot:
      description: How it was started, see RV(kho.kexec.kho_facts#module:ansible_facts.kho.boot).
      type: str
      sample: handover
    previous_release:
      description: The release of the kernel that handed over.
      type: str
      sample: 7.2.13-kho
    kexec_count:
      description: The number of consecutive handovers since the last cold boot.
      type: int
      sample: 1
    image_loaded:
      description: Whether a kernel is staged.
      type: bool
      sample: false
    attention:
      description: Why the host deserves attention, most important first. Empty when it deserves none.
      type: list
      elements: dict
      contains:
        code:
          description:
            - A code of RV(kho.kexec.kho_facts#module:ansible_facts.kho.notes), or one of these.
            - V(unreachable), Ansible could not reach the host.
            - V(facts_failed), M(kho.kexec.kho_facts) failed there.
            - V(facts_missing), it did not run there.
            - V(image_staged), a kernel is staged.
            - V(long_chain), there were more than O(long_chain) handovers since the last cold boot.
          type: str
          sample: handover_refused
        message:
          description: A sentence for people.
          type: str
          sample: "A kernel is staged: a plain reboot of this host would start it."
counts:
  description: How many hosts there are of each kind, most frequent first.
  returned: success
  type: dict
  contains:
    hosts:
      description: How many hosts there are.
      type: int
      sample: 4000
    attention:
      description: Hosts by RV(rows[].attention[].code). A host counts for each of its codes.
      type: list
      elements: dict
      sample: [{code: image_staged, hosts: 2}]
    boot:
      description: Hosts by the kind of boot.
      type: list
      elements: dict
      sample: [{boot: handover, hosts: 3990}]
    transition:
      description: Hosts by the two kernels of the handover.
      type: list
      elements: dict
      sample: [{previous_release: 7.2.13-kho, release: 7.3.4-kho, hosts: 3990}]
    chain:
      description: Hosts by the length of their chain.
      type: list
      elements: dict
      sample: [{kexec_count: 1, hosts: 3990}]
lost:
  description: The names of all hosts that gave no facts.
  returned: success
  type: list
  elements: str
  sample: [web7]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import FLEET_INFO, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=FLEET_INFO, supports_check_mode=True)
    fail(module, without_controller("kho_fleet_info", "knows the results of all hosts"))


if __name__ == "__main__":
    main()
