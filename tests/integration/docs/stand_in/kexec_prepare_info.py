# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_prepare_info on a host that lacks nothing but a cold boot."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

OPTIONS = (
    "panic",
    "scratch",
    "replace_arguments",
    "watchdog",
    "journal",
    "debugfs",
    "saved_default",
    "name_transition",
)
MISSING = {"code": "cold_boot_needed", "message": "Arguments are not in force.", "remedy": "cold_boot"}


def main() -> None:
    module = AnsibleModule({name: {"type": "raw"} for name in OPTIONS}, supports_check_mode=True)
    answer = {"ready": False, "missing": [MISSING], "packages": [], "arguments": [], "cold_boot_needed": True}
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
