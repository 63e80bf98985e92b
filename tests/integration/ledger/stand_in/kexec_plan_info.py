# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_plan_info: takes its options, and returns them as they came."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec


def main() -> None:
    module = AnsibleModule(argument_spec=policy_spec(), supports_check_mode=True)
    module.exit_json(changed=False, plan={"action": "handover"}, options=module.params)


if __name__ == "__main__":
    main()
