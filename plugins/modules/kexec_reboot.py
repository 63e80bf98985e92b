#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jump to the staged kernel and prove it: kexec_reboot. This is the half that runs on the managed host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_reboot
short_description: Jump to the staged kernel and prove the handover
version_added: 0.1.0
description:
  - Tells the host to leave its kernel for the one that M(kho.kexec.kexec_image) staged, waits for the new kernel, and
    asks it for the verdict.
  - The task succeeds only when what M(kho.kexec.kexec_image) promised came true, which is V(handover_verified) unless
    its options allow a kexec without handover or a cold boot. With every other verdict, and for a host that does not
    come back, it fails and RV(verdict) and RV(msg) say what was found. A lost host is failed too, never unreachable,
    so that C(max_fail_percentage) and C(rescue) see it.
  - The guard is disarmed as soon as what was promised came true. Such a kernel stays, however long other hosts are
    waited for until the commit.
  - One task does all of it. With O(wait=false) and O(left) it is done by two, and M(kho.kexec.kexec_await) waits
    between them.
  - It can be run again after the controller was lost. When the host has left already, it only asks for the verdict.
  - No SSH session is kept over the jump. The wait goes by the banner of the host's SSH port, where that can be reached
    directly, or through the jump hosts of C(ProxyJump) without a password, where each look is a login there. Otherwise
    it goes by short SSH sessions.
