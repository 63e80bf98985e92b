# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_gate: knows Ansible and waits, and leaves what must hold to plugin_utils/_waves/gate.py."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import GATE
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import RefusingAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._waves import gate
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.batch import results_of, wave_now, waves_of_play
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.pause import reason_to_pause
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import windows_of

LOOK_EVERY = 1
"""Seconds between two looks for the pause file."""
SAY_EVERY = 60
"""Seconds between two lines that say what is waited for."""


class ActionModule(RefusingAction):
    SPEC = GATE

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Wait until what must hold holds, or return the failure."""
        windows = windows_of(options["window"]) if options["window"] is not None else ()
        budget = gate.budget_of(options["max_failed"], options["max_failed_percentage"])
        all_waves = waves_of_play(task_vars, options["sizes"], options["limits"])
        if self._task.check_mode:
            message = gate.preview(all_waves, windows, now())
            if options["at"] == "begin":
                say(message)
            return {"msg": message, "waves": len(all_waves)}
        wave = wave_now(task_vars, all_waves)
        numbers = {"wave": wave.number, "waves": wave.total}
        if options["at"] == "begin":
            if options["passed"] and wave.earlier:
                before = replace(wave, hosts=tuple(all_waves[wave.number - 2]))
                gate.require_passed(wave, results_of(before, task_vars, options["passed"]).values())
            wait_for_removal(options["pause_file"], wave)
            return {**numbers, **gate.may_begin(wave, windows, now()).as_dict()}
        results = results_of(wave, task_vars, options["result"]) if options["result"] else None
        judged = gate.judge(wave, results, task_vars["ansible_play_hosts"], budget, options["stopped"] or "")
        if options["at"] == "soak":
            if judged.passed and gate.moved(results):
                soak(options["soak"], wave)
            return {**numbers, "msg": judged.message}
        return {**numbers, **judged.as_dict()}


def wait_for_removal(path: str | None, wave: gate.Wave) -> None:
    """Wait while a file is on the controller, for as long as it takes, and say so every minute."""
    says_next = time.monotonic()
    while path is not None and (why := reason_to_pause(path)) is not None:
        if time.monotonic() >= says_next:
            how_on = "To go on, remove it; to stop, end this run: no host of it is on its way."
            say(f"{why}, so {wave} waits. {how_on}")
            says_next += SAY_EVERY
        time.sleep(LOOK_EVERY)


def soak(seconds: int, wave: gate.Wave) -> None:
    """Let the kernels of a wave run for a while before they are looked at again."""
    if seconds > 0:
        until = (now() + timedelta(seconds=seconds)).astimezone()
        say(f"{wave} soaks for {counted(seconds, 'second')}, until {until:%H:%M:%S}.".capitalize())
        time.sleep(seconds)


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(timezone.utc)
