# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for ansible.posix.json, which ansible-core does not bring: nothing but JSON on standard output."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: json
type: stdout
short_description: Results as JSON
description: Results of tasks that ended well, as one JSON object at the end.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """Gathers results by the name of their task, prints them at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "json"

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._results: dict[str, Any] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        self._results[result._task.get_name()] = result._result

    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        self._display.display(json.dumps(self._results))
