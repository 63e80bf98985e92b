# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how a rollout goes, and what became of each host. What is known of it is in plugin_utils/_rollout."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout
type: aggregate
short_description: The progress of a rollout, a table of every host's transition, and a file with the results
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - While it runs, prints one line for each thing that happens to a host and is worth one - staged, refused, leaving its
    kernel, its verdict and outage, rolled back, committed, lost, and failures of other tasks. Below, how far the
    wave is, and an estimate of the time left. It assumes that each wave takes as long as the last one in which hosts
    jumped, and is C(?) until there is one, or a host of the first wave has come to its end.
  - At the end, prints one line for each host that M(kho.kexec.kexec_image) or M(kho.kexec.kexec_reboot) ran on, or that
    was lost before - the release that was left, the target, what the new kernel was to report and what it reported
    (previous release and count), the verdict, the outage in seconds, and the seconds from the start of its wave
    until it was known how it came out. Below, how many hosts got which verdict. With more than 50 hosts, only those
    that are not done have a line, failed and unknown ones first, at most 200.
  - When a host was rolled back after its upgrade, the row keeps the upgrade, and the verdict says how both ended, such
    as C(unhealthy, rolled back), or C(rollback) and why that failed. A host on which another task failed between
    the verdict and M(kho.kexec.kexec_commit) is C(unhealthy) too. C(not committed) says that the commit
    failed, and C(target not reached) that what an earlier run began was kept and is another kernel.
  - When the rollout did not come to its end, also when it was interrupted with Ctrl-C, says who is done, failed, rolled
    back, untouched, and of whom nobody knows.
  - In check mode, and when only M(kho.kexec.kexec_plan_info) ran, the table says instead what would be done - the
    release that runs, the target, the action, what would be promised, warnings and the code of a refusal. Below, for
    each refusal, what is wrong and what to do.
  - Prints nothing when no such task ran. A host that is lost counts when such a task ran in the same play.
  - Prints to standard error when standard output is for a program, as with C(ansible.posix.json) and
    C(ansible.posix.jsonl); there is no bar then.
  - Keeps Python's garbage collector off what the controller holds, in the processes that Ansible forks. Each that
    collects would copy nearly all of it, which made rollouts of thousands of hosts slower, and took gigabytes.
  - Plain ASCII unless the output is a terminal. What hosts report is reduced to printable ASCII always.
options:
  progress:
    description:
      - How to show how far the wave is.
      - V(bar) keeps it on the last row of the terminal, while all other output scrolls above.
      - V(lines) prints a line when a wave begins and ends, and in between when something happens to a host, every 30
        seconds at most.
      - V(auto) is V(bar) on a terminal, and V(lines) when it cannot move its cursor (E(TERM) is C(dumb)), and when
        E(NO_COLOR) or E(ANSIBLE_NOCOLOR) asks for plain output.
      - When the output is no terminal, V(bar) is V(lines) too.
    type: str
    choices: [auto, bar, lines, none]
    default: auto
    env:
      - name: KHO_KEXEC_ROLLOUT_PROGRESS
    ini:
      - section: callback_rollout
        key: progress
  events:
    description:
      - Whether to print a line for each thing that happens to a host. A refusal is shown by Ansible itself.
    type: bool
    default: true
    env:
      - name: KHO_KEXEC_ROLLOUT_EVENTS
    ini:
      - section: callback_rollout
        key: events
  results_directory:
    description:
      - Where to write the results of each run, as C(rollout-BEGIN.json) for programs and C(rollout-BEGIN.html) for
        people. BEGIN is the time in UTC, so their names sort by age. Both are written anew after each wave.
      - Without it, nothing is written.
      - The page C(docs/reference/rollout_results.md) of the collection has the schema.
    type: path
    env:
      - name: KHO_KEXEC_ROLLOUT_RESULTS_DIRECTORY
    ini:
      - section: callback_rollout
        key: results_directory
requirements:
  - Enable it with C(callbacks_enabled = kho.kexec.rollout) in ansible.cfg or
    C(ANSIBLE_CALLBACKS_ENABLED=kho.kexec.rollout) in the environment.
