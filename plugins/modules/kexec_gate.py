#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_gate
short_description: What must hold before a wave begins, and when it has ended
version_added: 0.1.0
description:
  - Decides whether a rollout in waves goes on, waits, or stops. Take one before the first task of a play, and one after
    the last; the playbook C(kho.kexec.kexec_upgrade) does.
  - With O(at=begin), waits while the file O(pause_file) exists, and then fails unless O(window) is open.
  - With O(at=end), compares the hosts that went into the wave with those that came out proven, and fails when more
    failed than the budget allows (O(max_failed), O(max_failed_percentage)).
  - With O(at=soak), waits for O(soak) seconds after a wave, and never fails. What tasks after it find may take the
    acceptance of hosts back.
  - Hosts that Ansible has lost count as failed. C(max_fail_percentage) of a play does not see unreachable ones.
  - When it fails, it fails for every host of the wave, so no other wave and no other play follows. The message
    names who is not proven and who is untouched.
  - Runs on the controller, once for the whole wave, and asks no host.
options:
  at:
    description:
      - Where the gate is, before a wave or after it.
    type: str
    required: true
    choices: [begin, soak, end]
  sizes:
    description:
      - How many hosts a wave has, as the lookup P(kho.kexec.waves#lookup) was told for the play's C(hosts) and
        C(serial). In a play without that lookup, what C(serial) is.
    type: raw
    default: canary
  limits:
    description:
      - How many hosts of a group a wave has, as the lookup P(kho.kexec.waves#lookup) was told.
    type: dict
    default: {}
  window:
    description:
      - With O(at=begin), when a wave may begin. A mapping, or a list of them, one of which must be open. Without it,
        always.
      - C(from) and C(to) are local times in quotes, such as V("22:00"). A window whose C(to) is not later than its
        C(from) ends on the next day. The whole day is from V("00:00") to V("24:00").
      - C(timezone) is a name of the IANA time zones, such as V(Europe/Berlin). Without it, the times are in UTC.
      - C(days) are those on which the window opens, of V(mon), V(tue), V(wed), V(thu), V(fri), V(sat), V(sun). Without
        it, all.
      - A time that exists twice when the clocks are put back is the first of the two. One that they skip is as much
        later as they are put forward.
      - In YAML, a time without quotes may be read as a number, and is refused then.
    type: raw
  pause_file:
    description:
      - With O(at=begin), a path on the controller. While there is such a file, the wave does not begin, however long
        that takes. A line every minute says so.
    type: path
  passed:
    description:
      - With O(at=begin), the name of the variable that O(at=end) was registered in. A wave does not begin unless the
        one before it has passed that gate. Ansible leaves the gate out when a task of one host for the whole wave
        finds that host unreachable.
    type: str
  result:
    description:
      - With O(at=soak) and O(at=end), the name of the variable with each host's result, as the role
        P(kho.kexec.kexec_upgrade#role) leaves it in C(kexec_upgrade_result). A host is proven when C(accepted) is true
        in it.
      - Without it, a host is proven when Ansible has not lost it until here.
    type: str
  max_failed:
    description:
      - With O(at=end), how many hosts may have failed since the rollout began, in all waves together.
      - It is 0 when O(max_failed_percentage) is not given either. When both are given, both must hold.
    type: int
  max_failed_percentage:
    description:
      - With O(at=end), how many percent of the hosts of the wave may have failed. The rollout stops when it is more.
      - Ansible itself ends a play after a wave of which nobody is left, whatever the budget.
    type: int
  stopped:
    description:
      - With O(at=end), why the rollout stops here, although the hosts of this run may be proven. Where several runs
        share a rollout, it is RV(kho.kexec.kexec_rollout#module:stop). Empty when the rollout goes on.
    type: str
  soak:
    description:
      - With O(at=soak), the seconds to wait before the task ends, so what goes wrong later is seen by tasks after
        it. There is no wait when the rollout stops, or when no host of the wave has changed its kernel (as O(result)
        says).
      - The wait is one process on the controller, whatever the number of hosts.
    type: int
    default: 0
notes:
  - Needs the strategy V(linear), since others know no task that ends a wave.
  - In check mode, says what the waves would be, and neither waits nor fails for what is found.
  - What was begun is never stopped. A host whose result has the code V(window_closed) counts as untouched, not as
    failed, and ends the rollout after its wave.
seealso:
  - plugin: kho.kexec.waves
    plugin_type: lookup
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  bypass_host_loop:
    support: full
  diff_mode:
    details: Changes nothing.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Upgrade hosts in waves
  hosts: "{{ rollout | flatten }}"
  serial: "{{ rollout | map('length') | list }}"
  gather_facts: false
  strategy: ansible.builtin.linear
  vars:
    sizes: [1, 10%, 50%]
    limits: {zone_*: 5}
    rollout: "{{ query('kho.kexec.waves', 'web', sizes=sizes, limits=limits) }}"
  pre_tasks:
    - name: Wait for the window, and while somebody pauses the rollout
      kho.kexec.kexec_gate:
        at: begin
        sizes: "{{ sizes }}"
        limits: "{{ limits }}"
        pause_file: ~/pause-rollout
        window:
          from: "01:00"
          to: "05:00"
          timezone: Europe/Berlin
          days: [mon, tue, wed, thu, fri]
      run_once: true
  tasks:
    - name: Upgrade this host
      ansible.builtin.import_role:
        name: kho.kexec.kexec_upgrade
  post_tasks:
    - name: Let the new kernels run for ten minutes
      kho.kexec.kexec_gate:
        at: soak
        sizes: "{{ sizes }}"
        limits: "{{ limits }}"
        result: kexec_upgrade_result
        soak: 600
      run_once: true

    - name: Look at this host again
      ansible.builtin.include_role:
        name: kho.kexec.kexec_upgrade
        tasks_from: watch

    - name: Go on when at most two hosts have failed until now
      kho.kexec.kexec_gate:
        at: end
        sizes: "{{ sizes }}"
        limits: "{{ limits }}"
        result: kexec_upgrade_result
        max_failed: 2
      run_once: true
"""

RETURN = r"""
wave:
  description: Which wave it is, from 1.
  returned: not in check mode
  type: int
  sample: 2
waves:
  description: How many waves there are.
  returned: always
  type: int
  sample: 5
proven:
  description: How many hosts of this wave are proven; 0 before it.
  returned: not in check mode
  type: int
  sample: 399
unproven:
  description: How many hosts have failed since the rollout began; 0 before a wave.
  returned: not in check mode
  type: int
  sample: 1
untouched:
  description: How many hosts are untouched by this run.
  returned: not in check mode
  type: int
  sample: 3600
code:
  description: Why the rollout stops here, see the page on troubleshooting.
  returned: failure
  type: str
  sample: rollout_stopped
msg:
  description: What the gate found; when the rollout stops, with the first names of the hosts not proven or untouched.
  returned: always
  type: str
  sample: "After wave 2 of 5: 399 proven, 1 failed since the rollout began."
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import GATE, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=GATE, supports_check_mode=True)
    fail(module, without_controller("kexec_gate", "knows the wave"))


if __name__ == "__main__":
    main()
