#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep arguments on the command line that the boot loader gives kernels: kernel_arguments."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_arguments
short_description: Keep kernel arguments in the boot loader's configuration
version_added: 0.1.0
description:
  - Makes the boot loader give arguments to all kernels, now and to those that are installed later. They come into force
    with the next cold boot.
  - "With Debian's and Ubuntu's GRUB they are in a file of their own, C(/etc/default/grub.d/kho-kexec.cfg), and
    C(update-grub) runs."
  - With C(grubby) (Fedora, RHEL), it edits all entries.
  - With systemd-boot they are in C(/etc/kernel/cmdline), and C(kernel-install add) runs for each kernel.
  - Nothing is done when the entry of the running kernel has them already, no matter who put them there.
  - Afterwards the entry is read again. When it is not as it should be, or a program failed, all files are put back as
    they were.
options:
  arguments:
    description:
      - The arguments, such as C(panic=10) or C(quiet), each without quotes and blanks. Of each parameter only one value
        counts, so this is not for those that may be given several times, such as C(console=).
      - With O(state=absent), a parameter's name alone means any value.
    type: list
    elements: str
    required: true
  state:
    description:
      - With V(present), the arguments are there. Another value of the same parameter no longer counts.
      - With V(absent), they are not. With GRUB this takes away only what this module put there, and is refused when
        somebody else put it there too.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - root
seealso:
  - module: kho.kexec.kexec_prepare_info
extends_documentation_fragment:
  - kho.kexec.attributes
  - action_common_attributes
  - action_common_attributes.flow
attributes:
  diff_mode:
    support: full
    details: Shows the command line of one entry, an argument a line.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Have Kexec HandOver on from the next cold boot on
  kho.kexec.kernel_arguments:
    arguments: [kho=on, "kho_scratch=16M,116M,36M"]
  become: true

- name: Take an argument away, whatever its value
  kho.kexec.kernel_arguments:
    arguments: [kho_scratch]
    state: absent
  become: true
"""

RETURN = r"""
loader:
  description: What keeps the arguments on this host, V(grub), V(grubby) or V(systemd-boot).
  returned: success
  type: str
  sample: grub
release:
  description: The kernel release whose entry was looked at.
  returned: success
  type: str
  sample: 7.3.4-kho
command_line:
  description: The command line that its entry has now, or in check mode would have.
  returned: success
  type: str
  sample: root=UUID=2040d0fa-9f61-4a72-bf79-3cadb6fa78a4 ro kho=on panic=10
diff:
  description: The command line before and after, one argument on each line.
  returned: success
  type: dict
  sample: {before: "root=LABEL=root\n", after: "root=LABEL=root\nkho=on\n"}
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: boot_loader_update_failed
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.arguments import ABSENT, PRESENT, keep_arguments
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "arguments": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": [PRESENT, ABSENT], "default": PRESENT},
        },
        supports_check_mode=True,
    )
    try:
        result = keep_arguments(LocalHost(), module.params["arguments"], module.params["state"], module.check_mode)
    except KhoError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
