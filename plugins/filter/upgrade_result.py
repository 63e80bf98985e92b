# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_result
short_description: What became of a host that was upgraded
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - Makes C(kexec_upgrade_result) of what the tasks of a host returned. The role P(kho.kexec.kexec_upgrade#role) does so
    at its end; a playbook with tasks of its own can.
  - Results of tasks that did not run are left out, or empty.
extends_documentation_fragment:
  - kho.kexec.results
positional: _input
options:
  _input:
    description:
      - The name of the host in the inventory.
    type: str
    required: true
  stage:
    description:
      - What M(kho.kexec.kexec_image) returned.
    type: dict
    default: {}
  guard:
    description:
      - What M(kho.kexec.kexec_guard) returned when it was armed.
    type: dict
    default: {}
  default:
    description:
      - What M(kho.kexec.boot_default) returned before a cold boot.
    type: dict
    default: {}
  message:
    description:
      - What went wrong, for people.
    type: str
    default: ""
  check_mode:
    description:
      - Whether the tasks only said what they would do.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Say how it went
  ansible.builtin.set_fact:
    kexec_upgrade_result: >-
      {{
        inventory_hostname | kho.kexec.upgrade_result(stage=image, transition=jump, commit=kept,
                                                      check_mode=ansible_check_mode)
      }}
"""

RETURN = r"""
_value:
  description:
    - Says for the host which release ran (C(from)), the target (C(to)), the C(action) of the plan, what was C(promised)
      and C(reported), the C(verdict), whether it was C(accepted) and C(committed), C(rolled_back_to), the C(code) of
      what went wrong, a C(message) about that, C(boot_id_left) and C(outage_seconds). What there is not is V(null).
  type: dict
  sample: {host: web1, from: 7.2.13-kho, to: 7.3.4-kho, verdict: handover_verified, accepted: true, committed: true}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import outcome

TASKS = ("stage", "guard", "default", "transition", "commit", "rollback")


def upgrade_result(
    host: str, *, message: str = "", check_mode: bool = False, **returned: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what became of ``host``. Raises AnsibleFilterError for a task that there is not."""
    unknown = sorted(returned.keys() - set(TASKS))
    if unknown:
        raise AnsibleFilterError(
            f"kho.kexec.upgrade_result knows no {', '.join(unknown)}; it knows {', '.join(TASKS)}."
        )
    told = {task: returned.get(task) or {} for task in TASKS}
    rollback = told.pop("rollback")
    return outcome.upgrade_result(host, outcome.Results(**told, only_planned=check_mode), rollback, message)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by their names."""
        return {"upgrade_result": upgrade_result}
