# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_history_info: the first console log is the history, and the cursor grows with each run."""

from __future__ import annotations

import json

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        {"after_cursor": {"type": "str"}, "console_logs": {"type": "list", "elements": "path"}},
        supports_check_mode=True,
    )
    with open(module.params["console_logs"][0]) as file:
        history = json.load(file)
    cursor = f"{module.params['after_cursor'] or ''}+"
    module.exit_json(changed=False, **{**history, "cursor": cursor, "notes": []})


if __name__ == "__main__":
    main()
