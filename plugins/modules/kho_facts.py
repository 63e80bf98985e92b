#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kho_facts
short_description: Say how the running kernel was started
version_added: 0.1.0
description:
  - Since Linux 7.1 a kernel with Kexec HandOver (KHO) tells the kernel that it starts two things, its own release,
    and how many handovers in a row there have been since the last cold boot. This module reads what the running
    kernel was told, and what it will tell the next one.
  - It works on every Linux host, also without KHO, without root, in containers, and on old kernels. What cannot be
    learned is V(null), with a note in RV(ansible_facts.kho.notes) that says what stood in the way. It never guesses,
    and it never fails because something is absent.
  - Sources are asked in order of trust, first debugfs, then the kernel's log, then the journal of this boot. Where
    two of them disagree, a note says so.
notes:
  - Run it as root (C(become=true)). Without root only the kind of boot, the release and what is loaded can usually be
    learned.
  - Reads what another kernel left in memory, so every length is checked, and all text is reduced to printable ASCII.
  - Fits C(ansible_facts_modules), see the examples. Set C(ansible_facts_parallel=false) beside it, since ansible-core
    otherwise gathers the facts of several modules in the background, which is slower.
  - In C(ansible_facts_modules), ansible-core runs the module without its action plugin, so what the host answers is not
    checked. Where hosts are not trusted, use it as a task.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
extends_documentation_fragment:
  - kho.kexec.attributes
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
  - ansible.builtin.action_common_attributes.facts
attributes:
  check_mode:
    details: Reads only, so it does the same with and without check mode.
  diff_mode:
    support: N/A
    details: Changes nothing.
  facts:
    support: full
options: {}
"""

EXAMPLES = r"""
- name: Ask the kernel how it was started
  kho.kexec.kho_facts:
  become: true

- name: Show hosts that reached their kernel in more than ten handovers
  ansible.builtin.debug:
    msg: "{{ ansible_facts.kho.kexec_count }} handovers, the last one from {{ ansible_facts.kho.previous_release }}"
  when: ansible_facts.kho.kexec_count is not none and ansible_facts.kho.kexec_count > 10

# In group_vars/all.yml, so plain "gather_facts: true" brings ansible_facts.kho too:
#
# ansible_facts_modules:
#   - ansible.builtin.setup
#   - kho.kexec.kho_facts
# ansible_facts_parallel: false
"""

RETURN = r"""
ansible_facts:
  description: The facts, to be found in plays as C(ansible_facts.kho).
  returned: always
  type: dict
  contains:
    kho:
      description: What the running kernel says of itself.
      returned: always
      type: dict
      contains:
        release:
          description: The running kernel's release, as C(uname -r) shows it. V(null) when F(/proc) does not tell.
          returned: always
          type: str
          sample: 7.3.4-kho
        boot_id:
          description: The id of this boot, which differs at each boot. V(null) when F(/proc) does not tell.
          returned: always
          type: str
          sample: 14279335-2684-452e-8909-1f3ab862a53b
        boot:
          description:
            - How this kernel was started.
            - V(cold) by a boot loader or the firmware.
            - V(kexec) by another kernel, without data of KHO, or with data that this kernel refused, which a note with
              the code C(handover_refused) then says.
            - V(handover) by another kernel, with data of KHO that this kernel accepted.
            - V(kdump) by a crash, to save a dump.
            - V(unknown) when the sources do not tell.
          returned: always
          type: str
          choices: [cold, kexec, handover, kdump, unknown]
          sample: handover
        previous_release:
          description: >-
            The release of the kernel that handed over. V(null) when there was no handover, or it brought
            no record.
          returned: always
          type: str
          sample: 7.2.13-kho
        kexec_count:
          description:
            - The number of consecutive handovers since the last cold boot, which is the length of the chain.
            - V(0) after a cold boot, and after a kexec without handover, which begins a new chain. V(null) when it
              cannot be known.
          returned: always
          type: int
          sample: 1
        source:
          description: >-
            What told RV(ansible_facts.kho.previous_release) and RV(ansible_facts.kho.kexec_count), or
            that there is no record.
          returned: always
          type: str
          choices: [debugfs, kernel_log, journal, none]
          sample: debugfs
        next:
          description: >-
            The outgoing record, which the next kernel will be told. V(null) when there is none or only
            root may see it.
          returned: always
          type: dict
          contains:
            previous_release:
              description: The release that the next kernel will name as the one before it.
              returned: when there is an outgoing record
              type: str
              sample: 7.3.4-kho
            kexec_count:
              description: The count that the next kernel will report.
              returned: when there is an outgoing record
              type: int
              sample: 2
        built:
          description: Whether the kernel is built with C(CONFIG_KEXEC_HANDOVER). V(null) when unknown.
          returned: always
          type: bool
          sample: true
        enabled:
          description: Whether KHO is active in this boot. V(null) when unknown.
          returned: always
          type: bool
          sample: true
        abi:
          description: >-
            The version of the KHO ABI of this kernel. A handover happens only between kernels of the same version.
            V(null) when unknown.
          returned: always
          type: str
          sample: kho-v4
        luo_abi:
          description: >-
            The version of this kernel's live update (LUO) ABI. V(null) when live update is off, or
            unknown.
          returned: always
          type: str
          sample: luo-v5
        subtrees:
          description: The names of what was handed over to this kernel.
          returned: always
          type: list
          elements: str
          sample: [kexec-metadata]
        scratch_bytes:
          description: >-
            The memory that KHO keeps free for the next kernel, in bytes. V(null) when there is none, or
            unknown.
          returned: always
          type: int
          sample: 268435456
        largest_scratch_bytes:
          description: >-
            The size of the largest area of that memory, in bytes. The next kernel must fit into one area, and so must
            its initrd. V(null) when there is none, or unknown.
          returned: always
          type: int
          sample: 201326592
        cma_total_bytes:
          description:
            - The memory that is kept for large allocations, in bytes, as C(CmaTotal) of F(/proc/meminfo) tells it.
            - Scratch memory is lent out in the same way. Programs may use it, and nothing in it can be pinned for long.
              The kernel does not count all of it here. V(null) when the kernel has none (C(CONFIG_CMA)), or does not
              tell.
          returned: always
          type: int
          sample: 0
        cma_free_bytes:
          description: >-
            The part of it that nothing uses now, in bytes, scratch memory included, as C(CmaFree) of F(/proc/meminfo)
            tells it. V(null) when the kernel has none, or does not tell.
          returned: always
          type: int
          sample: 190840832
        image_loaded:
          description: Whether a kernel is loaded for the next kexec. V(null) when the kernel does not tell.
          returned: always
          type: bool
          sample: false
        crash_image_loaded:
          description: Whether a kernel is loaded for a crash. V(null) when the kernel does not tell.
          returned: always
          type: bool
          sample: false
        notes:
          description: >-
            What an operator should know, and what stood in the way of what is unknown. Empty when all is
            well.
          returned: always
          type: list
          elements: dict
          contains:
            code:
              description: A name for programs, which stays the same from release to release.
              returned: always
              type: str
              sample: handover_refused
            message:
              description: A sentence for people.
              returned: always
              type: str
              sample: >-
                The previous kernel offered a handover and this kernel did not take it, so what it handed over,
                and the history of the chain, are lost.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    running = observe_running(LocalHost())
    module.exit_json(changed=False, ansible_facts={"kho": running.as_facts()})


if __name__ == "__main__":
    main()
