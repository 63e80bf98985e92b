# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for what kexec_reboot runs on the host: it does not leave, since packages are being installed."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

OPTIONS = (
    *("phase", "timeout", "run_identity", "shutdown_timeout", "rollback_timeout", "guard_timeout", "busy_timeout"),
    *("health", "health_ignore", "health_commands", "health_command_timeout", "health_soak"),
    *("health_own_troubles", "window", "commit"),
)


def main() -> None:
    module = AnsibleModule({name: {"type": "raw"} for name in OPTIONS})
    module.fail_json("Packages are being installed.", code="packages_locked", rebooted=False)


if __name__ == "__main__":
    main()
