# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what became of each host. See plugin_utils/_rollout.py for what it knows and _table.py for how it looks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout
type: aggregate
short_description: A table of every host's transition at the end of a run
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - Prints one line for each host that M(kho.kexec.kexec_image) or M(kho.kexec.kexec_reboot) ran on, or that was lost
    before - the release that was left, the target, what the new kernel was to report and what it reported
    (previous release and count), the verdict, and the outage in seconds. Below, how many hosts got which verdict.
  - When a host was rolled back after its upgrade, the row keeps the upgrade, and the verdict says how both ended, such
    as C(unhealthy, rolled back), or C(rollback) and why that failed. A host on which another task failed between
    the verdict and M(kho.kexec.kexec_commit) is C(unhealthy) too. C(not committed) says that the commit failed.
  - In check mode, and when only M(kho.kexec.kexec_plan_info) ran, the table says instead what would be done - the
    release that runs, the target, the action, what would be promised, warnings and the code of a refusal. Below, for
    each refusal, what is wrong and what to do.
  - Prints nothing when no such task ran.
  - Plain ASCII unless the output is a terminal. What hosts report is reduced to printable ASCII always.
requirements:
  - Enable it with C(callbacks_enabled = kho.kexec.rollout) in ansible.cfg or
    C(ANSIBLE_CALLBACKS_ENABLED=kho.kexec.rollout) in the environment.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.kho.kexec.plugins.module_utils._policy import PREVIOUS
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import (
    HEADER,
    OUTAGE_COLUMN,
    PLANNERS,
    PREVIEW_HEADER,
    Rollout,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._table import render_table

MODULES = ("kexec_commit", "kexec_image", "kexec_plan_info", "kexec_reboot")


def harmless(method: Callable[..., None]) -> Callable[..., None]:
    """Keep a mistake in reporting from disturbing what is reported on."""

    @wraps(method)
    def guarded(self: Any, *arguments: Any, **keywords: Any) -> None:
        try:
            method(self, *arguments, **keywords)
        except Exception as error:
            self._display.warning(f"kho.kexec.rollout could not report something: {type(error).__name__}: {error}")

    return guarded


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kho.kexec.rollout"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._rollout = Rollout()

    @harmless
    def v2_runner_on_ok(self, result: Any) -> None:
        self._note(result, failed=False)

    @harmless
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._note(result, failed=True) or ignore_errors or result._task.run_once:
            return
        self._rollout.note_failure(result._host.get_name(), result._result)

    @harmless
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._rollout.note_lost(result._host.get_name(), goes_back(result))

    @harmless
    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        rollout, ascii_only = self._rollout, not speaks_unicode(sys.stdout)
        if rollout.is_preview:
            table = render_table(PREVIEW_HEADER, rollout.preview_rows(), ascii_only)
            self._print("KERNEL ROLLOUT (PLAN)", table, rollout.preview_counts(), rollout.remedies())
        elif rows := rollout.rows():
            table = render_table(HEADER, rows, ascii_only, right=frozenset({OUTAGE_COLUMN}))
            self._print("KERNEL ROLLOUT", table, rollout.counts(), [])

    def _print(self, title: str, table: list[str], counts: list[tuple[str, int]], remarks: list[str]) -> None:
        summary = ", ".join(f"{word}: {count}" for word, count in counts)
        self._display.banner(title)
        for line in [*table, "", summary, *(text for remark in remarks for text in ("", remark))]:
            self._display.display(line)

    def _note(self, result: Any, failed: bool) -> bool:
        """Note the result of a task of ours; returns False for the others."""
        module = module_of(result)
        if module not in MODULES or result._task.args.get("state") == "unloaded":
            return False
        # Since ansible-core 2.19 only the name of the hook says whether the task failed.
        noted = {**result._result, "failed": failed}
        name, check_mode = result._host.get_name(), bool(result._task.check_mode)
        self._rollout.note_result(name, module, noted, check_mode, goes_back(result))
        return True


def module_of(result: Any) -> str:
    """Return the name of the task's module without its collection."""
    return str(result._task.action).rsplit(".", 1)[-1]


def goes_back(result: Any) -> bool:
    """Tell whether the task stages the kernel that ran before, which is how a rollback begins."""
    return module_of(result) in PLANNERS and result._task.args.get("release") == PREVIOUS


def speaks_unicode(stream: Any) -> bool:
    """Tell whether ``stream`` is a terminal that shows more than ASCII."""
    encoding = (getattr(stream, "encoding", None) or "").lower()
    return bool(stream.isatty()) and encoding.startswith("utf")
