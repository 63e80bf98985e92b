#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage a kernel for a proven handover, or take it back: kexec_image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_image
short_description: Stage a kernel for a proven kexec handover
version_added: 0.1.0
description:
  - Finds the target among the installed kernels, predicts whether Kexec HandOver (KHO) will carry over to it, and
    loads it with C(kexec -s -l) and nothing else. Only that system call hands anything over.
  - Before it loads, it writes down on the host what the target must report once it runs (the promise), so
    M(kho.kexec.kexec_reboot) or any later run can prove the handover.
  - Whatever speaks against a handover is refused before anything is changed, unless O(handover), O(fallback) or
    O(accept) allow it. RV(code) names the first reason and C(plan.reasons) explains all of them.
  - For a cold boot nothing is loaded, and what this module loaded is unloaded.
  - "When the jump that an earlier run prepared has already happened, C(plan.action) is V(verify): nothing is staged
    until M(kho.kexec.kexec_reboot) has judged it."
  - When the target already runs, an image that was staged for another target by this module is unloaded.
  - An image that somebody else loaded is neither replaced nor unloaded.
  - While it stages, it also notes how healthy the host is, so M(kho.kexec.kexec_reboot) can tell what is new after
    the jump.
options:
  state:
    description:
      - With V(loaded), the target is the next kernel.
      - With V(unloaded), the host is as it was before it was staged. An image that this module loaded in this boot is
        unloaded, its promise is removed, a guard that M(kho.kexec.kexec_guard) armed in this boot is disarmed, and the
        claim of this run ends. The other options have no effect then.
    type: str
    choices: [loaded, unloaded]
    default: loaded
  guard:
    description:
      - Arms M(kho.kexec.kexec_guard) with these options in the same round trip, after a target was loaded for a kexec.
        Where no guard can be armed although it is O(guard.required), what was loaded is unloaded, and the task fails.
      - Without it, no guard is armed.
    type: dict
    suboptions:
      confirm_timeout:
        description: As O(kho.kexec.kexec_guard#module:confirm_timeout).
        type: int
        default: 300
      required:
        description: As O(kho.kexec.kexec_guard#module:required).
        type: bool
        default: true
      watchdog:
        description: As O(kho.kexec.kexec_guard#module:watchdog).
        type: str
        choices: [ignore, prefer, require]
        default: prefer
      watchdog_timeout:
        description: As O(kho.kexec.kexec_guard#module:watchdog_timeout).
        type: int
        default: 120
  window:
    description:
      - When hosts may be started, as O(kho.kexec.kexec_gate#module:window) describes it. Outside, the task fails with
        the code V(window_closed), and nothing is staged. Unloading and check mode need no window.
    type: raw
  entry_point:
    description:
      - For the tasks of the role C(kexec_upgrade). Which entry point of the role runs. Its options are checked before
        the host is asked, as by M(kho.kexec.kexec_options), and the role's variables say what is loaded.
    type: str
    choices: [main, stage]
notes:
  - The target gets the running kernel's command line, without C(BOOT_IMAGE) and C(initrd=), edited as the options say,
    with C(kho=on), and with C(panic=). Everything else stays as it is, in its order. What the kernels add themselves
    (C(CONFIG_CMDLINE)) is taken out, and what a boot configuration has added, where the target brings one of its own.
  - What was read and judged is what is loaded. A file that changes in between is refused (C(image_changed)).
  - A unified kernel image (UKI) is taken apart, and several initrds are joined, in a directory below C(/run) that only
    root may enter. What was made there is removed after the load.
  - While an image is loaded, C(systemctl reboot) and C(ansible.builtin.reboot) start it too. To get to the firmware
    instead, use O(state=unloaded) first.
  - Connections that lead to the controller or to something without a kernel of its own (C(local), C(docker), C(chroot)
    and so on) are refused before the host is asked, in check mode too.
  - Each load and unload uses up one of the sysctl C(kernel.kexec_load_limit_reboot), if that is set.
requirements:
  - Linux with CONFIG_KEXEC_FILE and CONFIG_KEXEC_HANDOVER, started with C(kho=on); Linux 7.1 or newer for the proof
  - kexec-tools
  - root
seealso:
  - module: kho.kexec.kexec_plan_info
  - module: kho.kexec.kexec_reboot
  - module: kho.kexec.kexec_verdict_info
  - module: kho.kexec.kho_facts
extends_documentation_fragment:
  - kho.kexec.policy
  - kho.kexec.claim
  - kho.kexec.busy
  - kho.kexec.attributes.action
  - action_common_attributes
  - action_common_attributes.conn
  - action_common_attributes.flow
attributes:
  check_mode:
    description: Plans for real, and stages nothing.
  diff_mode:
    support: full
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Stage the newest installed kernel
  kho.kexec.kexec_image:
  register: staged

- name: Stage it, and have the old kernel come back when nobody confirms it within ten minutes
  kho.kexec.kexec_image:
    guard:
      confirm_timeout: 600

- name: Stage exactly this kernel, also if it is older than the running one
  kho.kexec.kexec_image:
    release: 7.2.13-kho
    allow_downgrade: true

- name: Go there, and prove it
  kho.kexec.kexec_reboot:
  when: staged.plan.action != 'none'

- name: Accept that the target does not take what it is handed
  kho.kexec.kexec_image:
    release: 7.2.*
    accept: [kho_abi_mismatch]

- name: Take the staged kernel back
  kho.kexec.kexec_image:
    state: unloaded
"""

RETURN = r"""
running:
  description: The running kernel, in the shape of C(ansible_facts.kho) of M(kho.kexec.kho_facts).
  returned: always, unless O(state=unloaded) is refused before the kernel was looked at
  type: dict
  sample: {release: 7.2.13-kho, boot: cold, previous_release: null, kexec_count: 0, abi: kho-v4, enabled: true}
target:
  description:
    - The target as it is installed, in the shape of RV(kho.kexec.kexec_plan_info#module:target); V(null) when none was
      found, and with O(state=unloaded).
  returned: always
  type: dict
  sample: {release: 7.3.4-kho, image: /boot/vmlinuz-7.3.4-kho, initrds: [/boot/initrd.img-7.3.4-kho]}
plan:
  description:
    - What was decided, in the shape of RV(kho.kexec.kexec_plan_info#module:plan); V(null) with O(state=unloaded).
  returned: always
  type: dict
  contains:
    action:
      description:
        - V(handover), the target is staged (in check mode, would be) and awaits the jump.
        - V(kexec), the same, and what is promised is a kexec without handover.
        - V(cold_boot), nothing is loaded, and the host awaits its cold boot.
        - V(verify), the jump of an earlier run has happened and awaits its verdict.
        - V(none), the target already runs, and its transition, if it was judged in this boot, was accepted.
        - V(refuse), the task failed because of C(reasons).
      type: str
      sample: handover
transition:
  description: The transition record that is on the host after the task; V(null) when there is none.
  returned: always
  type: dict
  sample:
    schema: 3
    state: loaded
    created: '2026-11-22T15:00:00Z'
    left: {release: 7.2.13-kho, boot_id: 14279335-2684-452e-8909-1f3ab862a53b, kexec_count: 0}
    promise: {release: 7.3.4-kho, previous_release: 7.2.13-kho, kexec_count: 1, abi: kho-v4, how: handover}
    image:
      kernel: /boot/vmlinuz-7.3.4-kho
      initrds: []
      command_line: root=LABEL=root kho=on panic=10
      fingerprint: '14524416:1763827200000000000:131'
    verdict: null
    rollback: false
    committed: false
    build: '#1 SMP PREEMPT_DYNAMIC Sat Nov 21 08:55:12 UTC 2026'
uncommitted:
  description: Whether the kernel that runs was verified in this boot and not committed, as after a run that has died.
  returned: success, with O(state=loaded)
  type: bool
  sample: false
notes:
  description: What an operator should know beside the plan, in the shape of C(plan.warnings).
  returned: success, with O(state=loaded)
  type: list
  elements: dict
  sample: []
guard:
  description: What M(kho.kexec.kexec_guard) returns; V(null) without O(guard), and where no kexec is staged.
  returned: success, with O(state=loaded)
  type: dict
  sample: {changed: true, guard: {state: armed, confirm_timeout: 300}}
claim:
  description: Who works on the host, since when, and until when others keep away.
  returned: when it was refused for that
  type: dict
  sample:
    owner: root@controller (process 4711)
    run: 14279335-2684-452e-8909-1f3ab862a53b/pid:[4026531836] 4711 123456
    since: '2026-11-22T15:00:00Z'
    until: '2026-11-22T15:30:00Z'
diff:
  description: The staged image before and after; C(image) is V(null) where none is staged.
  returned: success
  type: dict
  sample:
    before: {image: null}
    after:
      image: /boot/vmlinuz-7.3.4-kho
      initrds: [/boot/initrd.img-7.3.4-kho]
      command_line: root=LABEL=root kho=on panic=10
asked:
  description: V(false), the host was not asked, because options are invalid. Nothing was done on it.
  returned: when options were refused
  type: bool
  sample: false
errors:
  description: What is wrong with options, in the shape of RV(kho.kexec.kexec_options#module:errors).
  returned: when an option of the role is invalid
  type: list
  elements: str
  sample: ["value of kexec_upgrade_guard must be one of: require, prefer, off, got: of"]
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: image_already_loaded
timings:
  description:
    - Where the time of this module on the host went, by its own monotonic clock, in seconds. A part that runs inside
      another one counts for itself only.
    - C(observing) the kernel, the images and the host, C(deciding), the C(health), C(loading) and unloading images, and
      C(writing) records, the guard and the boot loader's settings. C(total) is more than their sum, because it includes
      the time in which Python loads the module.
  returned: success
  type: dict
  sample: {observing: 0.21, deciding: 0.001, health: 0.08, loading: 0.35, writing: 0.02, total: 0.9}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings
from ansible_collections.kho.kexec.plugins.module_utils._host.busy import wait_until_idle
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timings
from ansible_collections.kho.kexec.plugins.module_utils._host.words import PREVIOUS
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail, warn
from ansible_collections.kho.kexec.plugins.module_utils._options.guard import guard_spec
from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec
from ansible_collections.kho.kexec.plugins.module_utils._options.run import run_identity_spec
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import policy_of
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import alone, run_identity_of, time_of_day
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load_guarded, unload


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["loaded", "unloaded"], "default": "loaded"},
            "window": {"type": "raw"},
            "entry_point": {"type": "str", "choices": ["main", "stage"]},
            "busy_timeout": {"type": "int", "default": 0},
            "guard": {"type": "dict", "options": guard_spec()},
            **policy_spec(),
            **run_identity_spec(),
        },
        supports_check_mode=True,
    )
    host, options = LocalHost(), module.params
    run_identity = run_identity_of(options, time_of_day())
    try:
        if options["state"] == "loaded" and options["release"] != PREVIOUS and not module.check_mode:
            wait_until_idle(host, options["busy_timeout"])
        with alone(host, module.check_mode):
            if options["state"] == "unloaded":
                result = unload(host, run_identity, module.check_mode)
            else:
                guard = GuardSettings(**options["guard"]) if options["guard"] else None
                result = load_guarded(host, policy_of(options), guard, run_identity, module.check_mode)
    except KhoError as error:
        fail(module, error)
    warn(module, [*(result["plan"] or {}).get("warnings", []), *result.get("notes", [])])
    module.exit_json(**result, timings=timings())


if __name__ == "__main__":
    main()