"""

import atexit
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase

from ansible_collections.kho.kexec.plugins.module_utils._host.words import PREVIOUS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import is_for_programs
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import speaks_unicode
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import heap
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.events import HostEvent
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.results import ResultsKeeper, Setting
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.rollout import PLANNERS
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import Batch, RunLog
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.screen import Screen, chosen_progress, without_bar
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.summary import RUNNING, report, state_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import batch_sizes

GATE = "kexec_gate"
MODULES = ("kexec_commit", "kexec_image", "kexec_options", "kexec_plan_info", "kexec_reboot")


def harmless(method: Callable[..., None]) -> Callable[..., None]:
    """Keep a mistake in reporting from disturbing what is reported on, and others from printing at the same time."""

    @wraps(method)
    def guarded(self: Any, *arguments: Any, **keywords: Any) -> None:
        try:
            # The lock under which Ansible prints, and forks: no worker begins with half a line in its buffer.
            with self._display._lock:
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
        self._run_log = RunLog()
        self._began = time.monotonic()
        self._playbook: str | None = None
        self._is_told = True
        self._is_for_programs = is_for_programs(constants.DEFAULT_STDOUT_CALLBACK)
        self._screen: Screen | None = None
        self._results: ResultsKeeper | None = None

    # --- what Ansible says ----------------------------------------------------------------------------------------

    @harmless
    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook = os.path.basename(playbook._file_name)

    @harmless
    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._end_wave()
        self._run_log.expect(self._now(), batch_of(play, self._run_log.knows(str(play._uuid))))
        heap.freeze_all()

    @harmless
    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del is_conditional
        if is_of_a_rollout(task):
            self._begin_wave()
        heap.freeze_new()

    @harmless
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        module, name = module_of(task), host.get_name()
        if module == "kexec_reboot" and not task.check_mode:
            self._show(name, self._run_log.note_jump(self._now(), name))
        if is_of_a_rollout(task):
            self._run_log.note_begin(name)

    @harmless
    def v2_runner_on_skipped(self, result: Any) -> None:
        self._run_log.note_skip(result._host.get_name())

    @harmless
    def v2_runner_on_ok(self, result: Any) -> None:
        if module_of(result._task) == GATE and result._task.check_mode:
            self._run_log.note_waves(result._result)
        self._note(result, failed=False)

    @harmless
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._note(result, failed=True) or ignore_errors:
            return
        if result._task.run_once:
            self._run_log.note_stop(result._result, module_of(result._task) == GATE)
            return
        host, task = result._host.get_name(), str(result._task.get_name())
        self._show(host, self._run_log.note_failure(self._now(), host, result._result, task))

    @harmless
    def v2_runner_on_unreachable(self, result: Any) -> None:
        host = result._host.get_name()
        self._show(host, self._run_log.note_lost(self._now(), host, goes_back(result._task)))

    @harmless
    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        self._end_wave()
        self._tell(ended=True)

    @harmless
    def _at_exit(self) -> None:
        """Tell what is known when Ansible ends without its own end, as after Ctrl-C."""
        if self._screen is not None:
            self._screen.close()
        if not self._is_told:
            self._run_log.end_wave(self._now(), interrupted=True)
            self._tell(ended=False)

    # --- what is made of it ---------------------------------------------------------------------------------------

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _begin_wave(self) -> None:
        wave = self._run_log.begin_wave()
        if wave is None:
            return
        self._is_told = False
        is_first = self._screen is None
        if is_first:
            # Workers are forks of this process, and must not tell the end.
            pid = os.getpid()
            atexit.register(lambda: self._at_exit() if os.getpid() == pid else None)
            wanted = without_bar(self.get_option("progress")) if self._is_for_programs else self.get_option("progress")
            progress = chosen_progress(wanted, sys.stdout, os.environ, constants.ANSIBLE_NOCOLOR)
            self._screen = Screen(self._run_log, self._now, self._print, self._display._lock, progress)
        self._screen.wave_begins(wave)
        if is_first:
            self._open_results()

    @harmless
    def _open_results(self) -> None:
        directory = self.get_option("results_directory")
        if not directory:
            return
        begin = datetime.fromtimestamp(time.time() - self._now(), timezone.utc)
        setting = Setting(begin, self._playbook, bool(context.CLIARGS.get("check")), socket.gethostname())
        self._results = ResultsKeeper(Path(directory), self._run_log, setting, time.monotonic)
        self._write(RUNNING)

    def _end_wave(self) -> None:
        wave = self._run_log.end_wave(self._now())
        if wave is None:
            return
        if self._screen is not None:
            self._screen.wave_ends(wave)
        self._write(RUNNING)

    @harmless
    def _write(self, state: str, last: bool = False) -> None:
        """Write the results; on its own, so a full disk costs nothing but these."""
        if self._results is None:
            return
        self._results.write(state, self._now(), last)
        if last:
            self._print(f"Results: {self._results.path}")

    def _print(self, text: str) -> None:
        """Print a line, not into what is for a program."""
        self._display.display(text, stderr=self._is_for_programs)

    def _show(self, host: str, event: HostEvent | None) -> None:
        if self._screen is not None:
            # Ansible has just shown the refusal, with its code.
            is_shown = self.get_option("events") and (self._is_for_programs or event is None or event.kind != "refused")
            self._screen.happened(host, event if is_shown else None)

    def _tell(self, ended: bool) -> None:
        """Print the table, and write the last results."""
        self._is_told = True
        state = state_of(self._run_log, ended)
        if self._screen is not None:
            self._screen.close()
        for line in report(self._run_log, state, self._now(), not speaks_unicode(sys.stdout)):
            if line.is_title and not self._is_for_programs:
                self._display.banner(line.text)
            else:
                self._print(line.text)
        self._write(state, last=True)

    def _note(self, result: Any, failed: bool) -> bool:
        """Note the result of a task of ours; returns False for the others."""
        module, task = module_of(result._task), result._task
        if not is_of_a_rollout(task):
            return False
        self._begin_wave()
        # Since ansible-core 2.19 only the name of the hook says whether the task failed.
        noted = {**result._result, "failed": failed}
        now, name = self._now(), result._host.get_name()
        if module == "kexec_options" and not failed:
            self._run_log.note_skip(name)
            return True
        if task.args.get("state") == "unloaded":
            self._show(name, self._run_log.note_unloading(now, name, noted))
            return not failed
        check_mode = bool(task.check_mode)
        self._show(name, self._run_log.note_result(now, name, module, noted, check_mode, goes_back(task)))
        commit = noted.get("commit")
        if isinstance(commit, Mapping):
            self._show(name, self._run_log.note_result(now, name, "kexec_commit", commit, check_mode, back=False))
        return True


def batch_of(play: Any, is_known: bool) -> Batch:
    """Return the hosts that ``play`` begins with; all that it will come to, unless that ``is_known``."""
    inventory = getattr(play.get_variable_manager(), "_inventory", None)
    if inventory is None:
        return Batch(str(play._uuid), [], None, [])
    names = [host.get_name() for host in inventory.get_hosts(play.hosts, order=play.order)]
    if is_known:
        return Batch(str(play._uuid), names, [], [])
    hosts = inventory.get_hosts(play.hosts, ignore_restrictions=True, order=play.order)
    return Batch(str(play._uuid), names, [host.get_name() for host in hosts], batch_sizes(play.serial, len(hosts)))


def module_of(task: Any) -> str:
    """Return the name of the task's module without its collection."""
    return str(task.action).rsplit(".", 1)[-1]


def is_of_a_rollout(task: Any) -> bool:
    """Tell whether the task is one that tells of a host's transition; other roles have their options checked, too."""
    return module_of(task) in MODULES and task.args.get("role", "kexec_upgrade") == "kexec_upgrade"


def goes_back(task: Any) -> bool:
    """Tell whether the task is about the kernel that ran before: how a rollback begins."""
    if module_of(task) == "kexec_options":
        return bool(task.args.get("entry_point") == "rollback")
    return module_of(task) in PLANNERS and task.args.get("release") == PREVIOUS
