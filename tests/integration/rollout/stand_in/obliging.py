# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for what the role asks of a host around the jump: kexec_guard, boot_default, kexec_commit."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

OPTIONS = (
    *("state", "confirm_timeout", "required", "watchdog", "watchdog_timeout"),
    *("release", "boot_default", "accept", "run_identity"),
)


def main() -> None:
    module = AnsibleModule({name: {"type": "raw"} for name in OPTIONS}, supports_check_mode=True)
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
