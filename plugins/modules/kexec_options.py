#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_options
short_description: Check the options of a role for many hosts
version_added: 0.1.0
description:
  - Fails on a host where a variable of a role of this collection is not what the role's specification wants, or is
    named like one and is none, before anything is done there. The roles begin
    with it, or have M(kho.kexec.kexec_image) do the same before it asks the host.
  - Ansible checks the same by itself before a role, unless it is told C(rolespec_validate=false). It puts the whole
    specification into the result for each host, and keeps all results until the last host is checked. With thousands
    of hosts in a batch the controller grows by hundreds of MiB, and each process that it forks for the tasks after
    that takes longer.
options:
  role:
    description:
      - Whose options are checked.
    type: str
    choices: [kexec_upgrade, kexec_prepare, kexec_report, kexec_soak, kho_fact_script]
    default: kexec_upgrade
  entry_point:
    description:
      - Which of the role's entry points is to run.
    type: str
    choices: [main, preflight, stage, transition, verify, commit, rollback, bisect]
    default: main
notes:
  - Runs on the controller, and asks no host.
seealso:
  - module: ansible.builtin.validate_argument_spec
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  diff_mode:
    details: Changes nothing.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Check the options of this host
  kho.kexec.kexec_options:
    role: kexec_prepare
"""

RETURN = r"""
code:
  description: V(options_invalid), when an option is invalid; V(option_unknown), when there is no such option.
  returned: failure
  type: str
  sample: options_invalid
errors:
  description: What is wrong, one sentence for each option.
  returned: when an option is invalid
  type: list
  elements: str
  sample: ["value of kexec_upgrade_guard must be one of: require, prefer, off, got: of"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import ROLE_OPTIONS, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=ROLE_OPTIONS, supports_check_mode=True)
    fail(module, without_controller("kexec_options", "knows the variables"))


if __name__ == "__main__":
    main()
