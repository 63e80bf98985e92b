#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm a verified kernel and make it the boot loader's default: kexec_commit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_commit
short_description: Confirm a verified kernel, and make it the boot loader's default
version_added: 0.1.0
description:
  - Ends a transition whose verdict was accepted. The guard of M(kho.kexec.kexec_guard) is disarmed, then the running
    kernel becomes what every later cold boot starts, as by M(kho.kexec.boot_default), and the claim of this run ends.
    All in one round trip.
  - Refuses a kernel whose transition awaits its verdict, or was not accepted in this boot. Until a commit, a power
    cycle returns to the old kernel.
  - Can be run again. A host on which all is done already is not changed.
options:
  boot_default:
    description:
      - With V(require), the task fails when the boot loader's default cannot be set and is not the running kernel
        anyway. The guard is disarmed then, and the verified kernel stays until the next cold boot.
      - With V(prefer), that is a warning.
      - With V(never), the default is left alone.
    type: str
    choices: [require, prefer, never]
    default: require
  release:
    description:
      - The release that was to be reached. When another one runs, it is confirmed all the same, and then the task fails
        with the code V(target_not_reached).
    type: str
  accept:
    description:
      - Codes of refusals that are accepted. Only V(last_verdict_not_accepted) and
        V(previous_transition_unverified) have a meaning here.
    type: list
    elements: str
    default: []
requirements:
  - root
seealso:
  - module: kho.kexec.kexec_guard
  - module: kho.kexec.boot_default
  - module: kho.kexec.kexec_reboot
extends_documentation_fragment:
  - kho.kexec.claim
  - kho.kexec.attributes.action
  - action_common_attributes
  - action_common_attributes.conn
  - action_common_attributes.flow
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Jump, and prove it
  kho.kexec.kexec_reboot:

- name: Keep the new kernel
  kho.kexec.kexec_commit:

- name: Keep it for this boot only
  kho.kexec.kexec_commit:
    boot_default: never
"""

RETURN = r"""
release:
  description: The release that runs, and stays.
  returned: success
  type: str
  sample: 7.3.4-kho
guard:
  description: What M(kho.kexec.kexec_guard) returns with C(state=disarmed).
  returned: success
  type: dict
  sample: {changed: true, guard: null}
boot_default:
  description: What M(kho.kexec.boot_default) returns; V(null) when the default was left alone, or could not be set.
  returned: success
  type: dict
  sample: {changed: true, loader: grub, after: {release: 7.3.4-kho}}
notes:
  description: What an operator should know.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Stable name of the note, for programs.
      type: str
      sample: boot_default_not_pinned
    message:
      description: What was found, why it matters, and what to do.
      type: str
      sample: The boot loader cannot be told what to start.
claim:
  description: Who works on the host, since when, and until when others keep away.
  returned: when it was refused for that
  type: dict
  sample: {owner: root@controller (process 4711), since: '2026-11-22T15:00:00Z', until: '2026-11-22T15:30:00Z'}
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: last_verdict_not_accepted
timings:
  description: Where the time went, in the shape of RV(kho.kexec.kexec_image#module:timings).
  returned: success
  type: dict
  sample: {observing: 0.21, deciding: 0.001, health: 0.08, loading: 0.35, writing: 0.02, total: 0.9}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timings
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail, warn
from ansible_collections.kho.kexec.plugins.module_utils._options.run import commit_spec, run_identity_spec
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import alone, run_identity_of, time_of_day
from ansible_collections.kho.kexec.plugins.module_utils._transition.commit import commit, require_reached


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **commit_spec(),
            **run_identity_spec(),
        },
        supports_check_mode=True,
    )
    options = module.params
    run_identity = run_identity_of(options, time_of_day())
    try:
        host = LocalHost()
        with alone(host, module.check_mode):
            result = commit(host, options["boot_default"], options["accept"], run_identity, module.check_mode)
            require_reached(options["release"], result)
    except KhoError as error:
        fail(module, error)
    warn(module, result["notes"])
    module.exit_json(**result, timings=timings())


if __name__ == "__main__":
    main()
