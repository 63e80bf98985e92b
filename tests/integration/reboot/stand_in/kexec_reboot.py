# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the half of kexec_reboot that runs on the host, where there is no kernel to leave.

`leave` leaves a mark which makes tests/integration/reboot/world.py take the host away; with the environment's
`hold` it then never answers. `verify` says which boot it was asked in, and when.
"""

from __future__ import annotations

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
HOST = Path("/run/host")
PROMISE = {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1}


def leave(module: AnsibleModule) -> None:
    boot_id = BOOT_ID.read_text().strip()
    (HOST / "left").write_text(boot_id)
    (HOST / "leave").touch()
    if (HOST / "hold").exists():
        time.sleep(3600)
    module.exit_json(changed=True, boot_id=boot_id, promise=PROMISE, already_left=False, triggered=True)


def told_already(module: AnsibleModule) -> None:
    module.exit_json(changed=True, promise=PROMISE, already_left=False, triggered=False)


def verify(module: AnsibleModule) -> None:
    left = (HOST / "left").read_text()
    found = BOOT_ID.read_text().strip()
    word = "not_rebooted" if found == left else "handover_verified"
    # An answer has no other place for when it was asked.
    evidence = {"boot_id_left": left, "boot_id_found": found, "source": str(time.time())}
    module.exit_json(
        verdict={
            "verdict": word,
            "accepted": word == "handover_verified",
            "reason": None,
            "message": word,
            "promised": {},
            "reported": {},
            "evidence": evidence,
        }
    )


def main() -> None:
    phases = {"leave": leave, "leave_again": told_already, "verify": verify}
    module = AnsibleModule(
        {"phase": {"choices": list(phases)}, "timeout": {"type": "int"}, "run_identity": {"type": "dict"}}
    )
    phases[module.params["phase"]](module)


if __name__ == "__main__":
    main()
