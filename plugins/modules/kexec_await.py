#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_await
short_description: Wait for all hosts that were told to leave, in one process
version_added: 0.1.0
description:
  - Waits until every host that M(kho.kexec.kexec_reboot) with O(kho.kexec.kexec_reboot#module:wait=false) has told to
    leave was away and answers again, as far as its SSH port can be asked directly.
  - A task that waits for one host keeps one process of the controller (C(forks)) busy, with 8 to 57 MB of memory of its
    own. This one is a single process, however many hosts there are.
  - Ends at the latest when a quarter of a guard's time has passed since the first host answered again, so the
    kernels of those that are back can be proven before their guards fire. RV(not_back) has the others.
  - Proves nothing. Afterwards, M(kho.kexec.kexec_reboot) with O(kho.kexec.kexec_reboot#module:left) asks each host for
    its verdict, and goes on waiting where that is needed. It knows from this task how long the host was away.
  - Never fails for what hosts do.
options:
  registered:
    description:
      - The name of the variable with what M(kho.kexec.kexec_reboot) returned for each host.
    type: str
    required: true
  timeout:
    description:
      - Seconds within which each host must answer again, from when it was told to leave.
    type: int
    default: 600
  rollback_timeout:
    description:
      - Seconds that a cold boot may take. A host with a guard has these and the guard's time beside O(timeout).
    type: int
    default: 600
notes:
  - Needs the strategy V(linear), so all hosts have been told to leave before it runs.
  - A host that is reached over C(ProxyJump) or C(ProxyCommand) is not waited for here.
  - A host that is never seen to be away is looked at for 30 seconds, counted from when it was told to leave.
  - Runs on the controller, once for the whole batch.
seealso:
  - module: kho.kexec.kexec_reboot
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  bypass_host_loop:
    support: full
  check_mode:
    details: No host has left then, so there is nobody to wait for.
  diff_mode:
    details: Changes nothing.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Have all hosts leave
  kho.kexec.kexec_reboot:
    wait: false
  register: jump

- name: Wait for them together
  kho.kexec.kexec_await:
    registered: jump
  run_once: true
  register: awaited

- name: Prove the handover of those that are back
  kho.kexec.kexec_reboot:
    left: "{{ jump.left }}"
  when: inventory_hostname not in awaited.not_back

- name: Prove the handover of those that have been back for long, or have not gone yet
  kho.kexec.kexec_reboot:
    left: "{{ jump.left }}"
  when: awaited.not_back[inventory_hostname] | default('') == 'unsure'

- name: Wait for the others, and prove theirs
  kho.kexec.kexec_reboot:
    left: "{{ jump.left }}"
  when: awaited.not_back[inventory_hostname] | default('') == 'absent'
"""

RETURN = r"""
hosts:
  description: How many hosts were on their way.
  returned: success
  type: int
  sample: 200
not_back:
  description:
    - The hosts that were not seen to come back, each by its name in the inventory, and why.
    - V(unsure), the host answered every time. It was back before it was asked first, or has not left yet.
    - V(absent), the host did not answer in the end, or its port cannot be asked.
  returned: success
  type: dict
  sample: {web3.example.com: unsure, web17.example.com: absent}
elapsed_seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 31.7
msg:
  description: How many are back.
  returned: success
  type: str
  sample: "Back: 199 of 200 hosts."
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import AWAIT, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=AWAIT, supports_check_mode=True)
    fail(module, without_controller("kexec_await", "knows the other hosts"))


if __name__ == "__main__":
    main()
