#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a host back when nobody confirms its new kernel, or confirm it: kexec_guard."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_guard
short_description: Bring a host back when nobody confirms its new kernel
version_added: 0.1.0
description:
  - Arms a guard before the jump. In the new boot, a systemd timer waits for the confirmation. When none comes in time,
    the guard cold-boots the host, and the boot loader's default, which is still the old kernel, comes back. The guard
    needs neither the controller nor the network.
  - Disarming it in the new boot confirms the new kernel. Disarming it before the jump takes it back.
  - The guard never does anything in the boot that armed it. It fires once at most, and not when the release that was
    left runs again.
  - Also has the hardware watchdog go on counting over the jump, where there is one. RV(phases) says for each phase of
    the transition what would bring the old kernel back on this host.
options:
  state:
    description:
      - With V(armed), the boot after this one is guarded.
      - With V(disarmed), the kernel that runs is confirmed. The other options have no effect then.
      - A run that was killed leaves nothing that could fire. Run it again to finish it, with either state.
    type: str
    choices: [armed, disarmed]
    default: armed
  confirm_timeout:
    description:
      - Seconds from the start of the new kernel within which it must be confirmed.
      - From V(30) to V(86400).
    type: int
    default: 300
  required:
    description:
      - Whether to fail on a host that can have no guard. Otherwise, RV(armed) is V(false) and RV(notes) say why.
    type: bool
    default: true
  watchdog:
    description:
      - What to do with the hardware watchdog.
      - V(prefer) uses it where there is one, and RV(notes) say what it does not cover.
      - V(require) fails unless the machine is known to be reset when the new kernel hangs early.
      - V(ignore) leaves it alone.
    type: str
    choices: [ignore, prefer, require]
    default: prefer
  watchdog_timeout:
    description:
      - Seconds from the end of the old kernel after which the watchdog resets the machine, unless the new kernel has
        taken it over. Must be longer than the new kernel needs to load the watchdog's driver.
      - From V(30) to V(86400); the hardware may allow less.
    type: int
    default: 120
notes:
  - Before the cold boot, the guard unloads what is loaded for a kexec. Services are stopped in order, for 60 seconds at
    most. Then the host is forced to reboot.
  - By hand, C(rm /etc/systemd/system/sysinit.target.d/kho-kexec-guard.conf) takes the guard out of action.
  - systemd stops the watchdog before a kexec, and most drivers do too. To go on counting, it needs
    C(watchdog.stop_on_reboot=0) on the command line of the kernel that is left. What this module sets in systemd
    (C(KExecWatchdogUSec)) holds until the next boot, and leaves no file behind.
  - A guard that waits in the new boot is never replaced. Disarm it first (RV(code), V(guard_waiting)).
requirements:
  - systemd 239 or newer; 245 or newer for the watchdog
  - root
seealso:
  - module: kho.kexec.kexec_image
  - module: kho.kexec.kexec_reboot
  - module: kho.kexec.boot_default
extends_documentation_fragment:
  - kho.kexec.attributes.action
  - action_common_attributes
  - action_common_attributes.conn
  - action_common_attributes.flow
attributes:
  diff_mode:
    support: full
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Bring this host back when its new kernel is not confirmed within ten minutes
  kho.kexec.kexec_guard:
    confirm_timeout: 600
  register: guard

- name: Show what is not covered
  ansible.builtin.debug:
    msg: "{{ item.phase }}: {{ item.why }}"
  loop: "{{ guard.phases | rejectattr('covered', 'true') }}"
  loop_control:
    label: "{{ item.phase }}"

- name: Confirm the new kernel
  kho.kexec.kexec_guard:
    state: disarmed
"""

RETURN = r"""
armed:
  description: Whether a guard is armed after the task (in check mode, would be).
  returned: success
  type: bool
  sample: true
guard:
  description: The guard's record after the task; V(null) when there is none. One that has ended stays until the next.
  returned: success
  type: dict
  contains:
    state:
      description:
        - V(armed), it waits for its boot, or for the confirmation.
        - V(fired), it has given the order to cold-boot.
        - V(spent), the release that was left ran again, so there was nothing to do.
      type: str
      sample: armed
    armed_boot_id:
      description: The id of the boot that armed it.
      type: str
      sample: 14279335-2684-452e-8909-1f3ab862a53b
    left_release:
      description: The release that ran then.
      type: str
      sample: 7.2.13-kho
    confirm_timeout:
      description: O(confirm_timeout).
      type: int
      sample: 300
    created:
      description: When it was armed (UTC).
      type: str
      sample: '2026-11-22T15:00:00Z'
    watchdog_usec:
      description: What C(KExecWatchdogUSec) was set to; V(null) when it was left alone.
      type: int
      sample: 120000000
    watchdog_before_usec:
      description: What it was before.
      type: int
      sample: 0
    fired_boot_id:
      description: The id of the boot in which it fired, otherwise V(null).
      type: str
      sample: null
    fired_release:
      description: The release that was not confirmed, otherwise V(null).
      type: str
      sample: null
    fired_at:
      description: When it fired (UTC), otherwise V(null).
      type: str
      sample: null
returns_to:
  description: The release that a cold boot starts; V(null) when that is not known, and unless a guard is armed.
  returned: success
  type: str
  sample: 7.2.13-kho
phases:
  description: What brings the old kernel back in each phase of the transition; empty unless a guard is armed.
  returned: success
  type: list
  elements: dict
  contains:
    phase:
      description:
        - V(jump), from the jump until the new kernel's driver takes over the watchdog. Where the driver is a module,
          that is in the initramfs or later.
        - V(kernel), from there until systemd runs.
        - V(confirmation), from there until the new kernel is confirmed.
      type: str
      sample: jump
    covered:
      description: Whether the old kernel comes back by itself; V(null) when that is not known.
      type: bool
      sample: true
    by:
      description: What covers the phase or a part of it, V(watchdog), V(guard), or parameters of the kernel.
      type: list
      elements: str
      sample: [watchdog]
    why:
      description: What happens, and what is not covered.
      type: str
      sample: The machine is reset 120 s after the old kernel has ended.
watchdog:
  description: The watchdog as it was before the task, V(null) for what is not known; V(null) unless a guard is armed.
  returned: success
  type: dict
  sample:
    present: true
    identity: i6300ESB timer
    state: inactive
    timeout: 30
    nowayout: false
    software: false
    keeps_counting: true
    kexec_usec: 0
    runtime_usec: 0
notes:
  description: What an operator should know, for example why there is no guard, or where it does not lead back.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Stable name, for programs.
      type: str
      sample: watchdog_stops_on_reboot
    message:
      description: What was found, why it matters, and what to do.
      type: str
      sample: The watchdog may stop when the kernel is left.
diff:
  description: The guard's record before and after; empty where there is none.
  returned: success
  type: dict
  sample: {before: {}, after: {state: armed, left_release: 7.2.13-kho, confirm_timeout: 300}}
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: guard_fired
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings, arm
from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import disarm
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail
from ansible_collections.kho.kexec.plugins.module_utils._options.guard import guard_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["armed", "disarmed"], "default": "armed"},
            **guard_spec(),
        },
        supports_check_mode=True,
    )
    host, options = LocalHost(), dict(module.params)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        if options.pop("state") == "disarmed":
            result = disarm(host, module.check_mode)
        else:
            result = arm(host, GuardSettings(**options), now, module.check_mode)
    except KhoError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
