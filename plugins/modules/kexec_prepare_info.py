#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether upgrades with handover work on a host, and what it lacks: kexec_prepare_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_prepare_info
short_description: Say what a host lacks for kernel upgrades with handover
version_added: 0.1.0
description:
  - Looks at the running kernel, the installed kernels, the boot loader, and the system, and says what is missing, why
    it matters, and who deals with it. The role P(kho.kexec.kexec_prepare#role) is what deals with most of it.
  - Changes nothing, and needs one round trip.
options:
  panic:
    description: Seconds for C(panic=), where the command line has none. With V(0), it does not matter.
    type: int
    default: 10
  scratch:
    description:
      - The value of C(kho_scratch=), which are the sizes of scratch areas below 4 GiB, anywhere, and on each NUMA node.
      - With V(auto), it is computed from the largest kernel and initrd that are installed, the host's memory and its
        crash kernel, where the command line has none.
      - With V(kernel), the kernel decides how much it reserves.
    type: str
    default: auto
  watchdog:
    description: Whether a hardware watchdog, where there is one, has to count on over a kexec.
    type: bool
    default: true
  journal:
    description: Whether the journal has to outlive a boot.
    type: bool
    default: true
  debugfs:
    description: Whether debugfs has to be mounted.
    type: bool
    default: true
  saved_default:
    description: Whether GRUB, where it is the boot loader, has to start a saved default.
    type: bool
    default: true
  replace_arguments:
    description: Whether existing values of C(panic=), C(kho_scratch=) and C(watchdog.stop_on_reboot=) are replaced.
    type: bool
    default: false
  name_transition:
    description:
      - Whether the host has to write into its kernel's log, at each boot, how that was started. The record of a crash
        then names the transition.
    type: bool
    default: false
requirements:
  - root
seealso:
  - module: kho.kexec.kernel_arguments
  - module: kho.kexec.kexec_plan_info
extends_documentation_fragment:
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
- name: Ask what the host lacks
  kho.kexec.kexec_prepare_info:
  become: true
  register: seen

- name: Show it
  ansible.builtin.debug:
    msg: "{{ seen.missing | map(attribute='message') }}"
"""

RETURN = r"""
running:
  description: The running kernel, in the shape of C(ansible_facts.kho) of M(kho.kexec.kho_facts).
  returned: success
  type: dict
  sample: {release: 7.2.13-kho, boot: cold, previous_release: null, kexec_count: 0, abi: kho-v4, enabled: true}
ready:
  description: Whether nothing is missing.
  returned: success
  type: bool
  sample: false
missing:
  description: What is missing, in the order in which one would deal with it.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Stable name of what is missing, for programs.
      type: str
      sample: kernel_arguments_missing
    message:
      description: What was found, why it matters, and what to do.
      type: str
      sample: The boot loader does not give the kernel kho=on
    remedy:
      description:
        - Who deals with it, V(packages), V(kernel_arguments), V(debugfs), V(journal), V(saved_default) and
          V(name_transition) are parts of the role, V(cold_boot) is done by the role if that is allowed, and for
          V(operator) the operator has to act.
      type: str
      sample: kernel_arguments
packages:
  description: The packages to install.
  returned: success
  type: list
  elements: str
  sample: [kexec-tools]
arguments:
  description: The arguments that the boot loader has to give kernels.
  returned: success
  type: list
  elements: dict
  contains:
    argument:
      description: The argument.
      type: str
      sample: kho_scratch=16M,116M,36M
    why:
      description: What it is needed for.
      type: str
      sample: Switches Kexec HandOver on.
    configured:
      description: Whether the boot loader gives it.
      type: bool
      sample: false
    awaits_boot:
      description: Whether the running kernel lacks what it provides, which only a cold boot changes.
      type: bool
      sample: true
cold_boot_needed:
  description: Whether arguments take effect only after a cold boot, whether or not they are configured yet.
  returned: success
  type: bool
  sample: true
loader:
  description: What keeps kernel arguments, V(grub), V(grubby) or V(systemd-boot); V(null) when that is not known.
  returned: success
  type: str
  sample: grub
default_entry:
  description:
    - The entry to save (C(grub-set-default)) before GRUB is told to start a saved default, so the next boot starts
      the kernel that it would start now. V(null) when there is nothing to do, or when it cannot be told.
  returned: success
  type: str
  sample: gnulinux-advanced-2040d0fa>gnulinux-7.2.13-kho-advanced-2040d0fa
memory:
  description:
    - What the scratch memory of Kexec HandOver takes in bytes, and what C(/proc/meminfo) tells of memory that is lent
      out as it is (C(CmaTotal), C(CmaFree)); V(null) for what is not known.
    - C(pinning_drivers) are loaded drivers that pin memory of programs for long, which is not possible in it.
  returned: success
  type: dict
  sample: {scratch_bytes: 197132288, cma_total_bytes: 0, cma_free_bytes: 190840832, pinning_drivers: []}
notes:
  description: What an operator should know, each with C(code) and C(message).
  returned: success
  type: list
  elements: dict
  sample: []
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: not_root
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail
from ansible_collections.kho.kexec.plugins.module_utils._prepare.arguments import COMPUTED, Wishes
from ansible_collections.kho.kexec.plugins.module_utils._prepare.readiness import assess


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "panic": {"type": "int", "default": 10},
            "scratch": {"type": "str", "default": COMPUTED},
            "watchdog": {"type": "bool", "default": True},
            "journal": {"type": "bool", "default": True},
            "debugfs": {"type": "bool", "default": True},
            "saved_default": {"type": "bool", "default": True},
            "replace_arguments": {"type": "bool", "default": False},
            "name_transition": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    wishes = Wishes(replace=options.pop("replace_arguments"), **options)
    try:
        assessment = assess(LocalHost(), wishes)
    except KhoError as error:
        fail(module, error)
    module.exit_json(changed=False, **assessment.as_result())


if __name__ == "__main__":
    main()
