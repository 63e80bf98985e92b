#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what would be done on a host, and why: kexec_plan_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_plan_info
short_description: Plan a kernel upgrade by kexec, and do nothing
version_added: 0.1.0
description:
  - Finds the installed kernels, picks the target, reads its image, predicts whether Kexec HandOver (KHO) will carry
    over to it, and applies the policy. M(kho.kexec.kexec_image) with the same options does what is planned here.
  - A refusal is an answer, and the task succeeds with it. RV(plan.reasons) says why and what to do.
  - Changes nothing, loads nothing, and needs one round trip.
notes:
  - Needs root to read what the kernel hands over. Without root RV(plan.action) is V(refuse).
  - Connections that lead to the controller or to something without a kernel of its own (C(local), C(docker), C(chroot)
    and so on) are refused before the host is asked. The role P(kho.kexec.kexec_upgrade#role) takes C(ssh) only.
  - The role P(kho.kexec.kexec_upgrade#role) does not need it, since M(kho.kexec.kexec_image) plans too, in check mode
    as well.
seealso:
  - module: kho.kexec.kexec_image
  - module: kho.kexec.kexec_verdict_info
  - module: kho.kexec.kho_facts
extends_documentation_fragment:
  - kho.kexec.policy
  - kho.kexec.attributes
  - action_common_attributes
  - action_common_attributes.flow
attributes:
  check_mode:
    description: Changes nothing in any mode.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Ask what an upgrade to the newest kernel would do
  kho.kexec.kexec_plan_info:
  register: seen

- name: Show it
  ansible.builtin.debug:
    msg: "{{ seen.plan.action }}: {{ seen.plan.reasons | map(attribute='message') | join(' ') }}"

- name: Ask for the newest kernel of a series, where a kexec without handover would do too
  kho.kexec.kexec_plan_info:
    release: 7.3.*
    handover: prefer
"""

RETURN = r"""
running:
  description: The running kernel, in the shape of C(ansible_facts.kho) of M(kho.kexec.kho_facts).
  returned: success
  type: dict
  sample: {release: 7.2.13-kho, boot: cold, previous_release: null, kexec_count: 0, abi: kho-v4, enabled: true}
candidates:
  description: All installed kernels, the chosen one first, the others from the newest to the oldest.
  returned: success
  type: list
  elements: dict
  contains:
    release:
      description: The release; V(null) when nothing names it.
      type: str
      sample: 7.2.13-kho
    image:
      description: The path of the image.
      type: str
      sample: /boot/vmlinuz-7.2.13-kho
    uki:
      description: Whether that is a unified kernel image.
      type: bool
      sample: false
    initrds:
      description: The paths of the initrds in loading order.
      type: list
      elements: str
      sample: [/boot/initrd.img-7.2.13-kho]
    modules:
      description: The directory with its modules; V(null) when there is none.
      type: str
      sample: /usr/lib/modules/7.2.13-kho
    config:
      description: The path of its configuration; V(null) when there is none.
      type: str
      sample: /boot/config-7.2.13-kho
    found_in:
      description: What names it, C(boot), C(modules), C(bls:PATH) or C(grub:PATH).
      type: list
      elements: str
      sample: [boot]
    options:
      description: The command line of the boot loader's entry, for information only; V(null) without an entry.
      type: str
      sample: null
    chosen:
      description: Whether it is the target.
      type: bool
      sample: false
    code:
      description: Why it is not, for programs; V(null) for the target.
      type: str
      sample: not_latest
    message:
      description: Why it is not, for people; V(null) for the target.
      type: str
      sample: 7.2.13-kho is older than 7.3.4-kho, and the newest is wanted.
target:
  description: The target as it is installed; V(null) when none was found.
  returned: success
  type: dict
  contains:
    release:
      description: The release.
      type: str
      sample: 7.3.4-kho
    image:
      description: The path of the image.
      type: str
      sample: /boot/vmlinuz-7.3.4-kho
    uki:
      description: Whether that is a unified kernel image.
      type: bool
      sample: false
    initrds:
      description: The paths of the initrds in loading order.
      type: list
      elements: str
      sample: [/boot/initrd.img-7.3.4-kho]
    modules:
      description: The directory with its modules; V(null) when there is none.
      type: str
      sample: /usr/lib/modules/7.3.4-kho
    found_in:
      description: What names it, C(boot), C(modules), C(bls:PATH) or C(grub:PATH).
      type: list
      elements: str
      sample: [boot]
    command_line:
      description: The command line that the target gets.
      type: str
      sample: root=LABEL=root console=ttyS0 kho=on panic=10
    kernel:
      description:
        - What the image says of the kernel in it, V(null) for what is not known. V(null) as a whole when the image
          cannot be read.
        - C(learnt) says where each was learnt, C(obstacles) what stood in the way of the others.
      type: dict
      sample:
        format: bzimage
        architecture: x86_64
        release: 7.3.4-kho
        init_size: 15437824
        page_bytes: null
        build: '#1 SMP PREEMPT_DYNAMIC Sat Nov 21 08:55:12 UTC 2026'
        command_line_limit: 2047
        kho_built: true
        kho_default: false
        kho_abi: kho-v4
        luo_abi: luo-v5
        luo_built: true
        luo_handlers: [memfd-v2]
        metadata: true
        metadata_version: 1
        config: {CONFIG_KEXEC_HANDOVER: 'y'}
        signed: false
        learnt: {release: header, kho_abi: payload}
        obstacles: []
        uki: null
plan:
  description: What was decided.
  returned: success
  type: dict
  contains:
    action:
      description:
        - V(handover), the host would go to the target by a kexec, and the target would take the handover.
        - V(kexec), it would go there by a kexec without handover.
        - V(cold_boot), it would be cold-booted.
        - V(verify), the jump of an earlier run has happened and awaits its verdict.
        - V(none), the target already runs, and its transition, if it was judged in this boot, was accepted.
        - V(refuse), nothing would be done because of RV(plan.reasons).
      type: str
      sample: handover
    promise:
      description: What the target must report; V(null) with V(none) and V(refuse).
      type: dict
      contains:
        release:
          description: The release that must run.
          type: str
          sample: 7.3.4-kho
        previous_release:
          description: The release that it must say it was executed from; V(null) unless a handover is promised.
          type: str
          sample: 7.2.13-kho
        kexec_count:
          description: The number of handovers since the last cold boot that it must report.
          type: int
          sample: 1
        abi:
          description: The KHO ABI over which the running kernel hands over; V(null) when unknown.
          type: str
          sample: kho-v4
        how:
          description: How the target is reached, V(handover), V(kexec) (without handover) or V(cold_boot).
          type: str
          sample: handover
    reasons:
      description: Why this was decided. Of a refusal's reasons, the first is the one to act on.
      type: list
      elements: dict
      contains:
        code:
          description: Stable name of the reason, for programs.
          type: str
          sample: target_without_kho
        message:
          description: What was found, why it matters, and what to do.
          type: str
          sample: The target 7.3.4 was built without CONFIG_KEXEC_HANDOVER, as its config says.
    warnings:
      description:
        - What does not forbid the action and should be known, and why a better one is not possible, in the shape of
          RV(plan.reasons).
      type: list
      elements: dict
      sample: []
transition:
  description: >-
    The transition record of the host, in the shape that M(kho.kexec.kexec_image) returns; V(null) when there is none.
  returned: success
  type: dict
  sample:
    state: loaded
    left: {release: 7.2.13-kho}
    promise: {release: 7.3.4-kho, previous_release: 7.2.13-kho, kexec_count: 1}
timings:
  description: Where the time went, in the shape of RV(kho.kexec.kexec_image#module:timings).
  returned: success
  type: dict
  sample: {observing: 0.21, deciding: 0.001, health: 0.08, loading: 0.35, writing: 0.02, total: 0.9}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timings
from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import policy_of
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, time_of_day
from ansible_collections.kho.kexec.plugins.module_utils._transition.preview import preview


def main() -> None:
    module = AnsibleModule(argument_spec=policy_spec(), supports_check_mode=True)
    result = preview(LocalHost(), policy_of(module.params), RunIdentity(time_of_day()))
    module.exit_json(changed=False, **result, timings=timings())


if __name__ == "__main__":
    main()
