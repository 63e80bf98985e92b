#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the kernel that a cold boot starts, or put back the default that was there before: boot_default."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_default
short_description: Choose the kernel that a cold boot starts
version_added: 0.1.0
description:
  - Makes an installed kernel the default of the boot loader. After a proven upgrade, that is the commit. Until then,
    every cold boot returns to the old kernel.
  - Selects the entry that starts exactly the release that is asked for, and stays the default when kernels are
    installed or removed. Entries that start another release, whose kernel's file is not there, and recovery modes are
    never selected.
  - Reads back what was set, and fails when it is not what was asked for.
  - What was the default before is recorded on the host, so O(state=restored) can put it back.
options:
  state:
    description:
      - With V(selected), O(release) becomes the default.
      - With V(restored), the default before the last change of this module is put back, and its record is removed. What
        was set then is put back as it was, unless it means another kernel by now; then the kernel that it meant is
        selected. Without a record nothing is changed, and RV(notes) says so.
    type: str
    choices: [selected, restored]
    default: selected
  release:
    description:
      - The release that a cold boot is to start, as C(uname -r) will show it. No glob.
      - Required with O(state=selected).
    type: str
notes:
  - GRUB on Debian, Ubuntu, SUSE and Arch is set by C(grub-set-default) (C(grub2-set-default)), and must start a saved
    default (C(GRUB_DEFAULT=saved) in C(/etc/default/grub)); otherwise the task is refused (C(saved_default_off)).
  - GRUB on Fedora and its relatives is set by C(grubby), and must start a saved default too.
  - systemd-boot is set by C(bootctl set-default).
  - The record is C(/var/lib/kho-kexec/boot_default.json). Each change replaces it, so restore a default only in the
    transition that changed it.
requirements:
  - GRUB with a menu that C(grub-mkconfig) made, or systemd-boot
  - root
seealso:
  - module: kho.kexec.kexec_image
  - module: kho.kexec.kexec_verdict_info
extends_documentation_fragment:
  - kho.kexec.attributes.action
  - action_common_attributes
  - action_common_attributes.conn
  - action_common_attributes.flow
attributes:
  diff_mode:
    support: full
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Commit the kernel that was proven
  kho.kexec.boot_default:
    release: 7.3.4-kho

- name: See what would change
  kho.kexec.boot_default:
    release: 7.3.4-kho
  check_mode: true
  diff: true

- name: Put back the default that was there before
  kho.kexec.boot_default:
    state: restored
"""

RETURN = r"""
loader:
  description: >-
    The boot loader, V(grub), V(grubby) (GRUB on Fedora and its relatives) or V(systemd-boot); V(null) when it is not
    known.
  returned: success, and when it could not be set
  type: str
  sample: grub
before:
  description: The default before the task.
  returned: success
  type: dict
  contains:
    entry:
      description: The boot loader's name of the entry; V(null) when it is not known.
      type: str
      sample: gnulinux-advanced-2040d0fa>gnulinux-7.2.13-kho-advanced-2040d0fa
    release:
      description: The kernel that it starts; V(null) when that is not known. RV(notes) says why then.
      type: str
      sample: 7.2.13-kho
after:
  description: The default after the task, in the shape of RV(before); in check mode, what it would be.
  returned: success, and when it could not be set
  type: dict
  sample:
    entry: gnulinux-advanced-2040d0fa>gnulinux-7.3.4-kho-advanced-2040d0fa
    release: 7.3.4-kho
recorded:
  description:
    - The default before the last change, which O(state=restored) would put back; V(null) when there is none.
    - C(setting) is what was written down, V(null) when nothing was; C(recorded) is the time.
  returned: success
  type: dict
  sample:
    loader: grub
    setting: gnulinux-advanced-2040d0fa>gnulinux-7.2.13-kho-advanced-2040d0fa
    entry: gnulinux-advanced-2040d0fa>gnulinux-7.2.13-kho-advanced-2040d0fa
    release: 7.2.13-kho
    recorded: '2026-11-22T15:00:00Z'
notes:
  description: What an operator should know, such as an entry that is started once, whatever the default is.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Stable name, for programs.
      type: str
      sample: boot_once_pending
    message:
      description: What was found, and what to do.
      type: str
      sample: The next boot alone is to start the entry memtest, whatever the default is.
diff:
  description: The default before and after.
  returned: success
  type: dict
  sample:
    before:
      entry: gnulinux-advanced-2040d0fa>gnulinux-7.2.13-kho-advanced-2040d0fa
      release: 7.2.13-kho
    after:
      entry: gnulinux-advanced-2040d0fa>gnulinux-7.3.4-kho-advanced-2040d0fa
      release: 7.3.4-kho
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: boot_entry_not_found
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import restore, select
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail, warn


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["selected", "restored"], "default": "selected"},
            "release": {"type": "str"},
        },
        required_if=[("state", "selected", ["release"])],
        supports_check_mode=True,
    )
    host, options = LocalHost(), module.params
    try:
        if options["state"] == "restored":
            result = restore(host, module.check_mode)
        else:
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            result = select(host, options["release"], now, module.check_mode)
    except KhoError as error:
        fail(module, error)
    warn(module, result["notes"])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
