# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_reboot: takes its time, and returns the verdict that it is asked for."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

FORTH = {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1}
BACK = {"release": "7.2.13-kho", "previous_release": "7.3.4-kho", "kexec_count": 2}


def main() -> None:
    module = AnsibleModule(
        {"verdict": {"type": "str"}, "seconds": {"type": "float"}, "back": {"type": "bool", "default": False}}
    )
    word, promise = module.params["verdict"], BACK if module.params["back"] else FORTH
    time.sleep(module.params["seconds"])
    accepted = word == "handover_verified"
    verdict = {"verdict": word, "accepted": accepted, "reported": None if word == "unreachable" else promise}
    outcome = {"promise": promise, "verdict": verdict, "outage_seconds": 8.349, "rebooted": True}
    if accepted:
        module.exit_json(changed=True, **outcome)
    module.fail_json(f"The verdict is {word}.", code=word, **outcome)


if __name__ == "__main__":
    main()
