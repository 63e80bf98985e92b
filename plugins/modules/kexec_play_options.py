#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_play_options
short_description: Settle the options of a whole play, wherever they were set
version_added: 0.1.0
description:
  - Some options of the playbooks of this collection are not a host's, such as the sizes of the waves. They may be set
    by C(--extra-vars), as variables of C(import_playbook), or in the inventory, in this order of precedence.
  - Looks up what each of them is, and fails before any host is asked when hosts do not agree on one, or when no host is
    matched.
  - Each playbook of this collection has a first play with it. The play after that has what was settled, in check mode
    too. The lookup P(kho.kexec.play_options#lookup) takes it to where that play is made.
options:
  playbook:
    description:
      - Whose options these are.
    type: str
    required: true
    choices: [kexec_upgrade, kexec_rollback, kexec_prepare, kexec_report, kexec_soak, kexec_soak_bisect, kexec_facts]
  part:
    description:
      - Which options are returned. V(addresses) are those that can hold a password, so use C(no_log) with it, and
        V(options) all others. What is settled is the same.
    type: str
    choices: [options, addresses]
    default: options
notes:
  - What hosts report as facts is not looked at.
  - Runs on the controller, once for the whole play, and asks no host.
seealso:
  - plugin: kho.kexec.play_options
    plugin_type: lookup
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  bypass_host_loop:
    support: full
  diff_mode:
    details: Changes nothing.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Settle what holds for all hosts
  kho.kexec.kexec_play_options:
    playbook: kexec_upgrade
  register: settled
  run_once: true
"""

RETURN = r"""
options:
  description: The value of each option, by its name.
  returned: success
  type: dict
  sample:
    kexec_upgrade_hosts: web
    kexec_upgrade_waves: canary
hooks:
  description: Where each task file of the operator is that the play or a host names, by the path that was given.
  returned: success, unless O(part=addresses)
  type: dict
  sample: {drain.yml: /srv/fleet/drain.yml}
began:
  description: When this was settled, in seconds since 1970.
  returned: success, unless O(part=addresses)
  type: int
  sample: 1795392000
terms:
  description: The target, the policy and the budget, which all runs must have in common that share a rollout.
  returned: success of the playbook kexec_upgrade with C(kexec_upgrade_rollout), unless O(part=addresses)
  type: dict
  sample: {kexec_upgrade_target: 7.3.4-kho, kexec_upgrade_handover: require, kexec_upgrade_max_failed: 3}
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: play_options_differ
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import PLAY_OPTIONS, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=PLAY_OPTIONS, supports_check_mode=True)
    fail(module, without_controller("kexec_play_options", "knows the variables"))


if __name__ == "__main__":
    main()
