# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kernel_health_info, as the host's file says.

The kernel warns from a chain of `warns_from` on, and after a kernel of `warns_after`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule({name: {"type": "raw"} for name in ("ignore", "commands", "command_timeout")})
    state = json.loads(Path(os.environ["SIMULATED_HOST"]).read_text())
    warns = state["count"] >= state.get("warns_from", 10**6) or state.get("origin") in state.get("warns_after", [])
    troubles = [{"code": "kernel_warning", "new": True, "message": "It warns."}] if warns else []
    module.exit_json(changed=False, healthy=not warns, troubles=troubles, boot_id=state.get("boot_id"))


if __name__ == "__main__":
    main()
