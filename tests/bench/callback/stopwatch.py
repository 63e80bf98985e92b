# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long each task took on each host, as the controller saw it."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: stopwatch
type: aggregate
short_description: Seconds of each task
description: Appends a line of JSON for each task that ended well to the file that C(BENCH_SAMPLES) names.
"""

# What modules of the collection say of their own time.
SAID = ("timings", "outage_seconds")


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """From the start of a task to its result; only right for plays on one host, where nothing goes on beside it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "stopwatch"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del task, is_conditional
        self._started = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        said = {name: result._result[name] for name in SAID if name in result._result}
        sample = {"task": result._task.get_name(), "seconds": time.monotonic() - self._started, **said}
        with open(os.environ["BENCH_SAMPLES"], "a", encoding="utf-8") as samples:
            samples.write(json.dumps(sample) + "\n")
