# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of modules: only what is understood of an answer gets in, and a claiming module is told who
asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import (
    AnswerInvalid,
    interpreter_facts,
    printed_answer,
    understood,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import dead_run, run_identity
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.session import reason_of

# A run that was killed may leave a module behind that claims the host for it after another was taken over.
MOST_DEAD_RUNS = 5
# What Ansible's own code raises over answers that it does not expect.
STUMBLES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
STATUS = "ansible.legacy.async_status"
_JOB = re.compile(r"[\w.-]{1,100}", re.ASCII)


def taking_over(execute: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Execute a module, given who asks, until no claim of a dead run is in its way; returns its last answer."""
    asks = run_identity()
    answer = execute(asks)
    while (dead := dead_run(answer)) is not None and len(asks["over"]) < MOST_DEAD_RUNS:
        asks = {**asks, "over": [*asks["over"], dead]}
        answer = execute(asks)
    return answer


class Listening(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Keeps what the host printed from Ansible, which would act on it, and show it, before an action can look."""

    _printed: tuple[str, str] | None = None

    def _parse_returned_data(self, res: Mapping[str, Any], *rest: Any, **named: Any) -> Any:
        self._printed = (str(res.get("stdout") or ""), str(res.get("stderr") or ""))
        return super()._parse_returned_data({**res, "stdout": "{}", "stderr": ""}, *rest, **named)

    def ask(self, name: str, task_vars: dict[str, Any], **how: Any) -> Any:
        """Have a module executed, and return its answer as it came. Raises AnswerInvalid, and what connections raise.

        What comes from Ansible itself, when the module was not run, is returned as it is.
        """
        self._printed = None
        try:
            answer = self._execute_module(module_name=name, task_vars=task_vars, **how)
        except STUMBLES as error:
            raise AnswerInvalid(f"Ansible stumbled over it ({type(error).__name__}).") from error
        return answer if self._printed is None else printed_answer(*self._printed)


def facts_of_interpreter(plugin: Any) -> dict[str, Any]:
    """Return what Ansible would have put into the answer: where it found the host's Python. Else it asks each time."""
    key = getattr(plugin, "_discovered_interpreter_key", None)
    return interpreter_facts(key, getattr(plugin, "_discovered_interpreter", None))


class RebuildingAction(Listening):
    """Runs the module of the same name; the result is built anew, as RETURN of the module says.

    An answer that is not understood is a failure with the code ``answer_invalid``.
    """

    TRANSFERS_FILES = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            answer = self._answer(task_vars or {})
        except KhoError as error:
            answer = {"changed": False, **failed_with(error.code, error.message)}
        facts = {**(answer.get("ansible_facts") or {}), **facts_of_interpreter(self)}
        return {**result, **answer, **({"ansible_facts": facts} if facts else {})}

    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        return self._asked(task_vars, self._given(task_vars))

    def _given(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the task gives the module."""
        del task_vars
        return dict(self._task.args)

    def _asked(self, task_vars: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.ask(self._task.action, task_vars, module_args={**arguments})
        return understood(self._task.action.rsplit(".", 1)[-1], answer)


class PatientAction(RebuildingAction):
    """Also takes ``async``, and waits for the job itself: Ansible would take its answer as it comes."""

    _supports_async = True

    _limit = 0

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # `until` calls this again.
        self._limit = self._task.async_val or self._limit
        self._task.async_val = self._limit
        try:
            return super().run(tmp, task_vars)
        finally:
            # As long as this is set, Ansible waits for a job.
            self._task.async_val = 0

    def _asked(self, task_vars: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        if not self._task.async_val:
            return super()._asked(task_vars, arguments)
        if self._task.poll <= 0:
            raise KhoError(
                "poll_missing",
                "With `async`, this task needs a `poll` above 0: another task would fetch the host's answer unchecked, "
                "and Ansible acts on what it is told. Set `poll`, for example to 5.",
            )
        started = self.ask(self._task.action, task_vars, module_args={**arguments}, wrap_async=True)
        job = started.get("ansible_job_id") if isinstance(started, Mapping) else None
        if not isinstance(job, str) or not _JOB.fullmatch(job):
            raise AnswerInvalid("it names no job, although one was to be started.")
        answer = self._ended(job, task_vars)
        return understood(self._task.action.rsplit(".", 1)[-1], answer)

    def _ended(self, job: str, task_vars: dict[str, Any]) -> Mapping[str, Any]:
        deadline = Deadline(MonotonicClock(), self._task.async_val)
        while not deadline.expired():
            deadline.sleep(self._task.poll)
            try:
                answer = self.ask(STATUS, task_vars, module_args={"jid": job})
            except (AnsibleConnectionFailure, AnswerInvalid):
                continue
            if isinstance(answer, Mapping) and answer.get("finished") in (1, True):
                self.ask(STATUS, task_vars, module_args={"jid": job, "mode": "cleanup"})
                return answer
        raise KhoError(
            "job_unfinished",
            f"The job {job} did not end within {self._task.async_val} s (`async`), or the host did not say so. It may "
            "still run. Give it more time, or look on the host at what it is doing.",
        )


class LosingAction(RebuildingAction):
    """A host that is lost meanwhile is ``failed``, with the code ``unreachable``.

    Ansible would call it unreachable, which neither a rescue nor the end of a wave sees.
    """

    def _answer(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            return super()._answer(task_vars)
        except AnsibleConnectionFailure as failure:
            raise KhoError(
                "unreachable",
                f"The host cannot be reached, so what this task was to do may not be done: {reason_of(failure)}.",
            ) from failure


class ClaimingAction(LosingAction):
    """Runs the module of the same name, which takes an ``run_identity``."""

    def _asked(self, task_vars: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        if "run_identity" in arguments:
            raise KhoError(
                "asker_set",
                "A task cannot set `run_identity`: the action plugin sets it. Leave it out.",
            )
        given = self._arguments(dict(arguments))
        asked = super()._asked
        return taking_over(lambda asks: asked(task_vars, {**given, "run_identity": asks}))

    def _arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what the module is given. Raises KhoError when the controller's half refuses."""
        return arguments
