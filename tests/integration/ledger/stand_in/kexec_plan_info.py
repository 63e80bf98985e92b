# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_plan_info: takes its options, and keeps them as they came; an answer could not have them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec


def main() -> None:
    module = AnsibleModule(argument_spec=policy_spec(), supports_check_mode=True)
    Path(os.environ["KHO_TEST_OPTIONS"]).write_text(json.dumps(module.params), encoding="utf-8")
    module.exit_json(changed=False, plan={"action": "handover"})


if __name__ == "__main__":
    main()
