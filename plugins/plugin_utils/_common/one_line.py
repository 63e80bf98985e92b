# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure that is no error of the task: it is shown in one line, with its code and all of its message."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

SHOWS_THE_TASK = "omit_exception_key"
"""What exceptions of actions have since ansible-core 2.19, which shows the lines of the file that the task is in."""


class Stop(AnsibleActionFail):  # type: ignore[misc]  # ansible-core has no types
    """Where the task is says nothing of why it failed."""

    @property
    def omit_exception_key(self) -> bool:
        """Have ansible-core leave out its account of the error, which repeats the message."""
        return True


def in_one_line(task: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an action answers. Raises Stop with a failure, where Ansible would show more than its line.

    Not for a task that is tried again, or that says itself when it has failed: what is raised passes by both.
    """
    is_final = not (task.until or task.retries or task.failed_when)
    if answer.get("failed") and is_final and hasattr(AnsibleActionFail, SHOWS_THE_TASK):
        told = {name: value for name, value in answer.items() if name not in ("failed", "msg")}
        raise Stop(str(answer.get("msg") or ""), result=told)
    return answer
