#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_lock
short_description: Take and give back reboot slots of a FleetLock server
version_added: 0.1.0
description:
  - Takes a slot for each of O(holders) from a server that speaks the FleetLock protocol, or gives them back, so
    several controllers and other tools that reboot hosts share one budget.
  - All slots are taken together or none. Two waves never wait for each other. The server's budget must allow
    for all of O(holders).
  - Both can be repeated. A slot that a holder has is taken again, and giving back one that it does not have is no
    error.
  - Runs on the controller and asks no host.
notes:
  - While a task waits, slots that could be had are given back before the next try. So is the slot that a holder may
    have kept since an earlier run failed.
seealso:
  - name: FleetLock protocol
    description: The requests, and what a server answers.
    link: https://coreos.github.io/zincati/development/fleetlock/protocol/
options:
  url:
    description:
      - The server's base URL, without C(v1/pre-reboot). No redirection is followed.
    type: str
    required: true
  group:
    description: The reboot group on the server. Letters, digits, dots and hyphens.
    type: str
    default: default
  holders:
    description:
      - Who holds the slots, as the server is to know them. With an empty list nothing is done.
      - When other tools lock slots for the same hosts, use the names that they use.
    type: list
    elements: str
    required: true
  state:
    description: Whether the holders have their slots.
    type: str
    required: true
    choices: [locked, unlocked]
  timeout:
    description:
      - Seconds to wait for the slots, or for a server that takes them back.
      - Then the task fails, with O(state=locked) without a slot.
    type: int
    default: 3600
  interval:
    description: Seconds between two requests. For locking, each pause is up to a half shorter or longer.
    type: int
    default: 10
  validate_certs:
    description: Whether to refuse a server whose certificate cannot be verified.
    type: bool
    default: true
  ca_path:
    description: A file of the controller with the certificates to trust.
    type: path
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - action_common_attributes
  - action_common_attributes.conn
  - action_common_attributes.flow
attributes:
  check_mode:
    details: The server is not asked.
  diff_mode:
    support: none
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Take a slot for every host of this batch
  kho.kexec.fleet_lock:
    url: https://fleetlock.example.com
    group: workers
    holders: "{{ ansible_play_batch }}"
    state: locked
  run_once: true

- name: Give one back
  kho.kexec.fleet_lock:
    url: https://fleetlock.example.com
    group: workers
    holders: ["{{ inventory_hostname }}"]
    state: unlocked
"""

RETURN = r"""
holders:
  description: Who has, or no longer has, a slot.
  returned: success
  type: list
  elements: str
  sample: [web1, web2]
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: fleet_lock_refused
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import FLEET_LOCK, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=FLEET_LOCK, supports_check_mode=True)
    fail(module, without_controller("fleet_lock", "asks the server"))


if __name__ == "__main__":
    main()
