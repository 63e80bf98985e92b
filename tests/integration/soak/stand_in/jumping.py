# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_reboot: the host jumps as it was promised, or as often as its file says (`lost_at`) does not.

A handover from a kernel of `crashes_from` ends in that kernel, which the firmware has started.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

OPTIONS = (
    *("timeout", "rollback_timeout", "guard_timeout", "shutdown_timeout", "health", "health_ignore", "health_commands"),
    *("health_command_timeout", "health_soak", "health_own_troubles", "window", "commit", "busy_timeout"),
    *("wait", "left"),
)


def main() -> None:
    module = AnsibleModule({name: {"type": "raw"} for name in OPTIONS})
    place = Path(os.environ["SIMULATED_HOST"])
    state = json.loads(place.read_text())
    promise = state.pop("promise")
    is_cold, left_release = promise["how"] == "cold_boot", state["release"]
    state["jumps"].append([left_release, promise["release"]])
    crashes = not is_cold and left_release in state.get("crashes_from", [])
    accepted = not crashes and len(state["jumps"]) != state.get("lost_at")
    count = promise["kexec_count"] if accepted else 0
    left, found = (str(uuid.UUID(int=len(state["jumps"]) + number)) for number in (0, 1))
    runs = left_release if crashes else promise["release"]
    origin = promise["previous_release"]
    boot = {"boot_id": found, "release": runs, "previous_release": origin if count else None, "kexec_count": count}
    boot.update(boot="handover" if count else "cold", evidence=["it answers"])
    boots = [*state.get("boots", []), boot]
    place.write_text(
        json.dumps({**state, "release": runs, "count": count, "boot_id": found, "origin": origin, "boots": boots})
    )
    reported = {**promise, "release": runs, "kexec_count": count, "boot_id": found}
    fine = "cold_boot" if is_cold else "handover_verified"
    word = fine if accepted else "rolled_back" if crashes else "unexpected_count"
    evidence = {"boot_id_left": left, "boot_id_found": found}
    verdict = {
        **{"verdict": word, "accepted": accepted, "promised": promise, "reported": reported},
        **{"reason": None, "evidence": evidence},
    }
    outcome = {
        **{"promise": promise, "verdict": verdict, "outage_seconds": 8.349, "rebooted": True},
        **{"boot_id_before": left, "boot_id_after": found},
    }
    if accepted:
        module.exit_json(changed=True, commit={"changed": False}, **outcome)
    module.fail_json(f"The verdict is {word}.", code=word, **outcome)


if __name__ == "__main__":
    main()
