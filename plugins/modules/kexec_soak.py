#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_soak
short_description: Keep the results of many handovers in a row on a host
version_added: 0.1.0
description:
  - Keeps the rows of a soak of one host in a folder of the controller, says which jump is next and when it is over, and
    computes what drifts with the count. The role P(kho.kexec.kexec_soak#role) makes the jumps.
  - The folder of a host holds C(soak.json), C(soak.txt), and C(jump-N) with the evidence of each jump that was not
    well.
options:
  state:
    description:
      - V(begun), checks what is wanted, and goes on with a soak of the same jumps and targets that has not ended.
        Results of one that has ended are kept beside.
      - V(next), tells whether there is another jump, and what its target is.
      - V(recorded), stores what a jump brought.
      - V(ended), returns the table and the trends.
    type: str
    required: true
    choices: [begun, next, recorded, ended]
  directory:
    description: Where the folders of hosts are on the controller.
    type: path
    default: kexec-soak
  jumps:
    description: How many jumps are wanted, from 1 to 1000. For O(state=begun).
    type: int
    default: 10
  targets:
    description: The releases that are taken in turns. For O(state=begun).
    type: list
    elements: str
    default: [running]
  keep_going:
    description: Whether the soak goes on after a jump that was not well. For O(state=recorded).
    type: bool
    default: false
  running:
    description: The release that runs, which is started anew when it is next. For O(state=next).
    type: str
  began:
    description: When this run began, in seconds since 1970, as RV(began) said. For O(state=next).
    type: int
    default: 0
  time_limit:
    description: Seconds after O(began) from which no jump begins; V(0) for no limit. For O(state=next).
    type: int
    default: 0
  window:
    description:
      - When jumps may begin, as O(kho.kexec.kexec_gate#module:window). For O(state=next).
    type: raw
  result:
    description: What C(kexec_upgrade_result) is after the jump. For O(state=recorded).
    type: dict
  health:
    description: What M(kho.kexec.kernel_health_info) returned after the jump. For O(state=recorded).
    type: dict
  memory:
    description: C(/proc/meminfo) of the new kernel, in base 64. For O(state=recorded).
    type: str
  boot:
    description: What C(systemctl show --property=FinishTimestampMonotonic) said. For O(state=recorded).
    type: str
  evidence:
    description:
      - What shows why a jump was not well, with the keys C(log_left), C(log_new), C(result), C(health), C(history) and
        C(facts). It is bounded and made printable. For O(state=recorded).
    type: dict
notes:
  - Runs on the controller, and asks no host.
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  diff_mode:
    details: Changes nothing on hosts.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Begin a soak of twenty jumps in turns over two kernels
  kho.kexec.kexec_soak:
    state: begun
    jumps: 20
    targets: [7.2.13-kho, 7.3.4-kho]
"""

RETURN = r"""
number:
  description: The number of the next jump, counted from 1.
  returned: with O(state=begun) and O(state=next)
  type: int
  sample: 1
targets:
  description: The targets, once each.
  returned: with O(state=begun)
  type: list
  elements: str
  sample: [running]
began:
  description: When this run began, in seconds since 1970.
  returned: with O(state=begun)
  type: int
  sample: 1795392000
go:
  description: Whether there is another jump.
  returned: with O(state=next) and O(state=recorded)
  type: bool
  sample: true
target:
  description: What O(kho.kexec.kexec_image#module:release) is for the next jump; V(null) when there is none.
  returned: with O(state=next)
  type: str
  sample: running
row:
  description: The result of the jump. What is not known is V(null).
  returned: with O(state=recorded)
  type: dict
  sample: {number: 1, verdict: handover_verified, well: true}
measures:
  description: >-
    What was measured of the new boot, for O(kho.kexec.kexec_ledger#module:measures): its C(boot_id), and what the row
    has of outage, boot time and memory.
  returned: with O(state=recorded)
  type: dict
  sample: {boot_id: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11, outage_seconds: 8.3, free_bytes: 812646400}
soak:
  description: How far the soak came; C(accepted) unless a jump was not well.
  returned: with O(state=ended)
  type: dict
  sample: {host: web1, accepted: true, jumps: 20, wanted: 20, failures: 0, ended: all_jumps, folder: kexec-soak/web1}
summary:
  description: What was found, in sentences.
  returned: with O(state=ended)
  type: list
  elements: str
  sample: ["web1: 20 jumps of 20, 0 not well (all_jumps)."]
table:
  description: The rows as a table, line by line.
  returned: with O(state=ended)
  type: list
  elements: str
  sample: []
trends:
  description: >-
    For each release, the trend of each measure over the count, with C(slope), its 95 % interval (C(low), C(high)),
    C(drifts), and C(why) there is no answer.
  returned: with O(state=ended)
  type: dict
  sample: {}
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: soak_targets_empty
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import SOAK, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=SOAK, supports_check_mode=True)
    fail(module, without_controller("kexec_soak", "keeps the results"))


if __name__ == "__main__":
    main()
