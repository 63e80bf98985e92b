# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_image and kexec_plan_info: a host with some kernels, kept in a file (SIMULATED_HOST).

Of those that are `without_kho`, the image says so. A kexec that is denied becomes a cold boot, where that will do.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

INSTALLED = ("7.2.13-kho", "7.3.4-kho")
OPTIONS = (
    *("allow_downgrade", "handover", "fallback", "on_unknown", "max_kexec_count", "denied_transitions", "accept"),
    *("crash_risks", "on_crash_risk", "crash_risk_threshold", "command_line_append", "command_line_replace"),
    *("command_line_remove", "claim_timeout", "run_identity", "busy_timeout", "boot_default", "on_pending_firmware"),
    *("guard", "state", "panic", "window"),
)


def refused(code: str) -> dict[str, object]:
    return {"action": "refuse", "promise": None, "reasons": [{"code": code, "message": "It is refused."}]}


def main() -> None:
    module = AnsibleModule(
        {"release": {"type": "str"}, **{name: {"type": "raw"} for name in OPTIONS}}, supports_check_mode=True
    )
    place = Path(os.environ["SIMULATED_HOST"])
    state = json.loads(place.read_text())
    running = {"release": state["release"], "kexec_count": state["count"]}
    if module.params["state"] == "unloaded":
        module.exit_json(changed=True, running=running, target=None, plan=None)
    installed = state.get("installed", INSTALLED)
    wanted = module.params["release"]
    wanted = state["release"] if wanted == "running" else wanted
    loads = module.params["claim_timeout"] is not None
    if wanted == "previous" or wanted not in installed or state.get("kho") is False:
        code = "running_without_kho" if state.get("kho") is False else "target_not_found"
        if loads:
            module.fail_json("It is refused.", code=code, running=running, plan=refused(code))
        module.exit_json(changed=False, running=running, target=None, plan=refused(code))
    is_cold = bool(module.params["denied_transitions"]) and module.params["fallback"] == "cold_boot"
    promise = {
        **{"how": "cold_boot" if is_cold else "handover", "release": wanted},
        "previous_release": None if is_cold else state["release"],
        "kexec_count": 0 if is_cold else state["count"] + 1,
    }
    is_again = wanted == state["release"] and module.params["release"] != "running"
    plan = {"action": "none" if is_again else promise["how"], "promise": None if is_again else promise, "reasons": []}
    if loads and not is_again:
        place.write_text(json.dumps({**state, "promise": promise}))
    target = {"release": wanted, "kernel": {"kho_built": wanted not in state.get("without_kho", [])}}
    module.exit_json(changed=loads, running=running, target=target, plan=plan, uncommitted=False)


if __name__ == "__main__":
    main()
