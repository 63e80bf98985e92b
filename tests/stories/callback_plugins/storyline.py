# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the storyteller, in a file of JSON lines, which task begins, and what became of each host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storyline
type: aggregate
short_description: Tell the storyteller what happens
description:
  - Writes a line of JSON for each task that begins, that ran on a host or was skipped there, and for each
    kexec_upgrade_result.
requirements:
  - The environment variable E(STORYLINE) names the file.
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

RESULT = "kexec_upgrade_result"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "storyline"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del is_conditional
        self._write({"task": task.get_name().rpartition(" : ")[2]})

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write({"ran": result._host.get_name()})
        facts = result._result.get("ansible_facts")
        if isinstance(facts, dict) and RESULT in facts:
            self._write({"result": facts[RESULT]})

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        del ignore_errors
        self._write({"ran": result._host.get_name()})
        if not result._task.run_once:
            self._write({"failed": str(result._result.get("msg")), "code": result._result.get("code")})

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write({"skipped": result._host.get_name()})

    def _write(self, line: dict[str, Any]) -> None:
        with open(os.environ["STORYLINE"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
