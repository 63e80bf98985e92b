#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_soak_bisect
short_description: Find the first kernel from which a handover to another goes wrong
version_added: 0.1.0
description:
  - Keeps the log of a bisection of one host in a folder of the controller, says from which origin the next jump is, and
    when the answer is known. The entry point C(bisect) of the role P(kho.kexec.kexec_soak#role) makes the jumps.
  - Each origin is asked until a sequential test of it is wrong with so small a chance that all together are wrong with
    at most 5 %.
  - The folder of a host holds C(bisect.json), C(bisect.txt), and C(try-N) with the evidence of each try that was not
    well.
options:
  state:
    description:
      - V(begun), checks the question, and goes on with a log of the same one that has not found its answer.
      - V(planned), refuses an origin of which O(plan) says that it hands nothing over.
      - V(next), tells from which origin the next jump is, and counts it.
      - V(recorded), judges what the jump brought.
      - V(ended), returns what was found.
    type: str
    required: true
    choices: [begun, planned, next, recorded, ended]
  directory:
    description: Where the folders of hosts are on the controller.
    type: path
    default: kexec-soak
  target:
    description: The release that goes wrong. For O(state=begun).
    type: str
  origins:
    description: The releases before it, in their order, of which those from some one on are bad. For O(state=begun).
    type: list
    elements: str
  wrong:
    description:
      - What counts as wrong. A target that crashes always does. With V(health), new troubles of its health do, too, and
        with V(command) what O(command) ends with. For O(state=begun).
    type: str
    choices: [crash, health, command]
    default: health
  command:
    description: The command that is run on the target, with its arguments. For O(state=begun).
    type: list
    elements: str
    default: []
  wrong_at_least:
    description: The share of jumps from a bad origin that go wrong, at least. For O(state=begun).
    type: float
    default: 0.8
  wrong_at_most:
    description: The share of jumps from a good origin that go wrong nevertheless, at most. For O(state=begun).
    type: float
    default: 0.05
  jumps:
    description: How many jumps there may be, those of earlier runs included. For O(state=begun).
    type: int
    default: 50
  running:
    description: The release that runs. For O(state=begun) and O(state=next).
    type: str
  plan:
    description: What M(kho.kexec.kexec_plan_info) returned for an origin. For O(state=planned).
    type: dict
  began:
    description: When this run began, in seconds since 1970, as RV(began) said. For O(state=next).
    type: int
    default: 0
  time_limit:
    description: Seconds after O(began) from which no try begins; V(0) for no limit. For O(state=next).
    type: int
    default: 0
  window:
    description:
      - When tries may begin, as O(kho.kexec.kexec_gate#module:window). For O(state=next).
    type: raw
  reached:
    description: What C(kexec_upgrade_result) is after the cold boot of the origin. For O(state=recorded).
    type: dict
  result:
    description: What C(kexec_upgrade_result) is after the jump. For O(state=recorded).
    type: dict
  health:
    description: What M(kho.kexec.kernel_health_info) returned at the end of the try. For O(state=recorded).
    type: dict
  status:
    description: What the command ended with. For O(state=recorded).
    type: int
  evidence:
    description:
      - What shows how a try went, as O(kho.kexec.kexec_soak#module:evidence). For O(state=recorded).
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
- name: Ask from which of three kernels on 7.3.4-kho goes wrong
  kho.kexec.kexec_soak_bisect:
    state: begun
    target: 7.3.4-kho
    origins: [7.2.11-kho, 7.2.12-kho, 7.2.13-kho]
    running: 7.2.13-kho
"""

RETURN = r"""
target:
  description: The target.
  returned: with O(state=begun)
  type: str
  sample: 7.3.4-kho
origins:
  description: The origins.
  returned: with O(state=begun)
  type: list
  elements: str
  sample: [7.2.11-kho, 7.2.12-kho, 7.2.13-kho]
home:
  description: The release that ran when the bisection began, to which the host returns.
  returned: with O(state=begun)
  type: str
  sample: 7.2.13-kho
began:
  description: When this run began, in seconds since 1970.
  returned: with O(state=begun)
  type: int
  sample: 1795392000
left:
  description: How many jumps are left.
  returned: with O(state=begun)
  type: int
  sample: 50
go:
  description: Whether there is another jump.
  returned: with O(state=begun), O(state=next) and O(state=recorded)
  type: bool
  sample: true
number:
  description: The number of the next try, counted from 1.
  returned: with O(state=next)
  type: int
  sample: 1
origin:
  description: What O(kho.kexec.kexec_image#module:release) is for its cold boot; V(null) when there is no next try.
  returned: with O(state=next)
  type: str
  sample: 7.2.12-kho
try:
  description: The result of the try. What is not known is V(null).
  returned: with O(state=recorded)
  type: dict
  sample: {number: 1, origin: 7.2.12-kho, answer: well, previous_release: 7.2.12-kho, kexec_count: 1}
bisection:
  description: >-
    What was found; C(accepted) when the answer is known, otherwise C(code) says why not. C(first_bad) is V(null) when
    the target goes wrong from none of the origins, C(last_good) when it does from all of them. C(jumps) of the
    C(allowed) ones were made; C(folder) has the results.
  returned: with O(state=ended)
  type: dict
  sample:
    host: web1
    accepted: true
    first_bad: 7.2.13-kho
    last_good: 7.2.12-kho
    jumps: 5
    allowed: 50
    ended: found
    code: null
    folder: kexec-soak-bisect/web1
summary:
  description: What was found, in sentences.
  returned: with O(state=ended)
  type: list
  elements: str
  sample: ["web1: 7.3.4-kho goes wrong from 7.2.13-kho on; from 7.2.12-kho, the one before it, it does not."]
table:
  description: The tries as a table, line by line.
  returned: with O(state=ended)
  type: list
  elements: str
  sample: []
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: bisect_origins_too_few
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import (
    SOAK_BISECT,
    SOAK_BISECT_REQUIRED_IF,
    without_controller,
)
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=SOAK_BISECT, required_if=SOAK_BISECT_REQUIRED_IF, supports_check_mode=True)
    fail(module, without_controller("kexec_soak_bisect", "keeps the log"))


if __name__ == "__main__":
    main()
