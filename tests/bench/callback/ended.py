# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes when the task that jumps ended on each host, as the controller saw it, and what it returned."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ended
type: aggregate
short_description: When tasks ended
description: Appends a line of JSON for each end of a task that is called C(Jump) to the file that C(BENCH_ENDED) names.
"""

TASK = "Jump"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """The wall clock, which all on this machine share."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "ended"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: Any) -> None:
        self._note(result, failed=False)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        del ignore_errors
        self._note(result, failed=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._note(result, failed=True)

    def _note(self, result: Any, failed: bool) -> None:
        if result._task.get_name() != TASK:
            return
        line = {"host": result._host.get_name(), "at": time.time(), "failed": failed, "returned": result._result}
        with open(os.environ["BENCH_ENDED"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