options:
  timeout:
    description: Seconds from the trigger to the verdict, for everything together. At least V(1).
    type: int
    default: 600
  rollback_timeout:
    description:
      - Seconds that a cold boot of the host may take. When nobody has answered within O(timeout) and
        M(kho.kexec.kexec_guard) is armed, the wait goes on for the time after which the guard gives the target up, and
        for these. Only then the verdict is V(unreachable).
    type: int
    default: 600
  guard_timeout:
    description:
      - Seconds that M(kho.kexec.kexec_guard) waits at most. Nothing that a host says of its guard makes the controller
        wait for longer.
    type: int
    default: 3600
  shutdown_timeout:
    description:
      - Seconds after which services that have not stopped are killed, so one that refuses to stop cannot hold the
        host between the two kernels. O(timeout) must exceed it by 30 at least. What was denied is never forced.
      - V(0) waits for as long as systemd does. With V(-1), 180 at most, and 60 less than O(timeout).
    type: int
    default: -1
  window:
    description:
      - When hosts may be left, as O(kho.kexec.kexec_gate#module:window) describes it. Outside, the task fails with
        the code V(window_closed), and the host is not left. Waiting for a host that has left needs no window, so leave
        it out for a transition that awaits its verdict.
    type: raw
  wait:
    description:
      - With V(false), the task ends when the host was told to leave, and the result has RV(left) and no verdict. A host
        that is waited for keeps a process of the controller (C(forks)) busy. So for more hosts than there are forks,
        have all leave, wait for all of them together with M(kho.kexec.kexec_await), and then ask for the verdicts with
        O(left).
    type: bool
    default: true
  left:
    description:
      - RV(left) of a task with O(wait=false) on this host, in the same run. The host is not told to leave, but waited
        for, and judged. O(timeout) counts from when it was told.
      - With O(wait=false), it is asked once. When it has not come back, the result has RV(left) again, and no verdict.
      - Without it, and when it is empty, the host is told to leave first.
    type: dict
  commit:
    description:
      - Keeps a kernel whose verdict is accepted, as M(kho.kexec.kexec_commit) does with these options, in the same
        round trip. When that fails, the task fails with its code, and RV(verdict) stays what it is.
      - Without it, and without a verdict, nothing is committed.
    type: dict
    suboptions:
      boot_default:
        description: As O(kho.kexec.kexec_commit#module:boot_default).
        type: str
        choices: [require, prefer, never]
        default: require
      release:
        description: As O(kho.kexec.kexec_commit#module:release).
        type: str
      accept:
        description: As O(kho.kexec.kexec_commit#module:accept).
        type: list
        elements: str
        default: []
  health:
    description:
      - Whether the new kernel's health is compared with what it was when M(kho.kexec.kexec_image) staged the target. A
        transition that came true, and brought new troubles, has the verdict V(unhealthy).
    type: bool
    default: true
  health_ignore:
    description:
      - Codes of troubles, as M(kho.kexec.kernel_health_info) names them, that are none here.
    type: list
    elements: str
    default: []
  health_commands:
    description:
      - Programs of your own with their arguments, which are run on the new kernel as root, without a shell. One that
        does not end with 0 is a trouble.
    type: list
    elements: list
    default: []
  health_command_timeout:
    description:
      - Seconds that each of O(health_commands) may take.
    type: int
    default: 30
  health_soak:
    description: Seconds for which the new kernel is watched before it is judged. Not part of O(timeout).
    type: int
    default: 0
  phase:
    description: What the controller's half of this action has the host do. A task cannot set it.
    type: str
    choices: [leave, leave_again, verify]
notes:
  - Needs SSH (C(ansible_connection=ssh)), systemd on the host, and root.
  - Services are stopped in order, by C(systemctl kexec). When a cold boot was promised, by C(systemctl reboot) with
    C(SYSTEMCTL_SKIP_AUTO_KEXEC=1), so the firmware runs.
  - Do not use C(ansible.builtin.reboot) for this. It succeeds too when the firmware started the host.
seealso:
  - module: kho.kexec.kexec_await
  - module: kho.kexec.kexec_image
  - module: kho.kexec.kexec_verdict_info
extends_documentation_fragment:
  - kho.kexec.busy
  - kho.kexec.claim
  - kho.kexec.own_troubles
  - kho.kexec.attributes.action
  - action_common_attributes
  - action_common_attributes.conn
  - action_common_attributes.flow
attributes:
  check_mode:
    description: Says what it would do. The host is not asked.
  delegation:
    support: none
    details: The jump belongs to the host itself.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Stage the newest installed kernel
  kho.kexec.kexec_image:
  register: staged

- name: Jump, and prove it
  kho.kexec.kexec_reboot:
    timeout: 300
  when: staged.plan.action != 'none'

- name: Jump, prove it, and keep the new kernel
  kho.kexec.kexec_reboot:
    commit:
      boot_default: prefer
  when: staged.plan.action != 'none'
"""

RETURN = r"""
changed:
  description: Whether the host was told to leave its kernel, now or by an earlier run whose verdict was still to come.
  returned: always
  type: bool
  sample: true
rebooted:
  description: Whether another boot than the one that was left runs; V(null) when that is not known.
  returned: always
  type: bool
  sample: true
promise:
  description: What the target must report, as M(kho.kexec.kexec_image) wrote it down; V(null) when that is not known.
  returned: unless refused, or in check mode
  type: dict
  sample: {how: handover, release: 7.3.4-kho, previous_release: 7.2.13-kho, kexec_count: 1, abi: kho-v4}
verdict:
  description:
    - How the transition ended, in the shape of RV(kho.kexec.kexec_verdict_info#module:verdict); V(null) when there was
      nothing to judge.
    - In addition to the words there, V(unreachable), the host did not answer before the time was over, including the
      time that the guard waits.
  returned: always
  type: dict
  sample: {verdict: handover_verified, accepted: true, reason: null}
msg:
  description: The verdict's message, or why there is none.
  returned: always
  type: str
  sample: 7.3.4-kho runs and reports, as promised, that it was executed from 7.2.13-kho (count 1).
boot_id_before:
  description: The id of the boot that was left.
  returned: unless refused, or in check mode
  type: str
  sample: 14279335-2684-452e-8909-1f3ab862a53b
boot_id_after:
  description: The id of the boot that was judged; V(null) when the host did not answer.
  returned: unless refused, or in check mode
  type: str
  sample: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11
outage_seconds:
  description: How long the host's SSH server did not answer; V(null) when that was not seen.
  returned: unless refused, or in check mode
  type: float
  sample: 8.31
elapsed_seconds:
  description: How long the task took, from before the trigger to the verdict.
  returned: unless refused, or in check mode
  type: float
  sample: 13.02
probe:
  description: How the outage was measured.
  returned: when the host was waited for
  type: dict
  contains:
    route:
      description: V(banner) when the host's SSH port was asked, V(ssh) when short SSH sessions were used.
      type: str
      sample: banner
    detour:
      description: Why the port could not be asked directly, but through a jump host or not at all; V(null) when it was.
      type: str
      sample: null
    looks:
      description: How often the host was asked.
      type: int
      sample: 61
    seen_down:
      description: Whether the host was seen not to answer.
      type: bool
      sample: true
    resolution_seconds:
      description: By how much RV(outage_seconds) may be wrong; V(null) when nothing was measured.
      type: float
      sample: 0.3
left:
  description: What O(left) of the task that asks for the verdict needs; empty in check mode.
  returned: with O(wait=false), unless it failed
  type: dict
  contains:
    boot_id:
      description: The boot that the host was to leave; V(null) when it had left before.
      type: str
      sample: 14279335-2684-452e-8909-1f3ab862a53b
    at:
      description: When that boot answered last, in seconds of the controller's monotonic clock.
      type: float
      sample: 81210.52
    answer_lost:
      description: Whether the answer in which the host says that it leaves was lost.
      type: bool
      sample: false
    promise:
      description: As RV(promise).
      type: dict
      sample: {how: handover, release: 7.3.4-kho, previous_release: 7.2.13-kho, kexec_count: 1, abi: kho-v4}
    guarded_for:
      description: Seconds after which the guard gives the target up; V(null) without a guard.
      type: int
      sample: 300
    port:
      description: The SSH port that can be asked directly; V(null) where that is not possible.
      type: dict
      sample: {address: 192.0.2.10, port: 22, connect_timeout: 0.5}
    detour:
      description: Why the port cannot be asked directly; V(null) when it can.
      type: str
      sample: null
    through:
      description: Whether it can be asked through the jump hosts that ssh is configured with.
      type: bool
      sample: false
    remote_files:
      description: Directories on the host that the next task removes.
      type: list
      elements: str
      sample: []
commit:
  description: What M(kho.kexec.kexec_commit) returns.
  returned: with O(commit), when the verdict is accepted
  type: dict
  sample: {changed: true, release: 7.3.4-kho, boot_default: null, notes: []}
code:
  description: Stable name of what went wrong, for programs. The verdict, unless that is accepted.
  returned: failure
  type: str
  sample: promise_missing
timings:
  description:
    - Where the time of the two parts on the host went, C(leave) and C(verify), each in the shape of
      RV(kho.kexec.kexec_image#module:timings). A part whose answer was lost is missing.
  returned: unless refused, or in check mode
  type: dict
  sample: {verify: {observing: 0.21, deciding: 0.001, health: 0.3, loading: 0.0, writing: 0.05, total: 0.9}}
"""

import os
from typing import Any, Callable, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timings
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail, warn
from ansible_collections.kho.kexec.plugins.module_utils._options.jump import jump_spec, shutdown_seconds
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import alone, run_identity_of, time_of_day

# Seconds that devices and links of a host that has just booted get to appear.
SETTLE = 60.0
NO_PHASE = Refusal(
    "action_plugin_missing",
    "The module kexec_reboot was run on the host without its action plugin, which waits for the new kernel. "
    "Nothing was done. Call it as kho.kexec.kexec_reboot in a task, from an installed collection.",
)


def wait_until_idle(host: Host, options: Mapping[str, Any], check_mode: bool) -> float:
    """Wait until nothing keeps the host from being left, where it is about to be; returns the seconds."""
    if check_mode or options["phase"] != "leave":
        return 0.0
    # What this phase does not need is not compiled: on slow hosts the import takes longer than all else.
    from ansible_collections.kho.kexec.plugins.module_utils._host import busy

    return busy.wait_until_idle(host, options["busy_timeout"])


def leave_now(host: Host, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have the host leave its kernel."""
    from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import Departure, leave

    patience = shutdown_seconds(options["timeout"], options["shutdown_timeout"])
    departure = Departure(os.getpid(), patience, options["phase"] == "leave_again")
    return leave(host, departure, run_identity_of(options, time_of_day()), check_mode)


def judge_now(host: Host, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have the running kernel judged."""
    examine = examining_with(options) if options["health"] else None
    keeping = options["commit"]
    if not keeping:
        from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import verify

        return verify(host, examine, check_mode)
    from ansible_collections.kho.kexec.plugins.module_utils._transition.keep import Keeping, verify_and_commit

    how = Keeping(keeping["boot_default"], keeping["release"], tuple(keeping["accept"]))
    return verify_and_commit(host, examine, how, run_identity_of(options, time_of_day()), check_mode)


def examining_with(options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return how the host's health is to be examined."""
    from ansible_collections.kho.kexec.plugins.module_utils._health.watch import Checks
    from ansible_collections.kho.kexec.plugins.module_utils._transition.examine import examining

    return examining(
        Checks(
            ignored=tuple(options["health_ignore"]),
            commands=tuple(tuple(str(word) for word in command) for command in options["health_commands"]),
            command_timeout=options["health_command_timeout"],
            settle=SETTLE,
            soak=options["health_soak"],
            own_troubles=options["health_own_troubles"],
        )
    )


def main() -> None:
    module = AnsibleModule(argument_spec=jump_spec(), supports_check_mode=True)
    host, options = LocalHost(), module.params
    try:
        if options["phase"] is None:
            raise NO_PHASE
        go = judge_now if options["phase"] == "verify" else leave_now
        waited = wait_until_idle(host, options, module.check_mode)
        with alone(host, module.check_mode, judges=go is judge_now):
            result = {"busy_seconds": waited, **go(host, options, module.check_mode)}
    except KhoError as error:
        fail(module, error)
    warn(module, result.get("commit", {}).get("notes", []))
    module.exit_json(**result, timings=timings())


if __name__ == "__main__":
    main()
