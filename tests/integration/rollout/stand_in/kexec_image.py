# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_image: the target's name says what the host's answer is."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

POLICY = (
    *("allow_downgrade", "handover", "fallback", "on_unknown", "max_kexec_count", "denied_transitions", "accept"),
    *("crash_risks", "on_crash_risk", "crash_risk_threshold"),
    *("command_line_append", "command_line_replace", "command_line_remove", "claim_timeout", "run_identity"),
    "busy_timeout",
    "boot_default",
    "on_pending_firmware",
    "guard",
)
REFUSAL = {"action": "refuse", "reasons": [{"code": "kexec_disabled", "message": "It is off. Switch it on."}]}
PROMISE = {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1}
BACK = {"release": "7.2.13-kho", "previous_release": "7.3.4-kho", "kexec_count": 2}


def main() -> None:
    module = AnsibleModule(
        {
            "state": {"type": "str"},
            "release": {"type": "str"},
            "panic": {"type": "int"},
            **{name: {"type": "raw"} for name in POLICY},
        },
        supports_check_mode=True,
    )
    running = {"release": "7.2.13-kho"}
    if module.params["state"] == "unloaded":
        module.exit_json(changed=True, running=running, target=None, plan=None)
    if module.params["release"] == "refused":
        module.fail_json("It is refused.", code="kexec_disabled", running=running, plan=REFUSAL)
    if module.params["release"] == "previous" and module.params["panic"] == 0:
        module.exit_json(changed=False, running=running, target=running, plan={"action": "none", "promise": None})
    if module.params["release"] == "previous":
        plan = {"action": "handover", "promise": BACK}
        module.exit_json(changed=True, running={"release": "7.3.4-kho"}, target=running, plan=plan)
    if module.params["release"] == "staged":
        plan = {"action": "handover", "promise": PROMISE}
        staged = {"running": running, "target": {"release": "7.3.4-kho"}, "plan": plan, "uncommitted": False}
        module.exit_json(changed=True, **staged)
    target = {"release": "7.3.4-kho"}
    plan = {"action": "none", "promise": None}
    module.exit_json(changed=False, running=target, target=target, plan=plan, uncommitted=False)


if __name__ == "__main__":
    main()
