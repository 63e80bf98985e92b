#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a transition without ending it: kexec_verdict_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_verdict_info
short_description: Tell how the last transition of a host ended
version_added: 0.1.0
description:
  - Compares what was promised before the jump, as it is written down on the host, with what the running kernel reports.
  - A transition that M(kho.kexec.kexec_reboot) has closed keeps the verdict that it got then.
  - Changes nothing, so the transition stays open until M(kho.kexec.kexec_reboot) closes it.
notes:
  - Needs root to read the record and what the kernel was handed. Without root RV(verdict) is V(null).
seealso:
  - module: kho.kexec.kexec_image
  - module: kho.kexec.kexec_reboot
  - module: kho.kexec.kho_facts
extends_documentation_fragment:
  - kho.kexec.attributes
  - action_common_attributes
  - action_common_attributes.flow
attributes:
  check_mode:
    details: Changes nothing in any mode.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: See how the last transition ended
  kho.kexec.kexec_verdict_info:
  register: last

- name: Accept nothing but a proven handover
  ansible.builtin.assert:
    that: last.verdict is none or last.verdict.accepted
    fail_msg: "{{ last.verdict.message }}"
"""

RETURN = r"""
verdict:
  description: The verdict; V(null), with a note, when there is no record to judge.
  returned: success
  type: dict
  contains:
    verdict:
      description:
        - V(handover_verified), the target runs and reports exactly what a handover from the kernel that was left
          brings.
        - V(kexec_without_handover), a kexec happened and the metadata did not come through; RV(verdict.reason) says
          why.
        - V(cold_boot), the firmware ran, instead of a kexec or as promised.
        - V(rolled_back), the old kernel is back.
        - V(wrong_kernel), another release than the target runs.
        - V(wrong_previous_release), the target names another origin than the kernel that was left.
        - V(unexpected_count), the count is another one than was promised, because there were other kexecs in between.
        - V(not_rebooted), the host is still in the boot that it was to leave.
        - V(unhealthy), what was promised came true, but the host had new troubles when M(kho.kexec.kexec_reboot) judged
          it, or could not write down the verdict.
      type: str
      sample: handover_verified
    accepted:
      description: >-
        Whether the transition ended as promised, which is V(handover_verified), unless a kexec without handover or a
        cold boot was promised. A handover is accepted where only a kexec was promised.
      type: bool
      sample: true
    reason:
      description:
        - Why, where that is known to a program, otherwise V(null).
        - "With V(kexec_without_handover): V(kho_off), V(abi_mismatch), V(metadata_version), V(not_built),
          V(legacy_load), V(not_offered) or V(unknown)."
        - "With V(rolled_back): V(guard) when the guard gave the target up."
        - "With V(unhealthy): the code of the first trouble, or V(record_unwritable)."
        - "With V(wrong_kernel): V(kdump) when the host is saving a crash dump, V(boot_default) when a cold boot was
          promised and the boot loader started another kernel, V(other_build) when another build of the target runs,
          V(guard) when the guard gave the target up and the boot loader started a third kernel."
        - "With V(handover_verified): V(count_not_compared) when the count before was not known."
        - "With V(not_rebooted): V(boot_id_unknown) when the boot id cannot be read."
      type: str
      sample: null
    message:
      description: What was found, what may be behind it, and what to do.
      type: str
      sample: 7.3.4-kho runs and reports, as promised, that it was executed from 7.2.13-kho (count 1).
    promised:
      description: >-
        How the target was to be reached, the release, previous release and count that were promised, and the KHO ABI
        over which the kernel that was left hands over (V(null) when it was unknown).
      type: dict
      sample: {how: handover, release: 7.3.4-kho, previous_release: 7.2.13-kho, kexec_count: 1, abi: kho-v4}
    reported:
      description: What the kernel that runs now reports, and how and in which boot it was started.
      type: dict
      sample:
        release: 7.3.4-kho
        previous_release: 7.2.13-kho
        kexec_count: 1
        boot: handover
        boot_id: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11
    evidence:
      description: >-
        The boot ids, the release that was left, where the count was read, the build that runs (C(uname -v)), the notes
        of M(kho.kexec.kho_facts), and the new troubles (V(null) when the health was not compared).
      type: dict
      sample:
        boot_id_left: 14279335-2684-452e-8909-1f3ab862a53b
        release_left: 7.2.13-kho
        boot_id_found: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11
        source: debugfs
        build: '#1 SMP PREEMPT_DYNAMIC Sat Nov 21 08:55:12 UTC 2026'
        notes: []
        troubles: null
transition:
  description: The transition record, in the shape that M(kho.kexec.kexec_image) returns; V(null) when there is none.
  returned: success
  type: dict
  sample:
    state: loaded
    left: {release: 7.2.13-kho}
    promise: {release: 7.3.4-kho, previous_release: 7.2.13-kho, kexec_count: 1}
running:
  description: The running kernel, in the shape of C(ansible_facts.kho) of M(kho.kexec.kho_facts).
  returned: always
  type: dict
  sample: {release: 7.2.13-kho, boot: cold, previous_release: null, kexec_count: 0, abi: kho-v4, enabled: true}
notes:
  description: Why there is no verdict; empty when there is one.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: V(record_absent), V(container) or V(not_root).
      type: str
      sample: record_absent
    message:
      description: What was found, why it matters, and what to do.
      type: str
      sample: There is no transition record, so nothing was promised and nothing can be judged.
  sample: []
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: record_unreadable
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import look


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        result = look(LocalHost())
    except KhoError as error:
        fail(module, error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
