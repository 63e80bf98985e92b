# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: recovery
short_description: How a host on which an upgrade failed is brought back
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - Says what is to be done about a host on which an upgrade failed, and what became of the host, from what its tasks
    have returned. The role P(kho.kexec.kexec_upgrade#role) does that then.
  - Results of tasks that did not run are left out, or empty.
extends_documentation_fragment:
  - kho.kexec.results
positional: _input
options:
  _input:
    description:
      - What M(kho.kexec.kexec_image) returned.
    type: dict
    required: true
  undo:
    description:
      - What M(kho.kexec.kexec_image) returned for O(kho.kexec.kexec_image#module:state=unloaded).
    type: dict
    default: {}
  failed:
    description:
      - The result of the task that failed.
    type: dict
    default: {}
  on_failure:
    description:
      - Whether a new kernel that runs is left again (V(roll_back)), or stays (V(keep)).
    type: str
    choices: [roll_back, keep]
    default: roll_back
"""

EXAMPLES = r"""
- name: Undo what was staged
  kho.kexec.kexec_image:
    state: unloaded
  when: (image | kho.kexec.recovery(transition=jump)).step == 'undo'
"""

RETURN = r"""
_value:
  description:
    - The C(step) that is to be taken (V(nothing), V(undo) or V(roll_back)), whether the host C(runs_what_it_ran),
      whether it C(has_left) the kernel that it ran, and a C(message) for people that says what went wrong and what
      became of it.
  type: dict
  sample: {step: undo, runs_what_it_ran: true, has_left: false, message: An alert fires. The target is unloaded.}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.recovery import KEEP, ROLL_BACK, Recovery

TASKS = ("transition", "commit", "undo", "rollback", "failed")


def recovery(
    stage: Mapping[str, Any], *, on_failure: str = ROLL_BACK, **returned: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return how the host is brought back. Raises AnsibleFilterError for a word that is not known."""
    unknown = sorted(returned.keys() - set(TASKS))
    if unknown:
        raise AnsibleFilterError(f"kho.kexec.recovery knows no {', '.join(unknown)}; it knows {', '.join(TASKS)}.")
    if on_failure not in (ROLL_BACK, KEEP):
        raise AnsibleFilterError(f"kho.kexec.recovery: on_failure is {on_failure}, and must be {ROLL_BACK} or {KEEP}.")
    told = {task: returned.get(task) or {} for task in TASKS}
    results = Results(stage or {}, transition=told["transition"], commit=told["commit"])
    found = Recovery(results, told["undo"], told["rollback"], on_failure, told["failed"])
    return {
        "step": found.step,
        "has_left": found.has_left,
        "runs_what_it_ran": found.runs_what_it_ran,
        "message": found.message,
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by their names."""
        return {"recovery": recovery}
